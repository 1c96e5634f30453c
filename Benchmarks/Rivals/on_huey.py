"""huey: ten worker threads, no results, no periodic tasks."""

import pace
from huey import RedisHuey

huey = RedisHuey("bench", url=f"unix://{pace.SOCKET}", results=False)


@huey.task()
def email(to, n, subject):
    pace.note()


if pace.WHAT == "fill":
    for _ in range(pace.JOBS):
        email(**pace.PAYLOAD)
    pace.say(pace.JOBS, 1)
else:
    huey.create_consumer(workers=10, periodic=False, check_worker_health=False).run()
