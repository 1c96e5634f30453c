"""The handlers' end: a program that is told jobs and asked for answers, as `pond worker --exec` does it."""
import json
import os
import subprocess
import sys
import threading
import unittest


LAST = ("done", "retry", "fail")


def talk(program, *messages, under_worker=True):
    """Runs a program with these lines on standard input; gives what it wrote there and on standard error.

    Standard input stays open until every job is answered, as a worker's does.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment.pop("MILLPOND_HANDLER", None)
    if under_worker:
        environment["MILLPOND_HANDLER"] = "exec"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
    )
    guard = threading.Timer(30, process.kill)
    guard.start()
    process.stdin.write("".join(json.dumps(message) + "\n" for message in messages))
    process.stdin.flush()
    lines, left = [], sum(message["type"] == "job" for message in messages)
    while left and (line := process.stdout.readline()):
        lines.append(line)
        left -= json.loads(line)["type"] in LAST
    rest, errors = process.communicate()
    guard.cancel()
    return "".join(lines) + rest, errors


def job(number=1, kind="a", data=None, **members):
    return {"type": "job", "id": f"{number}-0", "kind": kind, "data": data, "attempt": 1, **members}


HEAD = "from millpond import Cancelled, Fail, NotJSON, Result, Retry, handles, run\n"


def handler(body):
    return HEAD + "@handles('a')\ndef a(job):\n    " + body + "\nrun()\n"


class Conversation(unittest.TestCase):
    def answers(self, body, *messages):
        return [json.loads(line) for line in talk(handler(body), *messages)[0].splitlines()]

    def test_what_it_returns_is_the_result(self):
        self.assertEqual(
            self.answers("return job['data']['n'] * 2", job(1, data={"n": 2}), job(2, data={"n": 3})),
            [{"type": "done", "id": "1-0", "result": 4}, {"type": "done", "id": "2-0", "result": 6}],
        )

    def test_what_it_raises_says_what_comes_next(self):
        for body, kind, members in (
            ("raise Retry('busy', after_ms=5)", "retry", {"error": "busy", "after_ms": 5}),
            ("raise Fail('no user', cause='no_user')", "fail", {"error": "no user", "cause": "no_user"}),
            ("raise Cancelled", "retry", {"error": "it was told to stop"}),
            ("1 / 0", "retry", {"error": "ZeroDivisionError: division by zero"}),
        ):
            with self.subTest(body):
                [answer] = self.answers(body, job())
                self.assertEqual(answer["type"], kind)
                self.assertLessEqual(members.items(), answer.items())

    def test_a_kind_without_a_handler_is_an_end(self):
        [answer] = self.answers("pass", job(kind="b"))
        self.assertEqual((answer["type"], answer["cause"]), ("fail", "unknown_kind"))

    def test_a_result_that_is_no_json_does_not_undo_the_work(self):
        for value in ("float('nan')", "object()", "'x' * 70_000"):
            with self.subTest(value):
                [answer] = self.answers(f"return {value}", job())
                self.assertEqual(answer["type"], "done")
                self.assertNotIn("result", answer)

    def test_beats_children_and_money_are_told_at_once(self):
        body = "job.heartbeat(0.5, 'half'); job.enqueue('b', {'n': 1}, key='k'); job.spend(0.25)"
        beat, child, money, done = self.answers(body, job())
        self.assertEqual((beat["type"], beat["progress"], beat["note"]), ("heartbeat", 0.5, "half"))
        self.assertEqual((child["type"], child["kind"], child["data"], child["key"]), ("enqueue", "b", {"n": 1}, "k"))
        self.assertEqual((money["type"], money["usd"], done["type"]), ("spend", 0.25, "done"))

    def test_the_word_to_stop_comes_out_of_a_heartbeat(self):
        body = "\n".join(["while True:", "        job.heartbeat()"])
        answers = self.answers(body, job(), {"type": "cancel", "id": "1-0"})
        self.assertEqual(answers[-1]["error"], "it was told to stop")


class StandardOutput(unittest.TestCase):
    def test_what_is_printed_goes_to_the_log_and_not_between_the_messages(self):
        program = HEAD + "print('first')\n" + handler("print('second'); import os; os.system('echo third')")
        out, err = talk(program, job())
        self.assertEqual([json.loads(line)["type"] for line in out.splitlines()], ["done"])
        self.assertEqual(err.split(), ["first", "second", "third"])

    def test_importing_takes_no_standard_output_from_a_program_that_is_no_handler(self):
        out, _ = talk(HEAD + "print('mine')", under_worker=False)
        self.assertEqual(out, "mine\n")

    def test_a_handler_program_does_not_load_redis(self):
        out, _ = talk(HEAD + "import sys; print('redis' in sys.modules)", under_worker=False)
        self.assertEqual(out, "False\n")


if __name__ == "__main__":
    unittest.main()
