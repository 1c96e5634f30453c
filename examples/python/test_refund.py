"""Tests of a saga: python -m unittest"""
import unittest

from millpond.testing import TestSaga
from refund import refund

ORDER = {"order": 7, "cents": 990}


class Refund(unittest.TestCase):
    def test_a_crash_after_the_payment_pays_once(self) -> None:
        saga = TestSaga(refund, ORDER)
        saga.crash(after="pay-back")
        saga.run()
        self.assertEqual(saga.waits_for, ["approval"])
        saga.answer("approval", {"by": "ada"})
        self.assertEqual(saga.run().result, {"approved": "ada"})
        self.assertEqual(saga.steps, ["pay-back", "approval", "letter"])

    def test_what_was_paid_is_taken_back_when_nobody_approves(self) -> None:
        saga = TestSaga(refund, ORDER)
        saga.run()
        saga.advance(86_400)
        saga.run()
        self.assertEqual((saga.state, saga.undone), ("compensated", ["pay-back"]))
