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
from typing import Any, Callable, Dict, Iterable, List, Optional, TypeVar

__all__ = [
    "BudgetExhausted", "Cancelled", "Fail", "Job", "Limited", "NotJSON", "Permit", "Result", "Retry", "Step", "Suspended",
    "handles", "run",
]

Handler = Callable[["Job"], Any]
Do = Callable[["Step"], Any]  # what a step does
Undo = Callable[[Any, "Step"], Any]  # is given the step's result
AnyHandler = TypeVar("AnyHandler", bound=Handler)

RESULT_BYTES_MAX = 65_536  # what a worker keeps of a result
TEXT_MAX = 4_000  # characters of an error or a traceback that are sent
# One way to write what a saga remembers, in all languages.
SAGA_FORM: Dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":"), "sort_keys": True}


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


class Limited(Retry):
    """The job would wait too long for a limit: let it through, and it goes on later, without a try counted."""


class NotJSON(Fail, ValueError):
    """What was to be sent is no JSON (NaN, a date, bytes …); each further try would come to the same."""


class BudgetExhausted(Fail):
    """The intent's budget has no room. Find a cheaper way, or let it through: then the intent's policy decides."""

    def __init__(self, text: str, *, cause: str, policy: Optional[str] = None) -> None:
        super().__init__(text, cause=cause)
        self.cause = cause
        self.policy = policy


class Cancelled(BaseException):
    """The job should stop: its time is up, somebody cancelled it, or the worker ends. Comes from `heartbeat()`."""


class Suspended(BaseException):
    """The saga goes no further in this run: let it through. The handler runs again from the top when it goes on."""


class Step:
    """What a step knows of itself; `key` is for outside systems that take an idempotency key."""

    def __init__(self, asked: Dict[str, Any], is_undo: bool = False) -> None:
        self.name: str = asked["name"]
        self.key: str = asked["key"]  # the same over all tries; of an undo it ends with `:undo`
        # The key that the step itself ran with: in an undo, the other side knows by it what is to be undone.
        self.step_key: str = self.key[: -len(":undo")] if is_undo else self.key
        self.attempt: int = asked["attempt"]
        self.token: str = asked.get("token", "")  # by which the other side answers a callback, once


class Permit:
    """What a job holds of a limit, until it ends, or `release()`."""

    def __init__(self, job: "Job", name: str, cost: int) -> None:
        self.name, self.cost, self._job = name, cost, job

    def release(self) -> None:
        """Gives a place of `8 at a time` to others before the job ends."""
        self._job._say("limit_release", name=self.name)

    def adjust(self, actual: int) -> None:
        """Corrects the cost, where it is known only after the call."""
        self._job._say("limit_adjust", name=self.name, cost=self.cost, actual=_whole("actual", actual))


class Reservation:
    """A part of the intent's budget, kept while the `with` block runs; what it took is booked at its end."""

    def __init__(self, job: "Job", name: str) -> None:
        self.name = name
        self._job = job
        self._took: Optional[Dict[str, Any]] = {}

    def took(self, usd: Optional[float] = None, tokens: Optional[int] = None, calls: Optional[int] = None) -> None:
        """What it took in truth. Without a word it is charged as it was reserved."""
        tokens, calls = _whole("tokens", tokens), _whole("calls", calls)
        self._took = _members(usd=None if usd is None else float(usd), tokens=tokens, calls=calls)

    def took_nothing(self) -> None:
        """Surely nothing of it was begun: all of it goes back."""
        self._took = None

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._took is None:
            self._job._say("refund", name=self.name)
        else:
            self._job._say("commit", name=self.name, **self._took)


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
        self._doing: Optional[str] = None  # the step that runs
        self._reservations = 0
        self._undos: Dict[str, Dict[str, Any]] = {}

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

    def limit(self, name: str, cost: int = 1) -> Permit:
        """Waits until a limit, which all workers share, has room for a call; the wait is no part of the job's time.

        Raises Limited when that would take more than 30 seconds.
        """
        _texts(name=name)
        self._say("limit", name=name, cost=_whole("cost", cost))
        answer = self._line.answer()
        if answer["type"] == "granted":
            return Permit(self, name, cost)
        raise Limited(answer["error"]) if answer["type"] == "limited" else Fail(answer["error"], cause="limit")

    def reserve(
        self, usd: float = 0, tokens: int = 0, calls: int = 1, name: Optional[str] = None, within: float = 30
    ) -> Reservation:
        """Keeps so much of the intent's budget for what a `with` block does. Raises BudgetExhausted when there is no room.

        Give the most that it can cost. `within`: seconds to wait for what other jobs hold. Without a budget it asks nobody.
        """
        self._reservations += 1
        name = name or str(self._reservations)
        _texts(name=name)
        members = {"usd": float(usd), "tokens": _whole("tokens", tokens), "calls": _whole("calls", calls)}
        self._say("reserve", name=name, within_ms=_ms("within", within), **members)
        answer = self._line.answer()
        if answer["type"] == "exhausted":
            raise BudgetExhausted(answer["error"], cause=answer["cause"], policy=answer.get("policy"))
        return Reservation(self, name)

    # A job becomes a saga with the first of these. What is done is remembered by its name, and is not done again.

    def step(
        self,
        name: str,
        fn: Do,
        undo: Optional[Undo] = None,
        undo_always: Optional[Undo] = None,
        effect: str = "keyed",
        probe: Optional[Do] = None,
        pivot: bool = False,
        retries: int = 0,
        timeout: Optional[float] = None,
        input: Any = None,
    ) -> Any:
        """Does something once, `fn(step)`, and gives its result, also in each run after that.

        - undo: undoes it, `undo(result, step)`; `undo_always` also when nobody knows whether it has happened (None).
        - effect: after a crash in the middle: `keyed` and `pure` run again, `query` asks `probe`, `once` a person.
        - retries: further tries of its own, in this run of the job. timeout: seconds for one of them.
        """
        how = "always" if undo_always else "result" if undo else None
        options: Dict[str, Any] = dict(effect=effect, undo=how, pivot=pivot or None, probe=True if probe else None)
        options.update(retries=_whole("retries", retries) or None, timeout_ms=_ms("timeout", timeout), input=input)
        return self._ask("step", name, options, {"go": fn, "probe": probe, "undo": undo_always or undo})

    def sleep(self, name: str, seconds: float) -> None:
        """Waits without a worker; the time is counted from when the handler first came here."""
        self._ask("sleep", name, {"ms": _ms("seconds", seconds)})

    def signal(self, name: str, within: Optional[float] = None) -> Any:
        """Waits for the next signal of a name. After `within` seconds it raises Fail with the cause `timed_out`."""
        return self._ask("signal", name, {"within_ms": _ms("within", within)})

    def callback(
        self,
        name: str,
        send: Do,
        within: Optional[float] = None,
        undo: Optional[Undo] = None,
        effect: str = "keyed",
        retries: int = 0,
        input: Any = None,
    ) -> Any:
        """Has `send(step)` hand `step.token` to somebody, and waits for the answer. `undo` may be given None for it."""
        options: Dict[str, Any] = dict(effect=effect, undo="always" if undo else None, within_ms=_ms("within", within))
        options.update(retries=_whole("retries", retries) or None, input=input)
        return self._ask("callback", name, options, {"go": send, "undo": undo})

    def fan_out(
        self,
        name: str,
        kind: str,
        items: Iterable[Any],
        limit: Optional[int] = None,
        at_least: Optional[int] = None,
        undo: Optional[Undo] = None,
    ) -> List[Any]:
        """Runs a job for each item, and waits until all, or `at_least` so many, are done; gives results in order."""
        options = {"kind": kind, "items": list(items), "limit": limit, "at_least": at_least}
        options["undo"] = "always" if undo else None
        results: List[Any] = self._ask("fan_out", name, options, {"undo": undo})
        return results

    def _ask(self, type: str, name: str, options: Dict[str, Any], does: Dict[str, Any] = {}) -> Any:
        if self._doing:
            raise Fail(f"{type} {name} is called inside of {self._doing}: steps go one by one", cause="saga_step")
        _texts(name=name)
        self._tell(type, f"{type} {name}", name=name, **_members(**options))
        error: Optional[BaseException] = None
        while True:
            answer = self._line.answer()
            type = answer["type"]
            if type in ("go", "probe"):
                error = self._do(type, does[type], answer)
                continue
            self._undos[answer["name"]] = does
            if type == "stepped":
                return _result(answer)
            if type == "suspended":
                raise Suspended(answer["name"])
            if type == "failed":  # the same in each run
                raise Fail(answer["error"], cause=answer["cause"]) from error
            raise error or (Cancelled() if self._line.is_cancelled(self["id"]) else Retry(answer["error"]))

    def _do(self, type: str, fn: Callable[..., Any], asked: Dict[str, Any]) -> Optional[BaseException]:
        """Does what the worker asks for, tells it how that ended, and gives what was raised."""
        name, failed = asked["name"], "undo_failed" if type == "undo" else "step_failed"
        self._doing = name
        try:
            value = fn(_result(asked), Step(asked, is_undo=True)) if type == "undo" else fn(Step(asked))
        except Retry as error:
            more = {"cause": "failed", **error.more} if isinstance(error, Fail) else error.more
            self._tell(failed, name, name=name, error=str(error)[:TEXT_MAX], **_members(**{**more, "trace": None}))
            return error
        except (Exception, Cancelled) as error:
            self._tell(failed, name, name=name, error=_described(error)[:TEXT_MAX])
            return error
        finally:
            self._doing = None
        if type == "undo":
            self._tell("undo_done", name, name=name)
            return None
        more = {} if value is None else {"result": value}
        try:
            _fitting(value, **SAGA_FORM)
        except NotJSON as error:  # it has happened
            more = {"result_dropped": str(error)[:TEXT_MAX]}
        self._tell("step_done" if type == "go" else "probed", name, name=name, **more)
        return None

    def _undo(self) -> None:
        """Undoes what the worker names, until nothing is left."""
        for asked in iter(self._line.answer, None):
            if asked["type"] == "undone":
                return
            self._do(asked["type"], self._undos[asked["name"]][asked["type"]], asked)

    def _tell(self, type: str, what: str, **members: Any) -> None:
        self._line.write(_encoded({"type": type, "id": self["id"], **members}, what, **SAGA_FORM))

    def _say(self, type: str, **members: Any) -> None:
        self._line.write(_encoded({"type": type, "id": self["id"], **members}, f"the message {type}"))

    def _done(self, value: Any) -> None:
        """The work is done: a result that cannot be sent is left out, and the log says why."""
        if value is None:
            return self._say("done")
        result = value if isinstance(value, Result) else Result(value)
        more = _members(keep_ms=result.keep_ms)
        try:
            _fitting(result.value)
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
    except Cancelled as error:
        job._failed("retry", _described(error))
    except Suspended:
        job._say("suspended")
    except Exception as error:
        own = error.__traceback__.tb_next if error.__traceback__ else None  # without this function's line
        trace = "".join(traceback.format_exception(type(error), error, own))[-TEXT_MAX:]
        job._failed("retry", _described(error), trace=trace)
    else:
        job._done(result)
    if job.get("phase") == "undo":
        job._undo()


def _described(error: BaseException) -> str:
    return "it was told to stop" if isinstance(error, Cancelled) else f"{type(error).__name__}: {error}"


def _result(answer: Dict[str, Any]) -> Any:
    return base64.b64decode(answer["result_base64"]) if "result_base64" in answer else answer.get("result")


def _fitting(result: Any, **form: Any) -> None:
    size = len(_encoded(result, "the result", **form))
    if size > RESULT_BYTES_MAX:
        raise NotJSON(f"the result has {size} bytes, {RESULT_BYTES_MAX} are allowed; store it, and return a reference")


def _encoded(value: Any, name: str, **form: Any) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, **form).encode()
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


def _ms(name: str, seconds: Optional[float]) -> Optional[int]:
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0):
        raise TypeError(f"{name} is {seconds!r}, give seconds, 0 or more")
    return None if seconds is None else round(seconds * 1000)


class _Talk:
    """Where a job's messages go: to its worker, or to a test."""

    def write(self, message: bytes) -> None:
        raise NotImplementedError

    def answer(self) -> Dict[str, Any]:
        """What the worker says next of the job's saga."""
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
        self._ahead: List[bytes] = []  # lines that were read while the word to stop was looked for
        self._cancelled: Optional[str] = None
        self._writing, self._reading = threading.Lock(), threading.Lock()

    def write(self, message: bytes) -> None:
        with self._writing:  # a thread may beat for its job
            self._out.write(message + b"\n")
            self._out.flush()

    def read(self) -> bytes:
        """The next line with its end, empty at the end of the worker."""
        with self._reading:
            return self._ahead.pop(0) if self._ahead else self._next()

    def answer(self) -> Dict[str, Any]:
        for text in iter(self.read, b""):
            message: Dict[str, Any] = json.loads(text)
            if message["type"] == "cancel":
                self._cancelled = message.get("id")
            elif message["type"] not in ("enqueued", "refused"):
                return message
        raise SystemExit  # the worker is gone

    def is_cancelled(self, id: str) -> bool:
        if self._reading.acquire(blocking=False):  # else another thread waits for an answer, and sees it
            try:
                while self._rest or select.select([self._in], [], [], 0)[0]:
                    text = self._next()
                    if not text:
                        return True  # the worker is gone
                    message = json.loads(text)
                    if message.get("type") == "cancel":
                        self._cancelled = message.get("id")
                    else:
                        self._ahead.append(text)
            finally:
                self._reading.release()
        return self._cancelled == id

    def _next(self) -> bytes:
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            part = os.read(self._in, 65_536)
            if not part:
                return b""
            parts.append(part)
        whole, _, self._rest = b"".join(parts).partition(b"\n")
        return whole + b"\n"


# Under a worker at once, because what is imported after this may print.
_worker = _Line() if "MILLPOND_HANDLER" in os.environ else None
