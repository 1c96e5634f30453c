"""Jobs as Redis takes them, and what its answers mean."""
from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, Union

import redis

if TYPE_CHECKING:
    from typing_extensions import Unpack as Unpack

DEFAULT_QUEUE = "default"

Seconds = Union[int, float, timedelta]


class Refused(Exception):
    """Redis took no job, and nothing was written. `job` is the job."""

    job: NewJob | None = None


class InvalidJob(Refused, ValueError):
    """The same call never succeeds: mend the program."""


class KeyMismatch(Refused):
    """The key belongs to a job of another kind or with another payload: another effect needs another key."""


class QueueFull(Refused):
    """The queue holds as many jobs as its max_depth allows: keep the job and send it later."""


class LibraryMissing(Refused):
    """The job needs a function, and the library is not loaded: start a worker, or run `pond functions load` once."""


class SomeRefused(Exception):
    """Of many jobs some were refused. `results` has, in order, an `Enqueued` or a `Refused` for each."""

    def __init__(self, results: list[Enqueued | Refused]):
        refused = [result for result in results if isinstance(result, Refused)]
        super().__init__(f"{len(refused)} of {len(results)} jobs were refused; the first: {refused[0]}")
        self.results = results


@dataclass(frozen=True)
class Enqueued:
    """What became of a job."""

    id: str
    #: `enqueued`: it runs as soon as a worker is free. `held`: later. `duplicate`: its key is known, nothing was added.
    answer: str
    #: Of a held job: when it becomes runnable, in milliseconds since 1970 by Redis' clock.
    due_ms: int | None = None
    #: Of a duplicate: how far the job is that has the key: `queued`, `running`, `done` or `dead`.
    state: str | None = None
    #: Of a duplicate that is done: the checksum of its result, when it left one.
    checksum: str | None = None


class JobOptions(TypedDict, total=False):
    """What `enqueue` takes beside kind and data: the same as `NewJob`. A name that is not here is a TypeError."""

    queue: str | None
    key: str | None
    delay: Seconds | None
    run_at: datetime | None
    expires_at: datetime | None
    priority: str | None
    correlation_id: str | None
    causation_id: str | None
    traceparent: str | None
    tracestate: str | None
    job_class: str | None
    max_attempts: int | None
    timeout: Seconds | None
    budget_wall: Seconds | None
    budget_cpu: Seconds | None
    budget_usd: float | None
    limit: str | None
    intent_budget: str | None
    headers: Mapping[str, str]


_TEXTS = (
    "kind", "queue", "key", "priority", "correlation_id", "causation_id", "traceparent", "tracestate", "job_class",
    "limit", "intent_budget",
)


@dataclass(frozen=True)
class NewJob:
    """A job to enqueue. `data` becomes JSON, unless it is bytes, which stay as they are. Times are seconds."""

    kind: str
    data: Any = None
    queue: str | None = None
    key: str | None = None
    delay: Seconds | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    priority: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    job_class: str | None = None
    max_attempts: int | None = None
    timeout: Seconds | None = None
    budget_wall: Seconds | None = None
    budget_cpu: Seconds | None = None
    budget_usd: float | None = None
    limit: str | None = None
    #: What all jobs with the correlation id may take together, as in `usd=0.45,calls=20,on_exhausted=pause`.
    intent_budget: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> list[str | bytes]:
        """Names and values as `pond_enqueue` takes them. Raises `InvalidJob`."""
        self._check()
        pairs: dict[str, Any] = {
            "kind": self.kind,
            "data": self._payload(),
            "key": self.key,
            "delay_ms": self._milliseconds("delay"),
            "run_at_ms": self._time("run_at"),
            "expires_ms": self._time("expires_at"),
            "priority": self.priority,
            "correlation_id": self.correlation_id,
            "causation_id": self.causation_id,
            "traceparent": self.traceparent,
            "tracestate": self.tracestate,
            "class": self.job_class,
            "max_attempts": self.max_attempts,
            "timeout_ms": self._milliseconds("timeout"),
            "budget_wall_ms": self._milliseconds("budget_wall"),
            "budget_cpu_ms": self._milliseconds("budget_cpu"),
            "intent_budget": self.intent_budget,
            "budget_usd_micros": None if self.budget_usd is None else round(self.budget_usd * 1_000_000),
            "limit": self.limit,
        }
        for name in self.headers:
            if name in pairs:
                raise self._invalid(f"the header {name} is the name of a field; use the argument instead")
        pairs.update(self.headers)
        words = itertools.chain.from_iterable((name, value) for name, value in pairs.items() if value is not None)
        try:
            return [word if isinstance(word, bytes) else str(word).encode() for word in words]
        except UnicodeEncodeError as error:
            raise self._invalid(f"a field is no text that UTF-8 can hold: {error}") from error

    @property
    def is_plain(self) -> bool:
        """Whether an append does the same as the function."""
        return self.key is None and self.delay is None and self.run_at is None

    def _check(self) -> None:
        for name in _TEXTS:
            value: object = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise self._invalid(f"{name} is {value!r}, give a text")
        whole, money = self.max_attempts, self.budget_usd
        if whole is not None and (isinstance(whole, bool) or not isinstance(whole, int)):
            raise self._invalid(f"max_attempts is {whole!r}, give a whole number")
        if money is not None and (isinstance(money, bool) or not isinstance(money, (int, float))):
            raise self._invalid(f"budget_usd is {money!r}, give US dollars as a number")
        if not isinstance(self.headers, Mapping):
            raise self._invalid(f"headers is {self.headers!r}, give a dictionary of texts")
        for header, text in self.headers.items():
            if not isinstance(header, str) or not isinstance(text, str):
                raise self._invalid(f"the header {header!r} is {text!r}, give a text")

    def _payload(self) -> bytes | None:
        if self.data is None or isinstance(self.data, (bytes, bytearray, memoryview)):
            return None if self.data is None else bytes(self.data)
        try:
            # One way to write it, for a key stands for these bytes.
            text = json.dumps(self.data, separators=(",", ":"), ensure_ascii=False, allow_nan=False, sort_keys=True)
            return text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise self._invalid(f"data is no JSON: {error}; give what JSON can hold, or bytes") from error

    def _milliseconds(self, name: str) -> int | None:
        value = getattr(self, name)
        if value is None:
            return None
        if isinstance(value, bool):
            raise self._invalid(f"{name} is {value!r}, give seconds or a timedelta")
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        try:
            milliseconds = round(seconds * 1000)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._invalid(f"{name} is {value!r}, give seconds or a timedelta") from error
        if milliseconds < 0:
            raise self._invalid(f"{name} is {value!r}, that is less than nothing")
        return milliseconds

    def _time(self, name: str) -> int | None:
        value = getattr(self, name)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self._invalid(f"{name} is {value!r}, give a datetime with a time zone, as datetime.now(timezone.utc)")
        return round(value.timestamp() * 1000)

    def _invalid(self, text: str) -> InvalidJob:
        error = InvalidJob(f"{self.kind}: {text}")
        error.job = self
        return error


class Words:
    """Commands and what their answers mean, for both producers."""

    def __init__(self, queue: str | None, prefix: str | None):
        self.queue = queue or os.environ.get("MILLPOND_QUEUE") or DEFAULT_QUEUE
        self.prefix = prefix or os.environ.get("MILLPOND_PREFIX") or "mp"
        self.known: set[str] = set()

    def queue_of(self, job: NewJob) -> str:
        return job.queue or self.queue

    def key(self, job: NewJob) -> str:
        return f"{self.prefix}:{{{self.queue_of(job)}}}"

    def call(self, job: NewJob) -> list[str | bytes | int]:
        # Two keys, so that a cluster answers TRYAGAIN while it moves the queue's slot, and no second queue begins elsewhere.
        return ["FCALL", "pond_enqueue", 2, self.key(job), f"{self.key(job)}:meta", *job.fields()]

    def append(self, job: NewJob) -> list[str | bytes | int]:
        stream = "ready" if job.priority in (None, "normal") else f"ready:{job.priority}"
        return ["XADD", f"{self.key(job)}:{stream}", "*", *replace(job, priority=None).fields()]

    def announcement(self, queues: Iterable[str]) -> list[str] | None:
        """Makes queues known that may have had no worker yet; None when they are."""
        fresh = sorted(set(queues) - self.known)
        return ["SADD", f"{self.prefix}:queues", *fresh] if fresh else None

    def result(self, job: NewJob, answer: Any) -> Enqueued:
        if not isinstance(answer, (list, tuple)):  # of an append: the entry's id, which is not yet the job's
            letter = {"high": "h", "low": "l"}.get(job.priority or "", "")
            return Enqueued(id=_text(answer) + letter, answer="enqueued")
        words = [_text(word) for word in answer]
        kind, job_id = words[0], words[1]
        if kind == "held":
            return Enqueued(job_id, kind, due_ms=int(words[2]))
        if kind == "duplicate":
            return Enqueued(job_id, kind, state=words[2], checksum=words[3] or None)
        return Enqueued(job_id, kind)

    def refusal(self, job: NewJob, error: redis.ResponseError) -> Refused | None:
        """None for an error that says nothing about the job."""
        text = str(error)
        words = {"INVALID": InvalidJob, "KEYMISMATCH": KeyMismatch, "QUEUEFULL": QueueFull}
        refused = words.get(text.split(" ", 1)[0])
        made: Refused | None = refused(text.split(" ", 1)[-1]) if refused else None
        if is_function_missing(error):
            made = LibraryMissing(
                f"{job.kind}: Redis does not have the function library yet, and a key, a delay or a time needs it; "
                "start a worker, or run once: pond functions load"
            )
        if made:
            made.job = job
        return made


def is_function_missing(error: Exception) -> bool:
    return isinstance(error, redis.ResponseError) and "Function not found" in str(error)


def may_append(job: NewJob, answer: Any) -> bool:
    return job.is_plain and isinstance(answer, Exception) and is_function_missing(answer)


def judged(words: Words, job: NewJob, answer: Any) -> Enqueued | Refused:
    if not isinstance(answer, Exception):
        return words.result(job, answer)
    refused = words.refusal(job, answer) if isinstance(answer, redis.ResponseError) else None
    if refused is None:
        raise answer
    return refused


def all_or_raise(results: list[Enqueued | Refused]) -> list[Enqueued]:
    if any(isinstance(result, Refused) for result in results):
        raise SomeRefused(results)
    return [result for result in results if isinstance(result, Enqueued)]


def _text(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)
