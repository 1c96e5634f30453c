"""Celery: one process without a pool of others (solo), no results, acknowledged early, as it comes."""

import pace
from celery import Celery

app = Celery("bench", broker=f"redis+socket://{pace.SOCKET}")
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 100


@app.task(name="email")
def email(to, n, subject):
    pace.note()


if pace.WHAT == "fill":
    with app.producer_pool.acquire() as producer:
        for _ in range(pace.JOBS):
            email.apply_async(kwargs=pace.PAYLOAD, producer=producer)
    pace.say(pace.JOBS, 1)
else:
    options = ["--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"]
    app.worker_main(["--quiet", "worker", *options])
