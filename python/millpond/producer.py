"""Producers: `Producer("redis://127.0.0.1:6379", queue="emails").enqueue("email.send", {"to": "a@b.c"})`."""
from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from ._jobs import Enqueued as Enqueued
from ._jobs import InvalidJob as InvalidJob
from ._jobs import KeyMismatch as KeyMismatch
from ._jobs import LibraryMissing as LibraryMissing
from ._jobs import NewJob as NewJob
from ._jobs import QueueFull as QueueFull
from ._jobs import Refused as Refused
from ._jobs import SomeRefused as SomeRefused
from ._jobs import JobOptions, Words, all_or_raise, is_function_missing, judged, may_append

if TYPE_CHECKING:
    from typing_extensions import Unpack

BATCH_MAX = 500  # jobs a round trip; more is no faster, and Redis holds the answers of a whole one in memory
DEFAULT_URL = "redis://127.0.0.1:6379"
_TRIES_WITH_KEY = 3
_TLS_NAMES = {"ca": "ssl_ca_certs", "cert": "ssl_certfile", "key": "ssl_keyfile", "verify": "ssl_cert_reqs"}
_TLS_VALUES = {("verify", "none"): "none", ("verify", "full"): "required"}


class Producer:
    """Adds jobs to queues. Safe to share between threads; connects with the first job.

    - url: of Redis; else MILLPOND_REDIS_URL, else redis://127.0.0.1:6379. The password comes from the file that
      MILLPOND_REDIS_PASSWORD_FILE names, when there is one.
    - queue: where a job goes that names none; else MILLPOND_QUEUE, else `default`.
    - prefix: what every key begins with; else MILLPOND_PREFIX, else `mp`.
    - client: a redis.Redis of yours, used as it is and left open.
    - options: handed on to redis.Redis.from_url, as ssl_ca_certs.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        queue: str | None = None,
        prefix: str | None = None,
        client: redis.Redis | None = None,
        **options: Any,
    ):
        self._words = Words(queue, prefix)
        self._owns = client is None
        self._redis: Any = client or redis.Redis.from_url(_address(url), **_connection(options, Retry(NoBackoff(), 0)))

    def enqueue(self, kind: str, data: Any = None, **options: Unpack[JobOptions]) -> Enqueued:
        """Enqueues one job; the options are those of `NewJob`, and each has a type there.

        Raises a `Refused`, and a redis.RedisError when Redis cannot be asked. After redis.ConnectionError or
        redis.TimeoutError the job may be there: one with a key has been sent three times, and any can be sent again.
        """
        job = NewJob(kind, data, **options)
        call = self._words.call(job)
        tries = _TRIES_WITH_KEY if job.key else 1
        for left in reversed(range(tries)):
            try:
                self._announce([self._words.queue_of(job)])
                return self._words.result(job, self._redis.execute_command(*call))
            except (redis.ConnectionError, redis.TimeoutError):
                if not left:
                    raise
            except redis.ResponseError as error:
                if is_function_missing(error) and job.is_plain:
                    return self._words.result(job, self._redis.execute_command(*self._words.append(job)))
                raise self._words.refusal(job, error) or error from None
        raise AssertionError("unreachable")

    def enqueue_many(self, jobs: Iterable[NewJob]) -> list[Enqueued]:
        """Enqueues jobs, 500 a round trip; each on its own, so that one which is refused holds up no other.

        Raises `SomeRefused` at the end. When Redis fails in between, what was sent before is there: give jobs keys.
        """
        results: list[Enqueued | Refused] = []
        for batch in _batches(jobs):
            calls = [self._words.call(job) for job in batch]
            self._announce(self._words.queue_of(job) for job in batch)
            answers = self._send(calls)
            plain = [at for at, (job, answer) in enumerate(zip(batch, answers)) if may_append(job, answer)]
            for at, answer in zip(plain, self._send([self._words.append(batch[at]) for at in plain])):
                answers[at] = answer
            results += [judged(self._words, job, answer) for job, answer in zip(batch, answers)]
        return all_or_raise(results)

    def close(self) -> None:
        """Closes the connections, unless they are of your own client."""
        if self._owns:
            self._redis.close()

    def __enter__(self) -> Producer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _announce(self, queues: Iterable[str]) -> None:
        command = self._words.announcement(queues)
        if command:
            self._redis.execute_command(*command)
            self._words.known.update(command[2:])

    def _send(self, commands: list[list[Any]]) -> list[Any]:
        if not commands:
            return []
        with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return cast("list[Any]", pipeline.execute(raise_on_error=False))


class AsyncProducer:
    """The same for asyncio: `async with AsyncProducer() as producer: await producer.enqueue(…)`."""

    def __init__(
        self,
        url: str | None = None,
        *,
        queue: str | None = None,
        prefix: str | None = None,
        client: redis.asyncio.Redis | None = None,
        **options: Any,
    ):
        self._words = Words(queue, prefix)
        self._owns = client is None
        retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
        self._redis: Any = client or redis.asyncio.Redis.from_url(_address(url), **_connection(options, retry))

    async def enqueue(self, kind: str, data: Any = None, **options: Unpack[JobOptions]) -> Enqueued:
        """As `Producer.enqueue`."""
        job = NewJob(kind, data, **options)
        call = self._words.call(job)
        tries = _TRIES_WITH_KEY if job.key else 1
        for left in reversed(range(tries)):
            try:
                await self._announce([self._words.queue_of(job)])
                return self._words.result(job, await self._redis.execute_command(*call))
            except (redis.ConnectionError, redis.TimeoutError):
                if not left:
                    raise
            except redis.ResponseError as error:
                if is_function_missing(error) and job.is_plain:
                    return self._words.result(job, await self._redis.execute_command(*self._words.append(job)))
                raise self._words.refusal(job, error) or error from None
        raise AssertionError("unreachable")

    async def enqueue_many(self, jobs: Iterable[NewJob]) -> list[Enqueued]:
        """As `Producer.enqueue_many`."""
        results: list[Enqueued | Refused] = []
        for batch in _batches(jobs):
            calls = [self._words.call(job) for job in batch]
            await self._announce(self._words.queue_of(job) for job in batch)
            answers = await self._send(calls)
            plain = [at for at, (job, answer) in enumerate(zip(batch, answers)) if may_append(job, answer)]
            for at, answer in zip(plain, await self._send([self._words.append(batch[at]) for at in plain])):
                answers[at] = answer
            results += [judged(self._words, job, answer) for job, answer in zip(batch, answers)]
        return all_or_raise(results)

    async def close(self) -> None:
        """Closes the connections, unless they are of your own client."""
        if self._owns:
            await self._redis.aclose()

    async def __aenter__(self) -> AsyncProducer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _announce(self, queues: Iterable[str]) -> None:
        command = self._words.announcement(queues)
        if command:
            await self._redis.execute_command(*command)
            self._words.known.update(command[2:])

    async def _send(self, commands: list[list[Any]]) -> list[Any]:
        if not commands:
            return []
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return cast("list[Any]", await pipeline.execute(raise_on_error=False))


_lock = threading.Lock()
_shared: Producer | None = None


def enqueue(kind: str, data: Any = None, **options: Unpack[JobOptions]) -> Enqueued:
    """Enqueues one job with a producer that this process keeps, as the environment says where Redis is."""
    global _shared
    with _lock:
        _shared = _shared or Producer()
    return _shared.enqueue(kind, data, **options)


def _address(url: str | None) -> str:
    """The URL as redis-py reads it: `pond` has other names for what TLS needs."""
    # A URL out of a secret file has a line end behind it.
    text = (url or os.environ.get("MILLPOND_REDIS_URL") or DEFAULT_URL).strip()
    parts = urlsplit(text)
    if parts.scheme != "rediss":
        return text
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = [(_TLS_NAMES.get(name, name), _TLS_VALUES.get((name, value), value)) for name, value in pairs]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _connection(options: dict[str, Any], retry: Any) -> dict[str, Any]:
    # A client that sends again by itself would add a job twice when an answer is lost.
    usual = {"retry": retry, "client_name": "millpond-python", "socket_timeout": 5, "socket_connect_timeout": 5}
    merged = {**usual, **options}
    path = os.environ.get("MILLPOND_REDIS_PASSWORD_FILE")
    if path and "password" not in merged:
        with open(path, encoding="utf-8") as file:
            merged["password"] = file.read(4096).rstrip("\r\n")
    return merged


def _batches(jobs: Iterable[NewJob]) -> Iterator[list[NewJob]]:
    iterator = iter(jobs)
    while batch := list(itertools.islice(iterator, BATCH_MAX)):
        yield batch
