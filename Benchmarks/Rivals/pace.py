"""What all rivals in Python share: what they are asked for, the payload, and the count of jobs that have run.

Each is called as `python on_huey.py SOCKET fill|work JOBS`. `work` prints its pace when its last handler has run and is gone
at once: neither its start nor the acknowledgement of the last job is held against it.
"""

import itertools
import json
import os
import sys
import time

SOCKET, WHAT, JOBS = sys.argv[1], sys.argv[2], int(sys.argv[3])
PAYLOAD = {"to": "a@b.c", "n": 12345, "subject": "hello world, how are you"}

_numbers = itertools.count(1)
_started = 0.0


def say(jobs, seconds):
    # Celery takes `sys.stdout` for its log.
    print(json.dumps({"jobs": jobs, "seconds": seconds}), file=sys.__stdout__, flush=True)


def note():
    """Called by a handler that has run."""
    global _started
    number = next(_numbers)
    if number == 1:
        _started = time.monotonic()
    if number == JOBS:
        say(JOBS - 1, time.monotonic() - _started)
        os._exit(0)
