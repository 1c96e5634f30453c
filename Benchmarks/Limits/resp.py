"""The little of Redis' protocol that the measurements need, so that they need no package."""
from __future__ import annotations

import socket
from typing import Any, BinaryIO, Iterable, List, Optional, Sequence


class RedisError(Exception):
    """What Redis answered is an error."""


class Redis:
    """One connection over a unix socket, for one thread."""

    def __init__(self, path: str, timeout: float = 60) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(path)
        self._file: BinaryIO = self._socket.makefile("rb")

    @staticmethod
    def _packed(words: Sequence[Any]) -> bytes:
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)

    def __call__(self, *words: Any) -> Any:
        """Sends a command; raises RedisError when the answer is one."""
        self._socket.sendall(self._packed(words))
        return self._answer()

    def pipeline(self, commands: Iterable[Sequence[Any]]) -> List[Any]:
        """Sends many commands in one go; the answers in order."""
        packed = [self._packed(words) for words in commands]
        self._socket.sendall(b"".join(packed))
        return [self._answer() for _ in packed]

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
            return [self._answer() for _ in range(int(rest))] if int(rest) >= 0 else None
        return rest

    def _text(self, size: int) -> Optional[str]:
        if size < 0:
            return None
        data = self._file.read(size + 2)
        if len(data) < size + 2:
            raise ConnectionError("Redis closed the connection")
        return data[:-2].decode(errors="surrogateescape")


def pairs(flat: Sequence[Any]) -> "dict[str, Any]":
    """A flat answer of names and values; of a limit only what stands before its minutes."""
    found: "dict[str, Any]" = {}
    for index in range(0, len(flat) - 1, 2):
        if flat[index] == "minutes":
            break
        found[flat[index]] = flat[index + 1]
    return found
