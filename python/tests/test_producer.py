"""Producers against a real Redis."""
import asyncio
import pathlib
import re
import unittest

import redis
from support import pond, redis_url

from millpond import AsyncProducer, InvalidJob, KeyMismatch, LibraryMissing, NewJob, Producer, QueueFull, SomeRefused


class RealRedis(unittest.TestCase):
    def setUp(self):
        self.url = redis_url()
        self.redis = redis.Redis.from_url(self.url)
        self.redis.flushall()
        self.addCleanup(self.redis.close)
        pond("functions", "load", url=self.url)
        self.producer = Producer(self.url, queue="q")
        self.addCleanup(self.producer.close)

    def ready(self, stream="mp:{q}:ready"):
        return [entry[1] for entry in self.redis.xrange(stream)]


class One(RealRedis):
    def test_a_job_is_in_its_stream_and_its_queue_is_known(self):
        job = self.producer.enqueue("a", {"n": 1}, correlation_id="c", headers={"tenant": "x"})
        self.assertEqual(job.answer, "enqueued")
        [(entry_id, fields)] = self.redis.xrange("mp:{q}:ready")
        self.assertEqual(entry_id.decode(), job.id)
        self.assertEqual(fields, {b"kind": b"a", b"data": b'{"n":1}', b"correlation_id": b"c", b"tenant": b"x"})
        self.assertEqual(self.redis.smembers("mp:queues"), {b"q"})

    def test_a_delay_holds_it(self):
        job = self.producer.enqueue("a", delay=60)
        self.assertEqual(job.answer, "held")
        self.assertGreater(job.due_ms, int(self.redis.time()[0]) * 1000 + 50_000)

    def test_a_second_one_with_its_key_is_a_duplicate_and_another_payload_a_mismatch(self):
        first = self.producer.enqueue("a", {"n": 1}, key="k")
        again = self.producer.enqueue("a", {"n": 1}, key="k")
        self.assertEqual((again.answer, again.id, again.state), ("duplicate", first.id, "queued"))
        with self.assertRaises(KeyMismatch) as caught:
            self.producer.enqueue("a", {"n": 2}, key="k")
        self.assertIn(first.id, str(caught.exception))
        self.assertEqual(caught.exception.job.data, {"n": 2})

    def test_what_redis_refuses_names_the_field(self):
        with self.assertRaisesRegex(InvalidJob, "kind"):
            self.producer.enqueue("not a kind")
        self.assertEqual(self.ready(), [])

    def test_a_full_queue_says_so(self):
        self.redis.hset("mp:{q}:meta", "max_depth", 1)
        self.producer.enqueue("a")
        with self.assertRaises(QueueFull):
            self.producer.enqueue("a")

    def test_priority_is_a_stream_and_part_of_the_id(self):
        self.assertTrue(self.producer.enqueue("a", priority="high").id.endswith("h"))
        self.assertEqual(len(self.ready("mp:{q}:ready:high")), 1)

    def test_an_answer_that_is_lost_is_asked_for_again_only_with_a_key(self):
        for key, calls in ((None, 1), ("k", 3)):
            with self.subTest(key=key):
                producer = Producer(client=Losing(self.url), queue="lost")
                with self.assertRaises(redis.ConnectionError):
                    producer.enqueue("a", key=key)
                self.assertEqual(producer._redis.calls, calls)
        self.assertEqual(len(self.ready("mp:{lost}:ready")), 2)  # one without a key, one of the three with theirs


class Losing:
    """A client whose answers to a call are lost, after Redis has done what was asked."""

    def __init__(self, url):
        self.client, self.calls = redis.Redis.from_url(url), 0

    def execute_command(self, *words):
        answer = self.client.execute_command(*words)
        if words[0] != "FCALL":
            return answer
        self.calls += 1
        self.client.close()
        raise redis.ConnectionError("lost")


class WithoutTheLibrary(RealRedis):
    def setUp(self):
        super().setUp()
        self.redis.function_flush()

    def test_a_plain_job_is_appended(self):
        job = self.producer.enqueue("a", {"n": 1}, priority="low")
        self.assertTrue(job.id.endswith("l"))
        self.assertEqual(self.ready("mp:{q}:ready:low"), [{b"kind": b"a", b"data": b'{"n":1}'}])
        many = self.producer.enqueue_many([NewJob("a"), NewJob("b")])
        self.assertEqual([job.answer for job in many], ["enqueued", "enqueued"])

    def test_what_needs_a_function_says_what_to_do(self):
        for options in ({"key": "k"}, {"delay": 1}):
            with self.subTest(options), self.assertRaisesRegex(LibraryMissing, "pond functions load"):
                self.producer.enqueue("a", **options)


class Many(RealRedis):
    def test_more_than_one_batch(self):
        jobs = self.producer.enqueue_many(NewJob("a", n, queue=f"q{n % 2}") for n in range(1001))
        self.assertEqual(len({(n % 2, job.id) for n, job in enumerate(jobs)}), 1001)
        self.assertEqual([self.redis.xlen("mp:{q0}:ready"), self.redis.xlen("mp:{q1}:ready")], [501, 500])
        self.assertEqual(self.redis.smembers("mp:queues"), {b"q0", b"q1"})

    def test_one_that_is_refused_holds_up_no_other_and_keeps_its_place(self):
        with self.assertRaises(SomeRefused) as caught:
            self.producer.enqueue_many([NewJob("a"), NewJob("not a kind"), NewJob("b")])
        first, refused, last = caught.exception.results
        self.assertEqual((first.answer, last.answer), ("enqueued", "enqueued"))
        self.assertIsInstance(refused, InvalidJob)
        self.assertEqual(refused.job.kind, "not a kind")
        self.assertEqual(len(self.ready()), 2)


class Async(RealRedis):
    def test_the_same_for_asyncio(self):
        async def run():
            async with AsyncProducer(self.url, queue="q") as producer:
                first = await producer.enqueue("a", {"n": 1}, key="k")
                again = await producer.enqueue("a", {"n": 1}, key="k")
                many = await producer.enqueue_many([NewJob("b"), NewJob("c", delay=60)])
                with self.assertRaises(KeyMismatch):
                    await producer.enqueue("b", key="k")
                return first, again, many

        first, again, many = asyncio.run(run())
        self.assertEqual((again.answer, again.id), ("duplicate", first.id))
        self.assertEqual([job.answer for job in many], ["enqueued", "held"])


class Page(RealRedis):
    def test_what_the_page_shows_runs(self):
        page = pathlib.Path(__file__).parents[2] / "docs" / "python.md"
        blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        blocks = [block for block in blocks if "async with" in block]
        self.assertEqual(len(blocks), 1)
        # The page names a Redis of its reader's.
        code = blocks[0].replace("redis://127.0.0.1:6400", self.url)
        exec(code.replace("AsyncProducer(queue", "AsyncProducer(URL, queue"), {"URL": self.url})
        self.assertEqual([job[b"kind"] for job in self.ready("mp:{emails}:ready")], [b"email.send"] * 3)
        held = [self.redis.zcard(f"mp:{{{queue}}}:due") for queue in ("emails", "reports")]
        self.assertEqual(held, [1, 1])


if __name__ == "__main__":
    unittest.main()
