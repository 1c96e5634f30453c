"""Handlers for `pond worker --exec`: copy this file beside yours. It needs nothing but Python."""
import json
import os
import select
import sys
import traceback

_in = os.fdopen(os.dup(0), "rb")
_out = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what libraries print goes to the log, not between the messages
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # and what they start reads nothing of ours
_handlers = {}


class Retry(Exception):  # to be called again: Retry("the API is busy", after_ms=30000)
    def __init__(self, text, **more): super().__init__(text); self.more = more


class Fail(Retry):  # when no further try can help: Fail("no such user", cause="no_user")
    pass


class Cancelled(BaseException):  # comes from heartbeat() when the job should stop: its time is up, or somebody cancelled it
    pass


class Job(dict):  # the request: job["id"], job["kind"], job["data"], job["attempt"], job.get("key") …
    def say(self, type, **members):
        _out.write(json.dumps({"type": type, "id": self["id"], **members}).encode() + b"\n")
        _out.flush()

    def heartbeat(self, progress=None, note=None):
        self.say("heartbeat", progress=progress, note=note)
        if select.select([_in], [], [], 0)[0]:  # while a job runs, nothing comes but the word to stop
            raise Cancelled

    def enqueue(self, kind, data=None, **options):  # key=, delay_ms=, queue=, priority=, correlation_id=
        self.say("enqueue", kind=kind, data=data, **options)

    def spend(self, usd):
        self.say("spend", usd=usd)


def handles(kind):
    return lambda function: _handlers.setdefault(kind, function)


def run():
    for line in iter(_in.readline, b""):
        job = Job(json.loads(line))
        try:
            if job["type"] != "job": continue  # a word to stop that came after the answer
            if job["kind"] not in _handlers: raise Fail(f"no handler for {job['kind']}", cause="unknown_kind")
            job.say("done", result=_handlers[job["kind"]](job))
        except Retry as error: job.say("fail" if isinstance(error, Fail) else "retry", error=str(error), **error.more)
        except Cancelled: job.say("retry", error="it was told to stop")
        except Exception as error:
            traceback.print_exc()
            job.say("retry", error=f"{type(error).__name__}: {error}")
