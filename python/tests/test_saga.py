"""Sagas in memory."""
import unittest

from millpond import Fail, Retry, Suspended
from millpond.testing import TestSaga, perform


class Ledger(list):
    """What was done, and how that is undone."""

    def do(self, name, result=None):
        return lambda step: self.append(f"{name} {step.attempt}") or result

    def undo(self, result, step):
        self.append(f"undo {step.name} {result}")


class Steps(unittest.TestCase):
    def test_a_step_that_is_done_does_not_run_again(self):
        ledger = Ledger()

        def flow(job):
            account = job.step("account", ledger.do("account", {"id": 7}))
            job.step("account", ledger.do("second"))
            if job["attempt"] == 1:
                raise Retry("once more")
            return account

        saga = TestSaga(flow)
        performed = saga.run()
        self.assertEqual((saga.state, saga.steps, performed.result), ("done", ["account", "account#2"], {"id": 7}))
        self.assertEqual(ledger, ["account 1", "second 1"])

    def test_a_crash_after_a_step_goes_on_behind_it_and_one_within_it_runs_it_again(self):
        ledger, keys = Ledger(), []

        def flow(job):
            for name in ("a", "b", "c"):
                job.step(name, lambda step: keys.append(step.key) or ledger.do(name)(step))

        saga = TestSaga(flow)
        saga.crash(after="b")
        saga.run()
        self.assertEqual((saga.state, ledger), ("done", ["a 1", "b 1", "c 1"]))
        del ledger[:], keys[:]
        saga = TestSaga(flow)
        saga.crash(during="b")
        saga.run()
        self.assertEqual((ledger, keys[1:3]), (["a 1", "b 1", "b 2", "c 1"], ["1-0:b", "1-0:b"]))

    def test_what_may_run_once_is_left_to_a_person_after_a_crash(self):
        ledger = Ledger()
        saga = TestSaga(lambda job: job.step("mail", ledger.do("mail"), effect="once"))
        saga.crash(during="mail")
        saga.run()
        self.assertEqual((saga.state, saga.reason, ledger), ("paused", "step_unknown: mail", ["mail 1"]))

    def test_what_may_run_once_is_left_to_a_person_when_it_fails(self):
        ledger = Ledger()

        def send(step):
            ledger.append(step.name)
            raise RuntimeError("smtp down")

        saga = TestSaga(lambda job: job.step("mail", send, effect="once"))
        saga.run()
        self.assertEqual((saga.state, saga.reason, ledger), ("paused", "step_unknown: mail", ["mail"]))

    def test_an_undo_knows_the_key_that_its_step_ran_with(self):
        keys = []

        def flow(job):
            job.step("pay", lambda step: keys.append((step.key, step.step_key)), undo_always=undo)
            raise Fail("no")

        def undo(result, step):
            keys.append((step.key, step.step_key))

        TestSaga(flow).run()
        self.assertEqual(keys, [("1-0:pay", "1-0:pay"), ("1-0:pay:undo", "1-0:pay")])

    def test_a_probe_says_whether_it_has_happened(self):
        for answer, runs in ((None, ["pay 1", "pay 2"]), ({"id": 7}, ["pay 1"])):
            ledger = Ledger()
            saga = TestSaga(
                lambda job: job.step("pay", ledger.do("pay", {"id": 1}), effect="query", probe=lambda step: answer)
            )
            saga.crash(during="pay")
            self.assertEqual(saga.run().result, answer or {"id": 1})
            self.assertEqual(ledger, runs)

    def test_tries_of_its_own_do_not_count_as_the_jobs(self):
        def flow(job):
            def flaky(step):
                if step.attempt < 3:
                    raise ValueError("busy")

            job.step("a", flaky, retries=2)
            return job["attempt"]

        self.assertEqual(TestSaga(flow).run().result, 1)
        saga = TestSaga(lambda job: job.step("a", lambda step: 1 / 0, retries=2))
        self.assertEqual((saga.run().cause, saga.state), ("attempts_exhausted", "failed"))

    def test_the_first_exception_is_the_steps_own_and_a_step_in_a_step_is_refused(self):
        def flow(job):
            job.step("a", lambda step: job.step("b", lambda step: 1))

        performed = perform(flow)
        self.assertEqual((performed.outcome, performed.cause), ("fail", "saga_step"))
        self.assertIsInstance(perform(lambda job: job.step("a", lambda step: 1 / 0)).exception, ZeroDivisionError)

    def test_a_name_that_no_step_may_have_is_a_failure(self):
        for name in ("a b", "a#2", "", "x" * 121):
            self.assertEqual(perform(lambda job: job.step(name, lambda step: 1)).cause, "saga_step")

    def test_another_input_pauses_it(self):
        saga = TestSaga(lambda job: [job.step("a", lambda step: 1, input=job["attempt"]), 1 / 0])
        saga.run()
        self.assertEqual((saga.state, saga.reason), ("paused", "plan_mismatch: a"))


class Undo(unittest.TestCase):
    def test_newest_first_and_only_what_may_have_happened(self):
        ledger = Ledger()

        def flow(job):
            job.step("a", lambda step: "A", undo=ledger.undo)
            job.step("b", lambda step: "B", undo_always=ledger.undo)
            try:
                job.step("c", self.refused, undo=ledger.undo)
            except Fail as error:
                ledger.append(error.more["cause"])
            raise Fail("no more", cause="enough")

        saga = TestSaga(flow)
        saga.run()
        self.assertEqual((saga.state, saga.reason, saga.undone), ("compensated", "enough: no more", ["b", "a"]))
        self.assertEqual(ledger, ["no_cover", "no_cover", "undo b B", "undo a A"])

    @staticmethod
    def refused(step):
        raise Fail("no cover", cause="no_cover")

    def test_a_cancelled_saga_and_a_crash_in_an_undo(self):
        ledger = Ledger()

        def flow(job):
            job.step("a", lambda step: "A", undo=ledger.undo)
            job.sleep("day", 86_400)

        saga = TestSaga(flow)
        saga.run()
        self.assertEqual((saga.state, saga.waits_for), ("waiting", ["day"]))
        saga.cancel()
        saga.crash(during_undo="a")
        saga.run()
        self.assertEqual((saga.state, ledger), ("cancelled", ["undo a A", "undo a A"]))

    def test_an_undo_that_gives_up_leaves_it_stuck_and_a_pivot_pauses_it(self):
        def never(result, step):
            raise Fail("closed")

        def flow(job):
            job.step("a", lambda step: 1, undo=never, pivot=job["data"])
            raise Fail("no more")

        saga = TestSaga(flow, False)
        saga.run()
        self.assertEqual((saga.state, saga.reason), ("stuck", "step a cannot be undone: closed"))
        saga = TestSaga(flow, True)
        saga.run()
        self.assertEqual((saga.state, saga.reason), ("paused", "forward_only: failed: no more"))


class Waits(unittest.TestCase):
    def test_a_callback_early_late_and_never(self):
        sent = []

        def flow(job):
            def send(step):
                sent.append(step.token)
                if job["data"] == "early":
                    saga.answer("payment", 990)

            try:
                return job.callback("payment", send, within=60)
            except Fail as error:
                return error.more["cause"]

        for when, result in (("early", 990), ("late", 990), ("never", "timed_out")):
            saga = TestSaga(flow, when)
            saga.run()
            if when == "late":
                self.assertEqual(saga.token("payment"), sent[-1])
                saga.answer("payment", 990)
            if when == "never":
                saga.advance(60)
            self.assertEqual((saga.run().result, saga.state), (result, "done"))
        self.assertEqual(len(sent), 3)

    def test_signals_and_children(self):
        def flow(job):
            by = job.signal("approved")
            pages = job.fan_out("pages", "page", [1, 2], limit=1)
            first = job.fan_out("any", "page", "ab", at_least=1)
            return [by, pages, first]

        saga = TestSaga(flow)
        saga.signal("approved", "ada")
        saga.run()
        self.assertEqual((saga.waits_for, saga.children("pages")), (["pages"], [1, 2]))
        saga.end_child(1, "pages", "two")
        self.assertEqual(saga.state, "waiting")
        saga.end_child(0, "pages", "one")
        saga.run()
        saga.end_child(1, "any", "b")
        self.assertEqual(saga.run().result, ["ada", ["one", "two"], [None, "b"]])
        undone = []
        saga = TestSaga(lambda job: job.fan_out("pages", "page", [1, 2], undo=lambda results, step: undone.append(results)))
        saga.run()
        saga.end_child(1, "pages", "two")
        saga.cancel()
        saga.run()
        self.assertEqual((saga.state, undone), ("cancelled", [[None, "two"]]))
        saga = TestSaga(lambda job: job.fan_out("pages", "page", [1]))
        saga.run()
        saga.fail_child(0, "pages")
        self.assertEqual(saga.run().cause, "children_failed")

    def test_one_try_ends_where_it_waits_and_exception_does_not_catch_that(self):
        def flow(job):
            try:
                job.sleep("day", 86_400)
            except Exception:
                return "caught"

        performed = perform(flow)
        self.assertEqual(performed.outcome, "suspended")
        self.assertIsInstance(performed.exception, Suspended)


if __name__ == "__main__":
    unittest.main()
