"""One try of a handler without a worker."""
import unittest

from millpond import Cancelled, Fail, Limited, NotJSON, Result, Retry, handles
from millpond.testing import Child, Granted, Heartbeat, perform


@handles("email.send", attempts=3)
def send(job):
    if "@" not in job["data"]["to"]:
        raise Fail("no address", cause="no_address")
    job.heartbeat(0.5, "connected")
    job.enqueue("email.count", {"to": job["data"]["to"]}, key="k", delay_ms=5)
    job.spend(0.25)
    job.spend(0.25)
    return Result({"sent": job["data"]["to"], "try": job["attempt"]}, keep_ms=1000)


class Perform(unittest.TestCase):
    def test_all_that_a_worker_would_hear(self):
        performed = perform(send, {"to": "a@b.c"}, attempt=2)
        self.assertEqual((performed.outcome, performed.result), ("done", {"sent": "a@b.c", "try": 2}))
        self.assertEqual((performed.keep_ms, performed.spent_usd, performed.exception), (1000, 0.5, None))
        self.assertEqual(performed.heartbeats, [Heartbeat(0.5, "connected")])
        self.assertEqual(performed.enqueued, [Child("email.count", {"to": "a@b.c"}, key="k", delay_ms=5)])

    def test_what_it_raises(self):
        performed = perform(send, {"to": "nobody"})
        self.assertEqual((performed.outcome, performed.cause, performed.error), ("fail", "no_address", "no address"))
        performed = perform(send, {})
        self.assertEqual((performed.outcome, performed.error), ("retry", "KeyError: 'to'"))
        self.assertIsInstance(performed.exception, KeyError)

        def busy(job):
            raise Retry("busy", after_ms=30_000)

        self.assertEqual(perform(busy).after_ms, 30_000)

    def test_limits_are_granted_and_the_test_may_say_which_are_not(self):
        def call(job):
            permit = job.limit("openai-tokens", cost=500)
            permit.adjust(actual=620)
            permit.release()

        performed = perform(call)
        self.assertEqual(performed.outcome, "done")
        self.assertEqual(performed.limits, [Granted("openai-tokens", 620, is_released=True)])
        performed = perform(call, limited=["openai-tokens"])
        self.assertEqual((performed.outcome, performed.limits), ("retry", []))
        self.assertIsInstance(performed.exception, Limited)

    def test_the_job_is_that_of_the_registration_and_of_the_arguments(self):
        seen = []
        perform(seen.append, (1, 2), kind="a", key="k", headers={"tenant": "x"}, phase="compensate")
        [job] = seen
        self.assertEqual((job["kind"], job["data"], job["key"], job["headers"]), ("a", [1, 2], "k", {"tenant": "x"}))
        self.assertEqual((job["phase"], job.get("correlation_id"), job.payload), ("compensate", None, b"[1, 2]"))
        kinds = []
        perform(handles("of.this.test")(lambda job: kinds.append(job["kind"])))
        self.assertEqual(kinds, ["of.this.test"])

    def test_a_payload_that_is_no_json(self):
        self.assertEqual(perform(lambda job: job["data"], b"\xff").cause, "undecodable_payload")
        self.assertEqual(perform(lambda job: job.payload.hex(), b"\xff").result, "ff")
        with self.assertRaises(NotJSON):
            perform(send, {"at": object()})

    def test_the_word_to_stop(self):
        def patient(job):
            while True:
                job.heartbeat()

        performed = perform(patient, cancelled_at=3)
        self.assertEqual((performed.outcome, len(performed.heartbeats)), ("retry", 3))
        self.assertIsInstance(performed.exception, Cancelled)

    def test_a_result_that_is_too_large_is_dropped(self):
        performed = perform(lambda job: "x" * 70_000)
        self.assertEqual((performed.outcome, performed.result), ("done", None))
        self.assertIn("70002 bytes", performed.result_dropped)


class Arguments(unittest.TestCase):
    def test_a_misspelt_name_is_an_error_at_the_call(self):
        for call in (
            lambda job: job.enqueue("a", dela_ms=5),
            lambda job: Retry("a", after=5),
            lambda job: Fail("a", after_ms=5),
        ):
            self.assertIsInstance(perform(call).exception, TypeError)

    def test_a_wrong_type_is_an_error_at_the_call(self):
        for call in (
            lambda job: job.enqueue("a", key=5),
            lambda job: job.enqueue(7),
            lambda job: job.enqueue("a", delay_ms=1.5),
            lambda job: Retry("a", after_ms="5"),
            lambda job: Fail("a", cause=7),
            lambda job: Result(1, keep_ms=True),
            lambda job: handles("b", attempts="3"),
            lambda job: handles("b", timeout_ms=-1),
        ):
            performed = perform(call)
            self.assertIsInstance(performed.exception, TypeError)
            self.assertEqual(performed.enqueued, [])


if __name__ == "__main__":
    unittest.main()
