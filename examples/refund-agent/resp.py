"""The little of Redis' protocol that the example needs, so that it needs no package."""
from __future__ import annotations

import socket
from typing import Any, BinaryIO, Optional
from urllib.parse import urlsplit


class RedisError(Exception):
    """What Redis answered is an error."""


class Redis:
    """One connection, for one thread: Redis("unix:///run/redis.sock"), Redis("redis://127.0.0.1:6379")."""

    def __init__(self, url: str, timeout: float = 5) -> None:
        parts = urlsplit(url)
        if parts.scheme == "unix":
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(timeout)
            self._socket.connect(parts.path)
        else:
            self._socket = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379), timeout)
        self._file: BinaryIO = self._socket.makefile("rb")

    def __call__(self, *words: Any) -> Any:
        """Sends a command; texts come back as str, nil as None. Raises RedisError, or OSError when Redis is gone."""
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        head = [b"*%d\r\n" % len(parts)]
        self._socket.sendall(b"".join(head + [b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]))
        return self._answer()

    def _answer(self) -> Any:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise RedisError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._text(int(rest))
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return rest

    def _text(self, size: int) -> Optional[str]:
        if size < 0:
            return None
        data = self._file.read(size + 2)
        if len(data) < size + 2:
            raise ConnectionError("Redis closed the connection")
        return data[:-2].decode(errors="surrogateescape")

    def close(self) -> None:
        self._file.close()
        self._socket.close()
