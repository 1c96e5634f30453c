"""What the tests share: the example's folder on the path, and a ledger of their own."""
import json
import os
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

EXAMPLE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, EXAMPLE)
# The package, with what runs sagas in memory, before the file that is copied out of it.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(EXAMPLE)), "python"))

from ledger import Books, Ledger  # noqa: E402
from provider import Dice, Provider, serve  # noqa: E402


class LedgerCase(unittest.TestCase):
    """With a ledger in a file of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name + "/ledger.sqlite"
        self.ledger = self.open()

    def open(self, plant=None):
        ledger = Ledger(self.path, plant=plant)
        self.addCleanup(ledger.close)
        return ledger

    @property
    def books(self):
        return Books(self.path)

    def serve(self, failures, seed=1):
        """The address of a provider that fails so often, and its dice."""
        dice = Dice(seed, failures)
        self.server = serve(Provider(self.ledger, dice, slow=6))
        self.server.daemon_threads = False
        self.serving = threading.Thread(target=self.server.serve_forever)
        self.serving.start()
        self.addCleanup(self.stop_serving)
        return f"http://127.0.0.1:{self.server.server_address[1]}", dice

    def stop_serving(self):
        """Waits for what is late, too."""
        self.server.shutdown()
        self.serving.join()
        self.server.server_close()


def post(url, key, timeout=1.0, **asked):
    """The status and the answer."""
    headers = {"Idempotency-Key": key} if key else {}
    request = urllib.request.Request(url, json.dumps(asked).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
