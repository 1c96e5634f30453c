"""streaq: ten handlers at a time."""

import asyncio

import pace
from streaq import Worker

worker = Worker(redis_url=f"unix://{pace.SOCKET}", concurrency=10)


@worker.task(name="email", ttl=0)
async def email(to: str, n: int, subject: str) -> None:
    pace.note()


async def fill():
    async with worker:
        for start in range(0, pace.JOBS, 500):
            tasks = [email.enqueue(**pace.PAYLOAD) for _ in range(start, min(start + 500, pace.JOBS))]
            await worker.enqueue_many(tasks)
    pace.say(pace.JOBS, 1)


if pace.WHAT == "fill":
    asyncio.run(fill())
else:
    worker.run_sync()
