"""A vendor that counts: an HTTP server that tells when each call came, how many were open, and how it answered.

Calls are answered after a while with 200, or at once with 503 while it is down. A call whose caller hangs up is over.
"""
from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple


@dataclass
class Ledger:
    """All that the vendor saw, on one monotonic clock."""

    arrivals: List[float] = field(default_factory=list)
    tenants: Dict[str, List[float]] = field(default_factory=dict)
    failed: List[float] = field(default_factory=list)
    calls_of_job: Dict[int, int] = field(default_factory=dict)
    # When the number of open calls changed, and to what.
    opened: List[Tuple[float, int]] = field(default_factory=list)
    most_open: int = 0


class Vendor:
    """Runs in a thread of its own; `port` is where it listens."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_down = False
        self.ledger = Ledger()
        self.open = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def begin(self, body: bytes) -> None:
        now = time.monotonic()
        self.ledger.arrivals.append(now)
        self._open_by(1, now)
        data: Dict[str, Any] = json.loads(body or b"{}")
        if "tenant" in data:
            self.ledger.tenants.setdefault(data["tenant"], []).append(now)
        if "n" in data:
            self.ledger.calls_of_job[data["n"]] = self.ledger.calls_of_job.get(data["n"], 0) + 1

    def end(self) -> None:
        self._open_by(-1, time.monotonic())

    def _open_by(self, change: int, now: float) -> None:
        self.open += change
        self.ledger.most_open = max(self.ledger.most_open, self.open)
        self.ledger.opened.append((now, self.open))


class _Connection(asyncio.Protocol):
    """One connection that is kept alive; a request at a time."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._bytes = b""
        self._answer: Optional[asyncio.TimerHandle] = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Optional[Exception]) -> None:
        if self._answer:
            self._answer.cancel()
            self._answer = None
            self._vendor.end()

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        self._read()

    def _read(self) -> None:
        if self._answer:
            return
        head, found, rest = self._bytes.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        if len(rest) < length:
            return
        self._bytes = rest[length:]
        self._vendor.begin(rest[:length])
        loop = asyncio.get_running_loop()
        wait = 0.0 if self._vendor.is_down else self._vendor.seconds
        self._answer = loop.call_later(wait, self._reply)

    def _reply(self) -> None:
        self._answer = None
        self._vendor.end()
        if self._vendor.is_down:
            self._vendor.ledger.failed.append(time.monotonic())
            self._transport.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\ndown")
        else:
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        self._read()
