"""dramatiq: one process with 64 threads; with its default of eight it waits most of the time."""

import time

import dramatiq
import pace
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=f"unix://{pace.SOCKET}")
dramatiq.set_broker(broker)


@dramatiq.actor
def email(to, n, subject):
    pace.note()


if pace.WHAT == "fill":
    for _ in range(pace.JOBS):
        email.send(**pace.PAYLOAD)
    pace.say(pace.JOBS, 1)
else:
    dramatiq.Worker(broker, worker_threads=64).start()
    while True:
        time.sleep(1)
