"""Tests of the agent: its saga in memory, and a real provider that does not fail."""
import unittest

import support
from millpond.testing import TestSaga
from provider import Dice

import agent
from psp import Provider


class Agent(support.LedgerCase):
    def setUp(self):
        super().setUp()
        url, self.dice = self.serve(failures=0)
        agent.provider = Provider(url)

    def case(self, sold_out=False):
        """A case whose agent comes to a decision, and whose goods are there or not."""
        for number in range(1_000):
            name = f"case-{number}"
            never_sure = self.dice.of(f"{name} model").random() < 0.08
            if not never_sure and (self.dice.of(f"stock {name}").random() < 0.1) == sold_out:
                return name
        self.fail("there is no such case")

    def start(self, **kind):
        return TestSaga(agent.settle, {"case": self.case(**kind), "label_cents": 490})

    def pay(self, saga):
        """The bank pays, and the time to cool off passes."""
        self.assertEqual(saga.waits_for, ["paid"])
        saga.answer("paid", {"said": "paid"})
        saga.run()
        saga.advance(2)
        saga.run()

    def cents(self):
        return sum(cents for _, _, cents in self.books.entries)

    def test_a_case_that_goes_well_is_charged_twice_and_sent_once(self):
        saga = self.start()
        saga.run()
        self.pay(saga)
        self.assertEqual((saga.state, saga.steps[0], saga.steps[-1]), ("done", "label", "ship"))
        self.assertEqual([kind for kind, _, _ in self.books.entries], ["charge", "charge"])
        self.assertEqual(len(self.books.shipments), 1)

    def test_a_worker_that_dies_after_a_charge_does_not_charge_again(self):
        for step in ("label", "exchange", "model"):
            saga = self.start()
            saga.crash(during=step)
            saga.run()
        self.assertEqual(len({reference for _, reference, _ in self.books.entries}), len(self.books.entries))
        self.assertEqual(len({key for _, _, key in self.books.calls}), len(self.books.calls))

    def test_what_is_sold_out_is_refunded_newest_first(self):
        saga = self.start(sold_out=True)
        saga.run()
        self.pay(saga)
        self.assertEqual((saga.state, saga.undone), ("compensated", ["exchange", "label"]))
        self.assertIn("sold_out", saga.reason)
        self.assertEqual((self.cents(), self.books.shipments), (0, []))

    def test_a_bank_that_says_nothing_in_time_costs_nothing(self):
        saga = self.start()
        saga.run()
        saga.advance(agent.PAID_WITHIN)
        saga.run()
        self.assertEqual((saga.state, saga.undone, self.cents()), ("compensated", ["exchange", "label"], 0))

    def test_a_customer_who_cancels_is_refunded_though_a_refund_is_cut_off(self):
        saga = self.start()
        saga.run()
        saga.cancel()
        saga.crash(during_undo="exchange")
        saga.run()
        self.assertEqual((saga.state, self.cents()), ("cancelled", 0))
        self.assertEqual([kind for kind, _, _ in self.books.entries], ["charge", "charge", "refund", "refund"])


if __name__ == "__main__":
    unittest.main()
