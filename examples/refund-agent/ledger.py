"""The provider's ledger: an SQLite file in which each request is one transaction, on the disk before it is answered."""
from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, reference TEXT NOT NULL, cents INTEGER NOT NULL, key TEXT NOT NULL,
    at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS entry_references ON entries (reference);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY, reference TEXT NOT NULL, tool TEXT NOT NULL, micros INTEGER NOT NULL,
    key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shipments (number INTEGER PRIMARY KEY, reference TEXT NOT NULL, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS closed (reference TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, request TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS callbacks (
    number INTEGER PRIMARY KEY, url TEXT NOT NULL, body TEXT NOT NULL, due REAL NOT NULL, tries INTEGER NOT NULL);
"""


class Refused(Exception):
    """What is not done, whoever asks how often."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class Ledger:
    """All that the provider remembers. Safe to use from several threads."""

    def __init__(self, path: str, plant: Optional[str] = None) -> None:
        self._takes_keys = plant != "keys"
        self._forgets_refunds = plant == "refunds"
        self._refunds = 0
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    def _once(self, key: str, request: str, act: Callable[[sqlite3.Connection], Dict[str, Any]]) -> Dict[str, Any]:
        """What was answered the first time that the key came, or what `act` does: both in one transaction."""
        with self._transaction() as file:
            known = file.execute("SELECT request, answer FROM answers WHERE key = ?", (key,)).fetchone()
            if known and self._takes_keys:
                if known[0] != request:
                    raise Refused(422, "key_reused", f"the key {key} was for {known[0]}, and now for {request}")
                return json.loads(known[1])
            answer = act(file)
            file.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, request, json.dumps(answer)))
            return answer

    def charge(self, key: str, reference: str, cents: int) -> Dict[str, Any]:
        def act(file: sqlite3.Connection) -> Dict[str, Any]:
            # A request that comes after its own refund, because it was late, must not charge any more.
            if file.execute("SELECT 1 FROM closed WHERE reference = ?", (reference,)).fetchone():
                raise Refused(409, "closed", f"{reference} was refunded; nothing more is charged to it")
            number = self._add(file, "charge", reference, cents, key)
            return {"id": f"ch-{number}", "cents": cents}

        return self._once(key, f"charge {reference} {cents}", act)

    def refund(self, key: str, reference: str) -> Dict[str, Any]:
        """Gives back all that was charged to a reference, also when that is nothing; and closes the reference."""

        def act(file: sqlite3.Connection) -> Dict[str, Any]:
            query = "SELECT coalesce(sum(cents), 0) FROM entries WHERE reference = ?"
            cents = file.execute(query, (reference,)).fetchone()[0]
            file.execute("INSERT OR IGNORE INTO closed VALUES (?)", (reference,))
            self._refunds += 1
            if cents and not (self._forgets_refunds and self._refunds % 3 == 0):
                self._add(file, "refund", reference, -cents, key)
            return {"cents": cents}

        return self._once(key, f"refund {reference}", act)

    @staticmethod
    def _add(file: sqlite3.Connection, kind: str, reference: str, cents: int, key: str) -> int:
        row = (kind, reference, cents, key, time.time())
        added = file.execute("INSERT INTO entries (kind, reference, cents, key, at) VALUES (?, ?, ?, ?, ?)", row)
        return added.lastrowid or 0

    def call(self, key: str, reference: str, tool: str, micros: int, said: Any) -> Dict[str, Any]:
        def act(file: sqlite3.Connection) -> Dict[str, Any]:
            row = (reference, tool, micros, key)
            file.execute("INSERT INTO calls (reference, tool, micros, key) VALUES (?, ?, ?, ?)", row)
            return {"micros": micros, "said": said}

        return self._once(key, f"call {reference} {tool}", act)

    def ship(self, key: str, reference: str) -> Dict[str, Any]:
        def act(file: sqlite3.Connection) -> Dict[str, Any]:
            added = file.execute("INSERT INTO shipments (reference, key) VALUES (?, ?)", (reference, key))
            return {"parcel": f"p-{added.lastrowid}"}

        return self._once(key, f"ship {reference}", act)

    def confirm(self, key: str, reference: str, url: str, calls: List[Tuple[float, str]]) -> Dict[str, Any]:
        def act(file: sqlite3.Connection) -> Dict[str, Any]:
            rows = [(url, body, due) for due, body in calls]
            file.executemany("INSERT INTO callbacks (url, body, due, tries) VALUES (?, ?, ?, 0)", rows)
            return {"pending": reference}

        return self._once(key, f"confirm {reference} {url}", act)

    def callbacks_due(self, now: float) -> List[Tuple[int, str, str, int]]:
        with self._lock:
            query = "SELECT number, url, body, tries FROM callbacks WHERE due <= ? ORDER BY due LIMIT 100"
            return self._file.execute(query, (now,)).fetchall()

    def callback_done(self, number: int) -> None:
        with self._transaction() as file:
            file.execute("DELETE FROM callbacks WHERE number = ?", (number,))

    def callback_again(self, number: int, due: float) -> None:
        with self._transaction() as file:
            file.execute("UPDATE callbacks SET due = ?, tries = tries + 1 WHERE number = ?", (due, number))


class Books:
    """What stands in the file of a ledger, for somebody who compares it with what they know."""

    def __init__(self, path: str) -> None:
        file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            #: kind, reference and cents of each entry, a refund's below 0
            self.entries: List[Tuple[str, str, int]] = file.execute(
                "SELECT kind, reference, cents FROM entries ORDER BY number"
            ).fetchall()
            #: reference, millionths of a dollar and key of each call
            self.calls: List[Tuple[str, int, str]] = file.execute(
                "SELECT reference, micros, key FROM calls ORDER BY number"
            ).fetchall()
            self.shipments: List[str] = [
                row[0] for row in file.execute("SELECT reference FROM shipments ORDER BY number")
            ]
        finally:
            file.close()
