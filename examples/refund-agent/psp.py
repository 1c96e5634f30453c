"""How the agent talks with the provider: each request has an idempotency key, and may be sent again with it."""
from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any, Dict

from millpond import Fail

SECONDS = 1.0


class Unclear(Exception):
    """Nobody knows whether it was done. Asked again with the same key, the provider does it once."""


class Provider:
    def __init__(self, url: str) -> None:
        self._url = url

    def charge(self, reference: str, cents: int, key: str) -> Dict[str, Any]:
        return self._post("/charges", key, reference=reference, cents=cents)

    def refund(self, reference: str, key: str) -> Dict[str, Any]:
        """Gives back whatever was charged to the reference, if anything: who asks need not know. Tries a few times."""
        for _ in range(4):
            try:
                return self._post("/refunds", key, reference=reference)
            except Unclear:
                time.sleep(0.1)
        return self._post("/refunds", key, reference=reference)

    def confirm(self, reference: str, callback: str, key: str) -> None:
        """Asks for word at an address, once the bank has said whether it pays."""
        self._post("/confirmations", key, reference=reference, callback=callback)

    def call(self, reference: str, tool: str, seen: Dict[str, Any], key: str) -> Dict[str, Any]:
        return self._post("/calls", key, reference=reference, tool=tool, seen=seen)

    def ship(self, reference: str, key: str) -> Dict[str, Any]:
        return self._post("/shipments", key, reference=reference)

    def _post(self, path: str, key: str, **asked: Any) -> Dict[str, Any]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        request = urllib.request.Request(self._url + path, json.dumps(asked).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code >= 500:
                raise Unclear(f"{path}: HTTP {error.code}") from None
            said = json.load(error)
            raise Fail(f"{path}: {said['text']}", cause=said["error"]) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unclear(f"{path}: {error}") from None
