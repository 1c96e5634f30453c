"""BullMQ's own port to Python: ten handlers at a time, done jobs removed."""

import asyncio

import pace
from bullmq import Queue, Worker
from redis.asyncio import Redis

OPTIONS = {"removeOnComplete": True}


async def email(job, token):
    pace.note()


async def main():
    connection = Redis(unix_socket_path=pace.SOCKET, decode_responses=True)
    if pace.WHAT == "fill":
        queue = Queue("bench", {"connection": connection})
        for start in range(0, pace.JOBS, 500):
            count = min(500, pace.JOBS - start)
            await queue.addBulk([{"name": "email", "data": pace.PAYLOAD, "opts": OPTIONS} for _ in range(count)])
        await queue.close()
        pace.say(pace.JOBS, 1)
    else:
        Worker("bench", email, {"connection": connection, "concurrency": 10})
        await asyncio.Event().wait()


asyncio.run(main())
