#!/usr/bin/env python3
"""Handlers: pond worker --queue emails --exec 'python handlers.py'"""
from millpond import Fail, Job, handles, run


@handles("email.send")
def send(job: Job) -> dict[str, str]:
    to: str = job["data"]["to"]
    if "@" not in to:
        raise Fail(f"{to} is no address", cause="no_address")  # no further try can help
    job.heartbeat(0.5, "connected")
    print(f"a mail to {to}")  # goes to the worker's log
    return {"sent": to}


if __name__ == "__main__":
    run()
