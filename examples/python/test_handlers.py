"""Tests: python -m unittest"""
import unittest

from handlers import send
from millpond.testing import perform


class Send(unittest.TestCase):
    def test_an_address_is_sent_to(self) -> None:
        performed = perform(send, {"to": "a@b.c"}, attempt=2)
        self.assertEqual((performed.outcome, performed.result), ("done", {"sent": "a@b.c"}))
        self.assertEqual(performed.heartbeats[0].note, "connected")

    def test_what_is_no_address_is_given_up(self) -> None:
        performed = perform(send, {"to": "nobody"})
        self.assertEqual((performed.outcome, performed.cause), ("fail", "no_address"))
