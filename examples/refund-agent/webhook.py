#!/usr/bin/env python3
"""Where the provider calls back: POST /hooks/TOKEN answers the token of a saga that waits.

This is the part of your own web service that a webhook needs: one call of `pond_resolve`. The same by hand is
`pond saga resolve-token`.
"""
from __future__ import annotations

import argparse
import collections
import hashlib
import http.server
import json
import os
import sys
import threading
from typing import Any, Counter

from resp import Redis, RedisError

BODY_BYTES_MAX = 65_536
#: What Redis says of an answer, and the status for it; what is not taken is not sent again.
STATUS = {"resolved": 200, "same": 200, "conflict": 409, "expired": 410, "void": 410, "unknown": 404}


class Door:
    """Answers tokens. Counts what came of it, for who asks with GET."""

    def __init__(self, url: str, queue: str) -> None:
        self._url = url
        self._key = f"mp:{{{queue}}}"
        self.counts: Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def answer(self, token: str, body: bytes) -> str:
        said = json.loads(body)["said"]
        how, text = ("done", body) if said == "paid" else ("failed", f"bank_refused: the bank said {said}".encode())
        redis = Redis(self._url)
        try:
            # Only its hash is in Redis, so that nobody who can read there can answer.
            hash = hashlib.sha256(token.encode()).hexdigest()
            answer = str(redis("FCALL", "pond_resolve", 1, self._key, "token", hash, how, text, "provider"))
        finally:
            redis.close()
        with self._lock:
            self.counts[answer] += 1
        return answer


class Handler(http.server.BaseHTTPRequestHandler):
    door: Door

    def do_GET(self) -> None:
        self._say(200, dict(self.door.counts))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        token = self.path.rpartition("/")[2]
        if length > BODY_BYTES_MAX or not token:
            return self._say(400, {"error": "a body of at most 64 KiB to /hooks/TOKEN is expected"})
        try:
            answer = self.door.answer(token, self.rfile.read(length))
        except (ValueError, KeyError, TypeError):
            return self._say(400, {"error": "the body is no JSON object with `said`"})
        except (OSError, RedisError) as error:
            return self._say(503, {"error": f"Redis: {error}"})  # it is to call again
        self._say(STATUS.get(answer, 500), {"answer": answer})

    def _say(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    options = argparse.ArgumentParser(description="Answers the tokens of sagas.")
    options.add_argument("--redis", default=os.environ.get("MILLPOND_REDIS_URL", "redis://127.0.0.1:6379"))
    options.add_argument("--queue", default="cases")
    options.add_argument("--port", type=int, default=0)
    given = options.parse_args()
    server = Server(("127.0.0.1", given.port), type("Bound", (Handler,), {"door": Door(given.redis, given.queue)}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/hooks", flush=True)
    sys.stdin.buffer.read()  # who started it has gone when this ends


if __name__ == "__main__":
    main()
