"""Tests of the provider: python3 -m unittest discover -s examples/refund-agent/tests"""
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import unittest

from support import Books, LedgerCase, post

from ledger import Refused
from provider import FAILURES, Callbacks, Dice


class Keys(LedgerCase):
    def test_a_charge_that_comes_again_with_its_key_is_one_charge(self):
        first = self.ledger.charge("k1", "case-1/label", 490)
        self.assertEqual(self.ledger.charge("k1", "case-1/label", 490), first)
        self.assertEqual(self.books.entries, [("charge", "case-1/label", 490)])

    def test_a_key_stands_for_one_request(self):
        self.ledger.charge("k1", "case-1/label", 490)
        with self.assertRaises(Refused) as refused:
            self.ledger.charge("k1", "case-1/label", 491)
        self.assertEqual((refused.exception.status, refused.exception.code), (422, "key_reused"))
        self.assertEqual(len(self.books.entries), 1)

    def test_a_provider_that_takes_no_keys_charges_twice(self):
        ledger = self.open(plant="keys")
        for _ in range(2):
            ledger.charge("k1", "case-1/label", 490)
        self.assertEqual([cents for _, _, cents in self.books.entries], [490, 490])

    def test_a_call_is_paid_for_once(self):
        for _ in range(2):
            self.ledger.call("k1", "case-1", "photo", 4_000, {"score": 7})
        self.assertEqual(self.books.calls, [("case-1", 4_000, "k1")])


class Refunds(LedgerCase):
    def test_a_refund_gives_back_what_was_charged_once(self):
        self.ledger.charge("k1", "case-1/label", 490)
        for key in ("u1", "u1", "u2"):
            self.ledger.refund(key, "case-1/label")
        self.assertEqual(self.books.entries, [("charge", "case-1/label", 490), ("refund", "case-1/label", -490)])

    def test_a_charge_that_comes_after_its_refund_is_refused(self):
        self.assertEqual(self.ledger.refund("u1", "case-1/label"), {"cents": 0})
        with self.assertRaises(Refused) as refused:
            self.ledger.charge("k1", "case-1/label", 490)
        self.assertEqual(refused.exception.code, "closed")
        self.assertEqual(self.books.entries, [])

    def test_a_planted_provider_forgets_a_refund(self):
        ledger = self.open(plant="refunds")
        for number in range(3):
            ledger.charge(f"k{number}", f"case-{number}", 100)
            ledger.refund(f"u{number}", f"case-{number}")
        self.assertEqual(sum(cents for _, _, cents in self.books.entries), 100)


class Failures(LedgerCase):
    def reference(self, failure, dice_of):
        """A reference whose first request fails so, and whose second does not."""
        for number in range(10_000):
            name = f"case-{number}"
            dice = dice_of()
            request = f"/charges {name} None 0"
            if dice.failure(request) == failure and dice.failure(request) is None:
                return name
        self.fail(f"no reference fails by {failure}")

    def test_each_way_to_fail_does_what_its_name_says_and_the_second_try_charges_once(self):
        url, dice = self.serve(failures=0.5)
        for failure in FAILURES:
            with self.subTest(failure):
                reference = self.reference(failure, lambda: Dice(dice.seed, dice.failures))
                try:
                    status, _ = post(f"{url}/charges", f"k-{reference}", timeout=0.5, reference=reference, cents=100)
                    self.assertEqual((status, failure in ("500", "done_500")), (500, True))
                except OSError as error:
                    kind = ConnectionResetError if "reset" in failure else TimeoutError
                    self.assertIsInstance(getattr(error, "reason", error), kind)
                charges = [name for _, name, _ in self.books.entries]
                self.assertEqual(reference in charges, failure.startswith("done"))
                status, _ = post(f"{url}/charges", f"k-{reference}", reference=reference, cents=100)
                self.assertEqual(status, 200)
        # Those that were late do it at last, and nobody hears of it; by their keys they do it once.
        self.stop_serving()
        charges = [name for _, name, _ in self.books.entries]
        self.assertEqual((len(charges), len(set(charges))), (len(FAILURES), len(FAILURES)))

    def test_what_fails_is_the_same_for_a_seed_whatever_comes_between(self):
        one, other = Dice(7, 0.5), Dice(7, 0.5)
        requests = [f"/charges case-{number}" for number in range(50)] * 3
        self.assertEqual(
            sorted(str(one.failure(request)) for request in requests),
            sorted(str(other.failure(request)) for request in reversed(requests)),
        )
        self.assertNotEqual(
            [Dice(7, 0.5).failure(request) for request in requests[:50]],
            [Dice(8, 0.5).failure(request) for request in requests[:50]],
        )

    def test_a_request_that_is_wrong_changes_nothing(self):
        url, _ = self.serve(failures=0)
        wrong = [
            ("k", "/charges", {"reference": "a", "cents": -1}),
            ("k", "/charges", {"reference": "a", "cents": 1.5}),
            ("k", "/charges", {"reference": "a", "cents": True}),
            ("k", "/charges", {"cents": 1}),
            ("", "/charges", {"reference": "a", "cents": 1}),
            ("k", "/elsewhere", {}),
        ]
        statuses = [post(url + path, key, **asked)[0] for key, path, asked in wrong]
        self.assertEqual(statuses, [422, 422, 422, 422, 422, 404])
        self.assertEqual(self.books.entries, [])


class Calling(LedgerCase):
    def test_it_calls_back_twice_and_again_while_nobody_answers(self):
        heard, answers = [], [503, 200, 200]
        done = threading.Event()

        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                heard.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(answers[len(heard) - 1])
                self.end_headers()
                if len(heard) == 3:
                    done.set()

            def log_message(self, *words):
                pass

        hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
        thread = threading.Thread(target=hook.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(hook.server_close)
        self.addCleanup(hook.shutdown)
        url = f"http://127.0.0.1:{hook.server_address[1]}/hooks/token"
        body = json.dumps({"said": "paid"})
        for _ in range(2):
            self.ledger.confirm("k1", "case-1/exchange", url, [(0, body), (0, body)])
        callbacks = Callbacks(self.ledger)
        self.addCleanup(callbacks.stop)
        self.assertTrue(done.wait(10))
        self.assertEqual(heard, [("/hooks/token", {"said": "paid"})] * 3)


class Killed(LedgerCase):
    def test_what_was_answered_stands_on_the_disk_when_the_provider_is_killed(self):
        program = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "provider.py")
        words = [sys.executable, program, "--ledger", self.path, "--failures", "0"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as provider:
            url = provider.stdout.readline().decode().strip()
            status, _ = post(f"{url}/charges", "k1", reference="case-1/label", cents=490)
            provider.send_signal(signal.SIGKILL)
        self.assertEqual((status, Books(self.path).entries), (200, [("charge", "case-1/label", 490)]))

    def test_it_ends_when_who_started_it_has_gone(self):
        program = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "provider.py")
        words = [sys.executable, program, "--ledger", self.path]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as provider:
            provider.stdout.readline()
            provider.stdin.close()
            self.assertEqual(provider.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
