"""Handlers in a test, without a worker and without Redis: one try, or a whole saga.

    from millpond.testing import TestSaga, perform

    performed = perform(send, {"to": "a@b.c"})
    assert performed.outcome == "done" and performed.result == {"sent": "a@b.c"}

    saga = TestSaga(refund, {"order": 7})
    saga.crash(during="charge")
    saga.run()
    assert saga.state == "done"
"""
from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional

from . import handler as _handler
from ._memory import Memory, Run, WorkerDied
from .handler import Handler, Job

LAST = ("done", "retry", "fail", "suspended")

__all__ = ["Child", "Granted", "Heartbeat", "Performed", "TestSaga", "perform"]


@dataclass(frozen=True)
class Heartbeat:
    """A call of `job.heartbeat`."""

    progress: Optional[float] = None
    note: Optional[str] = None


@dataclass(frozen=True)
class Child:
    """A job that the handler enqueued. None where it gave nothing."""

    kind: str
    data: Any = None
    queue: Optional[str] = None
    key: Optional[str] = None
    delay_ms: Optional[int] = None
    priority: Optional[str] = None
    correlation_id: Optional[str] = None


@dataclass
class Granted:
    """A limit that the handler asked for and was granted; `cost` as it was corrected."""

    name: str
    cost: int = 1
    is_released: bool = False


@dataclass
class Performed:
    """What the handler told its worker."""

    #: `done`, `retry` (this try failed), `fail` (given up: no further try can help), of a saga also `suspended` and `died`.
    outcome: str = ""
    #: What it returned, as the worker gets it.
    result: Any = None
    #: How long the result itself is kept, when it returned `Result(value, keep_ms=…)`.
    keep_ms: Optional[int] = None
    #: Why there is no result although it returned one: it is no JSON, or has more than 64 KiB.
    result_dropped: Optional[str] = None
    #: Of `retry` and `fail`: the text that is kept with the job.
    error: Optional[str] = None
    #: Of `fail`: the cause.
    cause: Optional[str] = None
    root_cause: Optional[str] = None
    #: Of `retry`: the least that the job rests before its next try.
    after_ms: Optional[int] = None
    #: What it raised.
    exception: Optional[BaseException] = None
    heartbeats: List[Heartbeat] = field(default_factory=list)
    enqueued: List[Child] = field(default_factory=list)
    limits: List[Granted] = field(default_factory=list)
    #: US dollars, of all calls of `job.spend`.
    spent_usd: float = 0.0


def perform(
    handler: Handler,
    data: Any = None,
    *,
    kind: Optional[str] = None,
    id: str = "1-0",
    queue: str = "default",
    phase: Optional[str] = None,
    attempt: int = 1,
    recoveries: int = 0,
    fence: int = 0,
    key: Optional[str] = None,
    correlation_id: Optional[str] = None,
    traceparent: Optional[str] = None,
    tracestate: Optional[str] = None,
    timeout_ms: int = 60_000,
    headers: Optional[Mapping[str, str]] = None,
    cancelled_at: Optional[int] = None,
    limited: Iterable[str] = (),
) -> Performed:
    """Runs one try of `handler`, and gives what a worker would hear of it. `TestSaga` runs one that says steps.

    - data: the payload, which goes through JSON as on the way through Redis; bytes stay bytes. What is no JSON raises NotJSON.
    - kind: else that for which `handler` is registered, else its name.
    - timeout_ms: of which `deadline_ms` is made. The handler is not stopped after it.
    - cancelled_at: which heartbeat raises Cancelled: 1 is the first.
    - limited: the names for which `job.limit` raises Limited; all others are granted at once.
    """
    members: Dict[str, Any] = {
        "type": "job",
        "id": id,
        "queue": queue,
        "kind": kind or _kind_of(handler),
        "phase": phase,
        "attempt": attempt,
        "recoveries": recoveries,
        "fence": fence,
        "key": key,
        "correlation_id": correlation_id,
        "traceparent": traceparent,
        "tracestate": tracestate,
        "deadline_ms": int(time.time() * 1000) + timeout_ms,
        "headers": dict(headers or {}),
    }
    return _perform(handler, data, members, Memory(), cancelled_at, limited)


def _perform(
    handler: Handler,
    data: Any,
    members: Dict[str, Any],
    memory: Memory,
    cancelled_at: Optional[int] = None,
    limited: Iterable[str] = (),
) -> Performed:
    talk = _Recorder(Run(memory, members["id"], members.get("phase") == "undo"), cancelled_at, limited)
    request = {name: value for name, value in members.items() if value is not None}
    job = Job({**request, **_payload(data)}, talk)
    talk.run.undos = job._undos.get

    def run(job: Job) -> Any:
        try:
            return handler(job)
        except BaseException as error:
            talk.performed.exception = error
            raise

    try:
        _handler._run(job, run)
    except WorkerDied:
        talk.performed.outcome = "died"
    return talk.performed


class TestSaga:
    """A saga in memory: run again after each failure and each death of its worker, by a clock that the test moves.

    - attempts: tries of the job.
    - members: what the handler finds in its job, as `perform` takes them: `id`, `kind`, `headers` …
    """

    __test__ = False  # for pytest: it is no test itself

    def __init__(self, handler: Handler, data: Any = None, *, attempts: int = 8, **members: Any) -> None:
        self._handler, self._data, self._attempts = handler, data, attempts
        self._members = {"id": "1-0", "queue": "default", "kind": _kind_of(handler), **members, "type": "job"}
        self._memory = Memory()
        self._attempt, self._recoveries = 1, 0
        #: The last run, None before the first one.
        self.performed: Optional[Performed] = None

    def run(self) -> Performed:
        """Runs it until it waits, or has ended, and gives the last run. Rests between tries take no time."""
        performed = self.performed or Performed()
        while self._memory.state in ("running", "undoing"):
            self._memory.wake()
            performed = self.performed = self._deliver()
        return performed

    def _deliver(self) -> Performed:
        memory = self._memory
        is_undoing = memory.state == "undoing"
        members = {**self._members, "attempt": self._attempt, "recoveries": self._recoveries, "fence": 0}
        members.update(phase="undo" if is_undoing else None, deadline_ms=int(time.time() * 1000) + 60_000)
        performed = _perform(self._handler, self._data, members, memory)
        if performed.outcome == "died":
            self._recoveries += 1
        elif not is_undoing and memory.state == "running":
            self._conclude(performed)
        return performed

    def _conclude(self, performed: Performed) -> None:
        memory = self._memory
        if performed.outcome == "suspended":
            memory.state = "running" if memory.wake() else "waiting"
        elif performed.outcome == "done":
            memory.state = "done"
        elif performed.outcome == "fail":
            memory.turn_round("compensated", f"{performed.cause or 'failed'}: {performed.error}")
        elif self._attempt < self._attempts:
            self._attempt += 1
        else:
            memory.turn_round("compensated", f"attempts_exhausted: {performed.error}")

    def crash(
        self, *, after: Optional[str] = None, during: Optional[str] = None, during_undo: Optional[str] = None
    ) -> None:
        """Has the worker die once: when a step's end is written down, before that, or before an undo's end is."""
        places = {"after": after, "during": during, "undo": during_undo}
        [self._memory.crash] = [(place, name) for place, name in places.items() if name is not None]

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._memory.now += seconds
        self._wake()

    def answer(self, callback: str, value: Any = None) -> None:
        """Answers a callback; before it waits, too."""
        step = self._memory.steps[callback]
        if step.state in ("running", "waiting"):
            step.state, step.result = "done", json.loads(json.dumps(value))
        self._wake()

    def signal(self, name: str, value: Any = None) -> None:
        """Sends it a signal; one that nobody waits for yet is kept."""
        self._memory.signals.append((name, json.loads(json.dumps(value))))
        self._wake()

    def end_child(self, index: int, fan_out: str, value: Any = None) -> None:
        """Ends a child of a fan-out."""
        self._memory.steps[fan_out].children[index] = ("done", json.loads(json.dumps(value)))
        self._wake()

    def fail_child(self, index: int, fan_out: str, error: str = "dead: the test wanted it") -> None:
        """Lets a child of a fan-out die."""
        self._memory.steps[fan_out].children[index] = ("failed", error)
        self._wake()

    def cancel(self) -> None:
        """Cancels it: what was done is undone with the next `run()`."""
        if self._memory.state in ("running", "waiting"):
            self._memory.turn_round("cancelled", "cancelled")

    def _wake(self) -> None:
        if self._memory.state == "waiting" and self._memory.wake():
            self._memory.state = "running"

    @property
    def state(self) -> str:
        """`running`, `waiting`, `undoing`, `paused`, `stuck`, or its end: `done`, `compensated`, `cancelled`, `failed`."""
        return self._memory.state

    @property
    def reason(self) -> str:
        """Why it is paused, stuck, or was undone."""
        return self._memory.reason

    @property
    def steps(self) -> List[str]:
        """What is done, in the order in which it began."""
        return [step.name for step in self._memory.steps.values() if step.state == "done"]

    @property
    def undone(self) -> List[str]:
        """What was undone, in order."""
        return self._memory.undone

    @property
    def waits_for(self) -> List[str]:
        """What it waits for."""
        return [step.name for step in self._memory.steps.values() if step.state == "waiting"]

    def token(self, callback: str) -> Optional[str]:
        """What a callback's answer is sent with; None before it was sent."""
        return self._memory.tokens.get(callback)

    def children(self, fan_out: str) -> List[Any]:
        """What the children of a fan-out are given."""
        items: List[Any] = self._memory.steps[fan_out].asked["items"]
        return items


class _Recorder(_handler._Talk):
    """Reads the messages that a worker would read."""

    def __init__(self, run: Run, cancelled_at: Optional[int], limited: Iterable[str]) -> None:
        self._limited = frozenset(limited)
        self._limit: Optional[Dict[str, Any]] = None  # what is answered to the last `limit`
        self.performed = Performed()
        self.run = run
        self._cancelled_at = cancelled_at
        self._granted: List[Dict[str, Any]] = []
        self._reserved: Dict[str, float] = {}

    def answer(self) -> Dict[str, Any]:
        limit, self._limit = self._limit, None
        if limit:
            return limit
        return self._granted.pop(0) if self._granted else self.run.answer()

    def write(self, message: bytes) -> None:
        members = json.loads(message)
        if members["type"].startswith("limit"):
            return self._hear_limit(members)
        if members["type"] in ("reserve", "commit", "refund"):
            return self._hear_of_money(members)
        if members["type"] not in ("heartbeat", "enqueue", "spend", *LAST):
            return self.run.hear(members)
        members.pop("id")
        type = members.pop("type")
        if type == "heartbeat":
            self.performed.heartbeats.append(Heartbeat(**members))
        elif type == "enqueue":
            self.performed.enqueued.append(Child(**members))
        elif type == "spend":
            self.performed.spent_usd += members["usd"]
        else:
            if type == "done" and self.run.is_suspended:
                type, members = "retry", {"error": "the handler went on though its saga waits: let Suspended through"}
            self.performed.outcome = type
            self.run.undo_next()  # which a run that undoes asks for
            members.pop("trace", None)  # that of the exception
            for name, value in members.items():
                setattr(self.performed, name, value)

    def _hear_limit(self, asked: Dict[str, Any]) -> None:
        name, held = asked["name"], [one for one in self.performed.limits if one.name == asked["name"]]
        if asked["type"] == "limit_release":
            for one in held:
                one.is_released = True
        elif asked["type"] == "limit_adjust":
            held[-1].cost = asked["actual"]
        elif name in self._limited:
            self._limit = {"type": "limited", "name": name, "error": f"limit {name}: the test says that it has no room"}
        else:
            self._limit = {"type": "granted", "name": name}
            self.performed.limits.append(Granted(name, asked["cost"]))

    def _hear_of_money(self, members: Dict[str, Any]) -> None:
        """A job without a budget is granted whatever it reserves."""
        name = members["name"]
        if members["type"] == "reserve":
            self._reserved[name] = members["usd"]
            self._granted.append({"type": "reserved", "name": name})
            return
        usd = self._reserved.pop(name)
        if members["type"] == "commit":
            self.performed.spent_usd += members.get("usd", usd)

    def is_cancelled(self, id: str) -> bool:
        return self._cancelled_at is not None and len(self.performed.heartbeats) >= self._cancelled_at


def _kind_of(handler: Handler) -> str:
    for kind, registered in _handler._handlers.items():
        if registered is handler:
            return kind
    return getattr(handler, "__name__", "handler")


def _payload(data: Any) -> Dict[str, Any]:
    """As a worker writes it: JSON as it is, anything else as base64."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        return {"data": json.loads(_handler._encoded(data, "the payload"))}
    raw = bytes(data)
    try:
        return {"data": json.loads(raw) if raw else None}
    except ValueError:
        return {"data_base64": base64.b64encode(raw).decode()}
