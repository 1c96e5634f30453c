#!/usr/bin/env python3
"""A payment provider that takes idempotency keys and has bad days: python3 provider.py --ledger FILE --seed N

It also sells calls of a model and of tools. What it answers stands in an SQLite file before it is said. What
it answers is seeded, and so is how it fails: with 500, by a reset of the connection, by doing nothing for too long, and
by doing what was asked and then one of these. It calls back later, and twice.

`--plant` breaks it, so that a test can see whether the books are really compared: `keys` takes no idempotency keys,
`refunds` forgets every third refund.
"""
from __future__ import annotations

import argparse
import http.server
import json
import os
import random
import socket
import struct
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any, Dict, Optional, Tuple

from ledger import Ledger, Refused
from model import output

Answer = Dict[str, Any]

LATE_SECONDS = 1.5  # longer than the agent waits
BODY_BYTES_MAX = 65_536
FAILURES = ("500", "reset", "late", "done_500", "done_reset", "done_late")
CALLBACK_TRIES_MAX = 40


class Dice:
    """What happens by chance: the same of a seed and a name, whatever happens beside it."""

    def __init__(self, seed: int, failures: float) -> None:
        self.seed = seed
        self.failures = failures
        self._arrivals: Dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def failure(self, request: str) -> Optional[str]:
        """How this arrival of a request fails. The more often it has come, the less likely that is."""
        with self._lock:
            arrival = self._arrivals[request] = self._arrivals.get(request, 0) + 1
        dice = self.of(f"{request} {arrival}")
        return dice.choice(FAILURES) if dice.random() < self.failures / arrival else None

    def confirmation(self, reference: str, slow: float) -> Tuple[str, float, bool]:
        """What the bank says of a charge, after how many seconds, and whether it contradicts itself the second time."""
        dice = self.of(f"bank {reference}")
        fate = dice.random()
        if fate < 0.06:
            return "refused", dice.uniform(0.1, 2), False
        if fate < 0.11:
            return "paid", slow + dice.uniform(1, 3), False
        return "paid", dice.uniform(0.05, 2.5), dice.random() < 0.1


class Callbacks:
    """Calls the addresses that were left with confirmations, until each has taken its call."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(0.05):
            due = self._ledger.callbacks_due(time.time())
            for number, url, body, tries in due:
                if tries >= CALLBACK_TRIES_MAX or self._call(url, body):
                    self._ledger.callback_done(number)
                else:
                    self._ledger.callback_again(number, time.time() + 0.5)

    @staticmethod
    def _call(url: str, body: str) -> bool:
        request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=2):
                return True
        except urllib.error.HTTPError as error:
            return error.code < 500  # that it is not wanted any more is an answer
        except OSError:
            return False


class Provider:
    """What it does when asked; how it fails is the server's part."""

    def __init__(self, ledger: Ledger, dice: Dice, slow: float) -> None:
        self.ledger = ledger
        self.dice = dice
        self.slow = slow

    def answer(self, path: str, key: str, asked: Answer) -> Answer:
        """Raises Refused for what is not to be done."""
        if path == "/charges":
            return self.ledger.charge(key, text(asked, "reference"), whole(asked, "cents"))
        if path == "/refunds":
            return self.ledger.refund(key, text(asked, "reference"))
        if path == "/confirmations":
            return self._confirm(key, text(asked, "reference"), text(asked, "callback"))
        if path == "/calls":
            reference, tool = text(asked, "reference"), text(asked, "tool")
            micros, said = output(self.dice.of(f"{reference} {tool}"), tool, asked.get("seen") or {})
            return self.ledger.call(key, reference, tool, micros, said)
        if path == "/shipments":
            return self._ship(key, text(asked, "reference"))
        raise Refused(404, "no_such_path", f"there is no {path}")

    def _confirm(self, key: str, reference: str, url: str) -> Answer:
        said, seconds, contradicts = self.dice.confirmation(reference, self.slow)
        first = json.dumps({"reference": reference, "said": said}, sort_keys=True)
        second = json.dumps({"reference": reference, "said": "refused"}, sort_keys=True) if contradicts else first
        now = time.time()
        return self.ledger.confirm(key, reference, url, [(now + seconds, first), (now + seconds * 1.5, second)])

    def _ship(self, key: str, reference: str) -> Answer:
        if self.dice.of(f"stock {reference}").random() < 0.1:
            raise Refused(409, "sold_out", f"there is none left for {reference}")
        return self.ledger.ship(key, reference)


def text(asked: Answer, name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 500:
        raise Refused(422, "invalid", f"{name} is {value!r:.80}, expected a text of 1 to 500 characters")
    return value


def whole(asked: Answer, name: str) -> int:
    value = asked.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 10_000_000:
        raise Refused(422, "invalid", f"{name} is {value!r:.80}, expected a whole number of 1 to 10000000")
    return value


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    provider: Provider

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            return self._say(413, {"error": "too_large", "text": f"at most {BODY_BYTES_MAX} bytes"})
        body = self.rfile.read(length)
        try:
            asked = json.loads(body)
            assert isinstance(asked, dict)
        except (ValueError, AssertionError):
            return self._say(400, {"error": "invalid", "text": "the body is no JSON object"})
        key = self.headers.get("Idempotency-Key") or ""
        if not key:
            return self._say(422, {"error": "no_key", "text": "Idempotency-Key is missing"})
        # By what it is about and not by its key, in which there is the time.
        kind = f"{self.path} {asked.get('reference')} {asked.get('tool')} {len(asked.get('seen') or {})}"
        self._answer(key, asked, self.provider.dice.failure(kind))

    def _answer(self, key: str, asked: Answer, failure: Optional[str]) -> None:
        if failure == "500":
            return self._say(500, {"error": "bad_day"})
        if failure == "reset":
            return self._reset()
        if failure == "late":
            time.sleep(LATE_SECONDS)
        try:
            status, answer = 200, self.provider.answer(self.path, key, asked)
        except Refused as error:
            status, answer = error.status, {"error": error.code, "text": str(error)}
        if failure == "done_500":
            return self._say(500, {"error": "bad_day"})
        if failure == "done_reset":
            return self._reset()
        if failure == "done_late":
            time.sleep(LATE_SECONDS)
        self._say(status, answer)

    def _say(self, status: int, answer: Answer) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        # With a linger of 0 the connection is reset and not closed.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *words: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def shutdown_request(self, request: Any) -> None:
        # Without shutdown(), which would end a connection in order that is to be reset.
        self.close_request(request)

    def handle_error(self, request: Any, address: Any) -> None:
        """An agent that was killed, or did not wait, is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, address)


def serve(provider: Provider, port: int = 0) -> Server:
    """A server that has not begun to serve; `server_address` has its port."""
    return Server(("127.0.0.1", port), type("Bound", (Handler,), {"provider": provider}))


def main() -> None:
    options = argparse.ArgumentParser(description="A payment provider that takes idempotency keys and has bad days.")
    options.add_argument("--ledger", required=True, help="the SQLite file")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--failures", type=float, default=0.2, help="the share of requests that fail the first time")
    options.add_argument("--slow", type=float, default=12, help="seconds after which a confirmation is too late")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--plant", choices=["keys", "refunds"], help="a bug, for tests")
    given = options.parse_args()
    ledger = Ledger(given.ledger, plant=given.plant)
    Callbacks(ledger)
    server = serve(Provider(ledger, Dice(given.seed, given.failures), given.slow), given.port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    while os.read(0, 4_096):  # who started it has gone when this ends
        pass


if __name__ == "__main__":
    main()
