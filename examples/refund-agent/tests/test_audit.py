"""Tests of the comparison: each kind of a difference is found."""
import unittest

from support import LedgerCase

from audit import Audit, Saga, Step

def saga(state="done", label=490, exchange=1_000, **changes):
    """A saga of case-1 with both charges; `changes` are those of the step `exchange`."""
    undo = "armed" if state == "done" else "done"
    known = {"state": "done", "undo": undo, "attempts": 1, "undo_attempts": 0, "result": {"cents": exchange}, **changes}
    steps = [Step("label", "done", undo, 1, 0, {"cents": label}), Step("exchange", **known)]
    return Saga("1-0", "case-1", state, "sold_out: none left", {step.name: step for step in steps})


class Balance(LedgerCase):
    def setUp(self):
        super().setUp()
        self.ledger.charge("1-0:label", "case-1/label", 490)
        self.ledger.charge("1-0:exchange", "case-1/exchange", 1_000)

    def refund(self):
        for name in ("label", "exchange"):
            self.ledger.refund(f"1-0:{name}:undo", f"case-1/{name}")

    def problems(self, *sagas):
        return Audit(self.books, sagas).problems

    def test_a_saga_that_is_done_keeps_what_it_charged(self):
        self.ledger.ship("1-0:ship", "case-1")
        audit = Audit(self.books, [saga()])
        self.assertEqual(audit.problems, [])
        self.assertEqual((audit.net.books, audit.net.books_cents, audit.net.sagas_cents), (2, 1_490, 1_490))

    def test_a_saga_that_is_compensated_has_refunded_all(self):
        self.refund()
        audit = Audit(self.books, [saga("compensated")])
        self.assertEqual(audit.problems, [])
        self.assertEqual((audit.refunded.books_cents, audit.refunded.sagas_cents), (-1_490, -1_490))
        self.assertEqual((audit.net.books, audit.net.books_cents), (0, 0))
        self.assertEqual(audit.causes("compensated"), {"sold_out": 1})

    def test_a_charge_of_which_no_agent_heard_is_refunded_by_its_reference(self):
        self.refund()
        audit = Audit(self.books, [self.unheard()])
        self.assertEqual((audit.problems, audit.unheard, audit.unheard_cents), ([], 1, 1_000))

    @staticmethod
    def unheard():
        found = saga("compensated", result=None)
        found.steps["exchange"].state = "unknown"
        return found

    def test_a_refund_that_is_missing_is_found(self):
        self.ledger.refund("1-0:label:undo", "case-1/label")
        text = "case-1/exchange: the saga undid [1000], the ledger has charges [1000] and refunds []"
        self.assertIn(text, self.problems(saga("compensated")))

    def test_a_charge_that_was_made_twice_is_found(self):
        self.ledger.ship("1-0:ship", "case-1")
        self.ledger.charge("another key", "case-1/exchange", 1_000)
        problems = self.problems(saga())
        self.assertTrue(any("charges [1000, 1000]" in problem for problem in problems), problems)

    def test_a_charge_of_another_amount_is_found(self):
        self.ledger.ship("1-0:ship", "case-1")
        problems = self.problems(saga(exchange=999))
        self.assertTrue(any("kept a charge of 999" in problem for problem in problems), problems)

    def test_a_charge_of_no_saga_is_found(self):
        problems = self.problems()
        self.assertIn("case-1/label is in the ledger, and no saga is of it", problems)

    def test_a_charge_that_the_saga_does_not_know_is_found(self):
        found = saga("compensated")
        del found.steps["exchange"]
        self.refund()
        self.assertIn("case-1/exchange is in the ledger, and the saga knows of no charge", self.problems(found))

    def test_a_saga_that_has_not_ended_is_found(self):
        found = saga("compensated")
        found.state = "stuck"
        self.refund()
        self.assertTrue(any("case-1 has not ended: it is stuck" in problem for problem in self.problems(found)))

    def test_a_charge_that_was_kept_though_the_saga_failed_is_found(self):
        found = saga("compensated", undo="armed")
        self.ledger.refund("1-0:label:undo", "case-1/label")
        self.assertIn("case-1/exchange was kept though the saga is compensated", self.problems(found))

    def test_an_end_for_no_known_reason_is_found(self):
        found = saga("compensated")
        found.reason = "saga_refused: step paid has ended already"
        self.refund()
        self.assertTrue(any("for no reason that the example knows" in problem for problem in self.problems(found)))

    def test_a_parcel_too_many_or_too_few_is_found(self):
        self.assertIn("case-1 is done, and 0 parcels were sent", self.problems(saga()))
        for key in ("a", "b"):
            self.ledger.ship(key, "case-1")
        self.assertIn("case-1 is done, and 2 parcels were sent", self.problems(saga()))

    def test_a_call_that_was_paid_twice_or_not_at_all_is_found(self):
        found = saga()
        found.steps["model"] = Step("model", "done", "none", 1, 0, {"micros": 9_000, "said": {}})
        self.ledger.ship("1-0:ship", "case-1")
        self.assertIn("the call 1-0:model is remembered, and was never paid for", self.problems(found))
        ledger = self.open(plant="keys")
        for _ in range(2):
            ledger.call("1-0:model", "case-1", "model", 9_000, {})
        self.assertIn("the call 1-0:model was paid for 2 times", self.problems(found))


class Reading(unittest.TestCase):
    def test_a_record_is_read_as_redis_gives_it(self):
        words = ["label", "step", "done", 1, 2, "keyed", "armed", 0, "0", "0", "", '{"cents":490}', "", 1, 2, "", ""]
        found = Saga.of("1-0", "case-1", [["state", "done", "since_ms", "7"], words])
        self.assertEqual((found.state, found.reason, found.steps["label"].result), ("done", "", {"cents": 490}))
        self.assertEqual(found.steps["label"].attempts, 2)

    def test_a_job_that_never_said_a_step_is_no_saga(self):
        self.assertEqual(Saga.of("1-0", "case-1", []).state, "none")


if __name__ == "__main__":
    unittest.main()
