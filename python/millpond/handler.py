"""Handlers for `pond worker --exec`, in Python 3.9 or later and nothing else.

    from millpond import handles, run

    @handles("email.send")
    def send(job):
        print("to", job["data"]["to"])

    run()

Start it with `pond worker --exec 'python3 handlers.py'`. A handler returns, and its job is done; it raises, and the job
is tried again. `Fail` says that no further try can help, `Retry` says when.
"""
from __future__ import annotations

import base64
import json
import math
import os
import re
import select
import sys
import threading
import traceback
from typing import Any, Callable, Dict, List, Optional, TypeVar

__all__ = ["Cancelled", "Fail", "Job", "NotJSON", "Result", "Retry", "handles", "run"]

Handler = Callable[["Job"], Any]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

RESULT_BYTES_MAX = 65_536  # what a worker keeps of a result
TEXT_MAX = 4_000  # characters of an error or a traceback that are sent


class Retry(Exception):
    """This try failed: Retry("the API is busy", after_ms=30000). `root_cause` may name what failures have in common."""

    def __init__(
        self,
        text: str,
        *,
        after_ms: Optional[int] = None,
        root_cause: Optional[str] = None,
        trace: Optional[str] = None,
    ) -> None:
        super().__init__(text)
        self.more = _members(after_ms=_whole("after_ms", after_ms), **_texts(root_cause=root_cause, trace=trace))


class Fail(Retry):
    """No further try can help: Fail("no such user", cause="no_user")."""

    def __init__(
        self,
        text: str,
        *,
        cause: Optional[str] = None,
        root_cause: Optional[str] = None,
        trace: Optional[str] = None,
    ) -> None:
        super().__init__(text, root_cause=root_cause, trace=trace)
        self.more.update(_members(**_texts(cause=cause)))


class NotJSON(Fail, ValueError):
    """What was to be sent is no JSON (NaN, a date, bytes …); each further try would come to the same."""


class Cancelled(BaseException):
    """The job should stop: its time is up, somebody cancelled it, or the worker ends. Comes from `heartbeat()`."""


class Result:
    """A result that is kept itself, and not only its checksum: return Result({"rows": 7}, keep_ms=3600000)."""

    def __init__(self, value: Any, keep_ms: Optional[int] = None) -> None:
        self.value = value
        self.keep_ms = _whole("keep_ms", keep_ms)


class Job(Dict[str, Any]):
    """The request: job["id"], job["kind"], job["data"], job["attempt"], job.get("key") …"""

    def __init__(self, members: Dict[str, Any], line: "_Talk") -> None:
        super().__init__(members)
        self._line = line

    def __missing__(self, name: str) -> Any:
        if name == "data" and "data_base64" in self:
            text = 'the payload is no JSON, so there is no job["data"]; job.payload has its bytes (data_base64)'
            raise Fail(text, cause="undecodable_payload")
        raise KeyError(name)

    @property
    def payload(self) -> bytes:
        """The payload's bytes, for what is no JSON."""
        if "data_base64" in self:
            return base64.b64decode(self["data_base64"])
        return _encoded(self["data"], "the payload")

    def heartbeat(self, progress: Optional[float] = None, note: Optional[str] = None) -> None:
        """Says that the job lives, and how far it is, from 0 to 1. Raises Cancelled when it should stop."""
        number = None if progress is None else float(progress)
        if number is not None and not math.isfinite(number):
            number = None
        self._say("heartbeat", progress=number, note=None if note is None else str(note))
        if self._line.is_cancelled(self["id"]):
            raise Cancelled

    def enqueue(
        self,
        kind: str,
        data: Any = None,
        *,
        queue: Optional[str] = None,
        key: Optional[str] = None,
        delay_ms: Optional[int] = None,
        priority: Optional[str] = None,
        correlation_id: Optional[str] = None,
    ) -> None:
        """Enqueues a child job, in this job's queue unless another is named. Raises NotJSON at once."""
        texts = _texts(kind=kind, queue=queue, key=key, priority=priority, correlation_id=correlation_id)
        options = _members(**texts, delay_ms=_whole("delay_ms", delay_ms))
        members = {"type": "enqueue", "id": self["id"], "data": data, **options}
        self._line.write(_encoded(members, f"a child job {kind}"))

    def spend(self, usd: float) -> None:
        """Counts money against the job's budget."""
        self._say("spend", usd=float(usd))

    def _say(self, type: str, **members: Any) -> None:
        self._line.write(_encoded({"type": type, "id": self["id"], **members}, f"the message {type}"))

    def _done(self, value: Any) -> None:
        """The work is done: a result that cannot be sent is left out, and the log says why."""
        if value is None:
            return self._say("done")
        result = value if isinstance(value, Result) else Result(value)
        more = _members(keep_ms=result.keep_ms)
        try:
            size = len(_encoded(result.value, "the result"))
            if size > RESULT_BYTES_MAX:
                raise NotJSON(f"the result has {size} bytes, {RESULT_BYTES_MAX} are allowed")
            self._say("done", result=result.value, **more)
        except NotJSON as error:
            self._say("done", result_dropped=str(error)[:TEXT_MAX])

    def _failed(self, type: str, text: str, **more: Any) -> None:
        try:
            self._say(type, error=text[:TEXT_MAX], **more)
        except NotJSON:
            self._say(type, error=text[:TEXT_MAX])


_handlers: Dict[str, Handler] = {}
_kinds: List[Dict[str, Any]] = []


def handles(
    kind: str, *, attempts: Optional[int] = None, timeout_ms: Optional[int] = None
) -> Callable[[AnyHandler], AnyHandler]:
    """Makes a function the handler of a kind. `attempts` and `timeout_ms` are this kind's own limits.

    They hold when the worker takes the kinds from here, which it does without `--kind`.
    """

    limits = {"attempts": _whole("attempts", attempts), "timeout_ms": _whole("timeout_ms", timeout_ms)}
    _texts(kind=kind)

    def register(function: AnyHandler) -> AnyHandler:
        if kind in _handlers:
            raise ValueError(f"the kind {kind} has a handler already, {_handlers[kind].__name__}; one kind has one")
        _handlers[kind] = function
        _kinds.append({"kind": kind, **_members(**limits)})
        return function

    return register


def run() -> None:
    """Runs jobs until the worker ends. Asked for its kinds (`--kinds`, or by the worker), it says them and returns."""
    line = _worker or _Line()
    if "--kinds" in sys.argv[1:] or os.environ.get("MILLPOND_ASK") == "kinds":
        return line.write(_encoded({"type": "kinds", "kinds": _kinds}, "the kinds"))
    for text in iter(line.read, b""):
        job = _job(text, line)
        if job is not None:
            _run(job, _handlers.get(job["kind"]))


def _job(text: bytes, line: "_Talk") -> Optional[Job]:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError) as error:  # a payload that is JSON and yet too much for Python
        found = re.match(rb'\{"type":"job","id":"([^"]+)"', text)
        if found:
            answer = f"Python cannot read the payload: {error}"
            Job({"id": found[1].decode()}, line)._failed("fail", answer, cause="undecodable_payload")
        return None
    # Another type is a word to stop that came after the answer.
    return Job(members, line) if members["type"] == "job" else None


def _run(job: Job, handler: Optional[Handler]) -> None:
    try:
        if handler is None:
            raise Fail(f"no handler for {job['kind']}", cause="unknown_kind")
        result = handler(job)
    except Fail as error:
        job._failed("fail", str(error), **error.more)
    except Retry as error:
        job._failed("retry", str(error), **error.more)
    except Cancelled:
        job._failed("retry", "it was told to stop")
    except Exception as error:
        own = error.__traceback__.tb_next if error.__traceback__ else None  # without this function's line
        trace = "".join(traceback.format_exception(type(error), error, own))[-TEXT_MAX:]
        job._failed("retry", f"{type(error).__name__}: {error}", trace=trace)
    else:
        job._done(result)


def _encoded(value: Any, name: str) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise NotJSON(f"{name} is no JSON: {error}", cause="not_json") from None


def _members(**values: Any) -> Dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in values.items() if value is not None}


def _texts(**values: Optional[str]) -> Dict[str, Any]:
    for name, value in values.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name} is {value!r}, give a text")
    return values


def _whole(name: str, value: Optional[int]) -> Optional[int]:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise TypeError(f"{name} is {value!r}, give a whole number, 0 or more")
    return value


class _Talk:
    """Where a job's messages go: to its worker, or to a test."""

    def write(self, message: bytes) -> None:
        raise NotImplementedError

    def is_cancelled(self, id: str) -> bool:
        raise NotImplementedError


class _Line(_Talk):
    """The two ends of the conversation, kept from what libraries print and from what they start."""

    def __init__(self) -> None:
        self._in = os.dup(0)
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # what libraries print goes to the log, not between the messages
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # and what they start reads nothing of ours
        self._rest = b""
        self._lock = threading.Lock()

    def write(self, message: bytes) -> None:
        with self._lock:  # a thread may beat for its job
            self._out.write(message + b"\n")
            self._out.flush()

    def read(self) -> bytes:
        """The next line with its end, empty at the end of the worker."""
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            part = os.read(self._in, 65_536)
            if not part:
                return b""
            parts.append(part)
        whole, _, self._rest = b"".join(parts).partition(b"\n")
        return whole + b"\n"

    def is_cancelled(self, id: str) -> bool:
        with self._lock:
            while self._rest or select.select([self._in], [], [], 0)[0]:
                text = self.read()
                if not text:
                    return True  # the worker is gone
                message = json.loads(text)
                if message.get("type") == "cancel" and message.get("id") == id:
                    return True
        return False


# Under a worker at once, because what is imported after this may print.
_worker = _Line() if "MILLPOND_HANDLER" in os.environ else None
