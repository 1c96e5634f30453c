"""What a job becomes before it is sent, without any Redis."""
import dataclasses
import unittest
from datetime import datetime, timedelta, timezone

from millpond import InvalidJob, NewJob, Producer, enqueue
from millpond._jobs import JobOptions


def pairs(job):
    words = job.fields()
    return dict(zip(words[::2], words[1::2]))


class Fields(unittest.TestCase):
    def test_a_payload_is_the_same_bytes_whatever_the_order_of_its_members(self):
        one, other = NewJob("a", {"b": 1, "a": "ü"}), NewJob("a", {"a": "ü", "b": 1})
        self.assertEqual(pairs(one)[b"data"], '{"a":"ü","b":1}'.encode())
        self.assertEqual(one.fields(), other.fields())

    def test_bytes_stay_as_they_are_and_nothing_is_no_field(self):
        self.assertEqual(pairs(NewJob("a", b"\x00\xff"))[b"data"], b"\x00\xff")
        self.assertEqual(pairs(NewJob("a", bytearray(b"x")))[b"data"], b"x")
        self.assertEqual(NewJob("a").fields(), [b"kind", b"a"])

    def test_what_json_cannot_hold_is_refused_by_name(self):
        loop = []
        loop.append(loop)
        for data in (float("nan"), {"at": datetime.now()}, {1, 2}, loop, "\ud800"):
            with self.subTest(repr(data)), self.assertRaisesRegex(InvalidJob, "^email.send: data is no JSON"):
                NewJob("email.send", data).fields()

    def test_times_are_whole_milliseconds(self):
        moment = datetime(2026, 1, 2, tzinfo=timezone.utc)
        fields = pairs(NewJob("a", run_at=moment, expires_at=moment, timeout=1.5, budget_cpu=timedelta(minutes=1)))
        self.assertEqual(fields[b"run_at_ms"], b"1767312000000")
        self.assertEqual(fields[b"expires_ms"], b"1767312000000")
        self.assertEqual(fields[b"timeout_ms"], b"1500")
        self.assertEqual(fields[b"budget_cpu_ms"], b"60000")
        self.assertEqual(pairs(NewJob("a", delay=0))[b"delay_ms"], b"0")

    def test_a_time_without_a_zone_a_number_of_no_unit_and_less_than_nothing_are_refused(self):
        for options in ({"run_at": datetime.now()}, {"expires_at": 1767312000}, {"delay": -1}, {"timeout": "5s"},
                        {"delay": float("inf")}):
            with self.subTest(options), self.assertRaises(InvalidJob) as caught:
                NewJob("a", **options).fields()
            self.assertEqual(caught.exception.job.kind, "a")

    def test_a_wrong_type_is_refused_and_not_made_a_text(self):
        for options in ({"key": 5}, {"queue": b"q"}, {"max_attempts": "3"}, {"max_attempts": True}, {"delay": True},
                        {"budget_usd": "1"}, {"headers": {"n": 1}}, {"headers": ["n"]}, {"priority": 1}):
            with self.subTest(options), self.assertRaisesRegex(InvalidJob, "^a: "):
                NewJob("a", **options).fields()
        with self.assertRaisesRegex(InvalidJob, "kind is 7"):
            NewJob(7).fields()

    def test_money_is_whole_millionths(self):
        self.assertEqual(pairs(NewJob("a", budget_usd=0.02))[b"budget_usd_micros"], b"20000")

    def test_a_header_is_a_field_and_cannot_be_one_of_ours(self):
        self.assertEqual(pairs(NewJob("a", headers={"tenant": "x"}))[b"tenant"], b"x")
        with self.assertRaisesRegex(InvalidJob, "header key"):
            NewJob("a", headers={"key": "x"}).fields()

    def test_a_misspelt_option_is_an_error_and_no_header(self):
        with self.assertRaises(TypeError):
            Producer().enqueue("a", delya=5)
        with self.assertRaises(TypeError):
            enqueue("a", delya=5)

    def test_the_types_of_the_options_are_those_of_a_job(self):
        names = [field.name for field in dataclasses.fields(NewJob) if field.name not in ("kind", "data")]
        self.assertEqual(list(JobOptions.__annotations__), names)


class Addresses(unittest.TestCase):
    def test_an_address_out_of_a_file_and_the_names_that_pond_has_for_tls(self):
        from millpond.producer import _address

        self.assertEqual(_address("redis://h:1\n"), "redis://h:1")
        self.assertEqual(_address("rediss://h/0?ca=/a.pem&verify=none"), "rediss://h/0?ssl_ca_certs=%2Fa.pem&ssl_cert_reqs=none")


class Names(unittest.TestCase):
    def test_there_is_nothing_else_and_what_is_there_can_be_listed(self):
        import millpond

        self.assertEqual([name for name in millpond.__all__ if not hasattr(millpond, name)], [])
        self.assertLessEqual(set(millpond.__all__), set(dir(millpond)))
        with self.assertRaises(AttributeError):
            _ = millpond.nothing


if __name__ == "__main__":
    unittest.main()
