"""taskiq: a stream with acknowledgements, ten handlers at a time, no results."""

import asyncio

import pace
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(url=f"unix://{pace.SOCKET}", xread_count=100)


@broker.task(task_name="email")
async def email(to: str, n: int, subject: str) -> None:
    pace.note()


async def main():
    broker.is_worker_process = pace.WHAT == "work"
    await broker.startup()
    if pace.WHAT == "fill":
        for _ in range(pace.JOBS):
            await email.kiq(**pace.PAYLOAD)
        pace.say(pace.JOBS, 1)
    else:
        await run_receiver_task(broker, max_async_tasks=10, max_prefetch=100)


asyncio.run(main())
