"""One try of a handler in a test, without a worker and without Redis.

    from millpond.testing import perform

    performed = perform(send, {"to": "a@b.c"})
    assert performed.outcome == "done" and performed.result == {"sent": "a@b.c"}
"""
from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional

from . import handler as _handler
from .handler import Handler, Job

__all__ = ["Child", "Heartbeat", "Performed", "perform"]


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
class Performed:
    """What the handler told its worker."""

    #: `done`, `retry` (this try failed) or `fail` (given up: no further try can help).
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
) -> Performed:
    """Runs one try of `handler`, and gives what a worker would hear of it.

    - data: the payload, which goes through JSON as on the way through Redis; bytes stay bytes. What is no JSON raises NotJSON.
    - kind: else that for which `handler` is registered, else its name.
    - timeout_ms: of which `deadline_ms` is made. The handler is not stopped after it.
    - cancelled_at: which heartbeat raises Cancelled: 1 is the first.
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
    request = {name: value for name, value in members.items() if value is not None}
    talk = _Recorder(cancelled_at)

    def run(job: Job) -> Any:
        try:
            return handler(job)
        except BaseException as error:
            talk.performed.exception = error
            raise

    _handler._run(Job({**request, **_payload(data)}, talk), run)
    return talk.performed


class _Recorder(_handler._Talk):
    """Reads the messages that a worker would read."""

    def __init__(self, cancelled_at: Optional[int]) -> None:
        self.performed = Performed()
        self._cancelled_at = cancelled_at

    def write(self, message: bytes) -> None:
        members = json.loads(message)
        members.pop("id")
        type = members.pop("type")
        if type == "heartbeat":
            self.performed.heartbeats.append(Heartbeat(**members))
        elif type == "enqueue":
            self.performed.enqueued.append(Child(**members))
        elif type == "spend":
            self.performed.spent_usd += members["usd"]
        else:
            self.performed.outcome = type
            members.pop("trace", None)  # that of the exception
            for name, value in members.items():
                setattr(self.performed, name, value)

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
