#!/usr/bin/env python3
"""Runs every producer of this folder and checks what it left in its queue; scripts/producers starts it.

    check.py --redis URL --admin URL [--count N] [--json]    the producers use the first URL, the checks the second
    check.py --missing                                       names the Debian packages that are missing, one a line

The expectations are in the section `producers` of docs/wire-vectors.json.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True  # the folder stays as it is

from vectors import Redis, RedisError  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT_S = 120
# Some hundred batches, the last of which is not full: the start of a program does not hide its speed then.
SPEED_COUNT = 10_001
GO = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}


class Failure(Exception):
    """What is not as it should be."""


def run(words, environment=None, folder=HERE):
    return subprocess.run(
        words, cwd=folder, env=os.environ | (environment or {}), timeout=TIMEOUT_S, capture_output=True, text=True
    )


def works(*words, environment=None, text=None):
    """Whether a command is there and ends well."""
    try:
        options = {"env": os.environ | (environment or {}), "input": text, "capture_output": True, "text": True}
        return subprocess.run(words, timeout=TIMEOUT_S, **options).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def python():
    """A Python that has redis-py: the one on PATH, or Debian's own."""
    return next((each for each in ("python3", "/usr/bin/python3") if works(each, "-c", "import redis")), None)


def has_hiredis():
    return works("cc", "-E", "-x", "c", "-", text="#include <hiredis/hiredis.h>\n")


def has_redigo():
    return os.path.isdir(GO["GOPATH"] + "/src/github.com/gomodule/redigo/redis")


class Language:
    """How one producer is made and run, what that needs, and whether it may be missing."""

    def __init__(self, name, client, file, needs, command, build=None, may_be_missing=False):
        self.name, self.client, self.file, self.needs = name, client, file, needs
        self.command, self.build, self.may_be_missing = command, build, may_be_missing
        self.words = None

    def missing(self):
        """What is missing, and the Debian package that brings it."""
        return [(what, package) for what, package, is_there in self.needs() if not is_there]

    def make(self, folder):
        """Compiles where there is something to compile, and leaves the command in `words`."""
        program = str(pathlib.Path(folder) / self.name)
        if self.build:
            words, environment = self.build(program)
            result = run(words, environment, HERE)
            if result.returncode != 0:
                raise Failure(f"{' '.join(words)} failed: {first_line(result.stderr)}")
        self.words = self.command(program)

    def start(self, url, queue, count):
        environment = os.environ | {"REDIS_URL": url, "MILLPOND_QUEUE": queue}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*self.words, str(count)], cwd=HERE, env=environment, **pipes)


def on_path(command, package):
    return (command, package, shutil.which(command) is not None)


LANGUAGES = [
    Language("bash", "redis-cli", "produce.sh", lambda: [on_path("redis-cli", "redis-tools")],
             lambda _: ["bash", "produce.sh"]),
    Language("python", "redis-py", "produce.py", lambda: [("the module redis", "python3-redis", python())],
             lambda _: [python(), "produce.py"]),
    Language("node", "plain socket", "produce.mjs", lambda: [on_path("node", "nodejs")],
             lambda _: ["node", "produce.mjs"]),
    Language("java", "plain socket", "Produce.java", lambda: [on_path("java", "default-jdk-headless")],
             lambda _: ["java", "Produce.java"]),
    Language("c", "hiredis", "produce.c",
             lambda: [on_path("cc", "gcc"), ("hiredis/hiredis.h", "libhiredis-dev", has_hiredis())],
             lambda program: [program], lambda program: (["cc", "-O2", "produce.c", "-lhiredis", "-o", program], {})),
    Language("ruby", "redis-rb", "produce.rb",
             lambda: [on_path("ruby", "ruby"), ("the gem redis", "ruby-redis", works("ruby", "-e", "require 'redis'"))],
             lambda _: ["ruby", "produce.rb"], may_be_missing=True),
    Language("go", "redigo", "produce.go",
             lambda: [on_path("go", "golang-go"),
                      ("the package redigo", "golang-github-gomodule-redigo-dev", has_redigo())],
             lambda program: [program], lambda program: (["go", "build", "-o", program, "produce.go"], GO), True),
    Language("rust", "plain socket", "produce.rs", lambda: [on_path("rustc", "rustc")],
             lambda program: [program], lambda program: (["rustc", "-O", "-o", program, "produce.rs"], {}), True),
    Language("php", "phpredis", "produce.php",
             lambda: [on_path("php", "php-cli"),
                      ("the extension redis", "php-redis", works("php", "-r", "exit(class_exists('Redis') ? 0 : 1);"))],
             lambda _: ["php", "produce.php"], may_be_missing=True),
]


def first_line(text):
    return next((line for line in text.splitlines() if line.strip()), "it said nothing")


class Check:
    """What the queues should hold after the producers, and what they do hold."""

    def __init__(self, arguments, rules):
        self.url, self.redis, self.rules, self.count = arguments.redis, Redis(arguments.admin), rules, arguments.count

    def fields(self, language, number):
        """A job's fields as a flat list, in their order."""
        fields = ["kind", self.rules["kind"], "data", self.rules["data"].replace("N", str(number))]
        fields += ["correlation_id", self.rules["correlation_id"].replace("LANGUAGE", language)]
        if self.has_key(number):
            fields += ["key", self.key(number)]
        return [field.encode() for field in fields]

    def has_key(self, number):
        return number % self.rules["key"]["every"] == 0

    def is_held(self, number):
        return number % self.rules["delay_ms"]["every"] == 0

    def key(self, number):
        return self.rules["key"]["is"].replace("N", str(number))

    def counts(self, count, are_keys_known=False):
        answers = {"enqueued": 0, "held": 0, "duplicate": 0}
        for number in range(1, count + 1):
            is_known = are_keys_known and self.has_key(number)
            answers["duplicate" if is_known else "held" if self.is_held(number) else "enqueued"] += 1
        return answers

    def end(self, process):
        """The counts that a producer printed."""
        try:
            output, errors = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure(f"did not end within {TIMEOUT_S} s") from None
        if process.returncode != 0:
            raise Failure(f"ended with {process.returncode}: {first_line(errors)}")
        lines = output.splitlines()
        try:
            counts = json.loads(lines[-1])
        except (IndexError, ValueError):
            raise Failure(f"printed no counts as its last line, but: {output[-200:]!r}") from None
        if len(lines) != 1:
            raise Failure(f"printed {len(lines)} lines, expected one")
        return counts

    def ready(self, queue):
        """Ids and fields of the jobs that are ready."""
        for stream in ("high", "low", "front"):
            same(self.redis.call("EXISTS", f"mp:{{{queue}}}:ready:{stream}"), 0, f"jobs in {stream}")
        return self.redis.call("XRANGE", f"mp:{{{queue}}}:ready", "-", "+")

    def held(self, queue):
        """Ids, due times and fields of the jobs that are held."""
        key, jobs = f"mp:{{{queue}}}", []
        due = self.redis.call("ZRANGE", f"{key}:due", 0, -1, "WITHSCORES")
        for job, at in zip(due[::2], due[1::2]):
            report = self.redis.call("FCALL_RO", "pond_job", 1, key, job)
            stored = report[report.index(b"fields") + 2:]
            own = [(name, value) for name, value in zip(stored[::2], stored[1::2]) if name != b"enqueued_ms"]
            jobs.append((job, int(at), [word for pair in own for word in pair]))
        return jobs

    def alone(self, language):
        """One producer on a queue of its own: its answers, and every job with its bytes, its delay and its key."""
        queue = f"alone-{language.name}"
        begin = self.redis.now_ms()
        counts = self.end(language.start(self.url, queue, self.count))
        end = self.redis.now_ms()
        same(counts, self.counts(self.count), "answers")
        same(self.redis.call("SISMEMBER", "mp:queues", queue), 1, "the queue in mp:queues")
        numbers = range(1, self.count + 1)
        ready, held = self.ready(queue), self.held(queue)
        wanted = [(self.is_held(number), self.fields(language.name, number)) for number in numbers]
        same(sorted(fields for _, fields in ready), sorted(f for is_held, f in wanted if not is_held), "ready jobs")
        # A held job's fields may be in another order: the library has written one more.
        same(sorted(sorted(pairs(fields)) for _, _, fields in held),
             sorted(sorted(pairs(f)) for is_held, f in wanted if is_held), "held jobs")
        delay = self.rules["delay_ms"]["is"]
        for job, due, _ in held:
            if not begin + delay <= due <= end + delay:
                raise Failure(f"job {job.decode()} is due at {due}, expected {begin + delay} to {end + delay}")
        jobs = {dict(pairs(fields)).get(b"key"): job for job, fields in [*ready, *((j, f) for j, _, f in held)]}
        for number in filter(self.has_key, numbers):
            known = self.redis.call("FCALL_RO", "pond_key", 1, f"mp:{{{queue}}}", self.key(number))
            same(known[:2], [jobs.get(self.key(number).encode()), b"queued"], f"holder of {self.key(number)}")
        self.finish_one(queue)
        again = self.end(language.start(self.url, queue, self.count))
        same(again, self.counts(self.count, are_keys_known=True), "answers of a second run")

    def finish_one(self, queue):
        """Does what a worker does to a job with a key, because a key of a job that is done is looked up elsewhere."""
        key = f"mp:{{{queue}}}"
        fetched = self.redis.call("FCALL", "pond_fetch", 1, key, "check", self.count, "")
        entry = next((entry for entry, fields in fetched[fetched.index(b"n") + 1] if b"key" in fields), None)
        if entry:
            done = self.redis.call("FCALL", "pond_settle", 1, key, "check", "done", "n", entry, "", "", "-")
            same(done, [b"done"], "the end of a job")

    def refused(self, language):
        """An error answer ends the producer with its text on stderr and exit code 1."""
        queue = f"full-{language.name}"
        self.redis.call("HSET", f"mp:{{{queue}}}:meta", "max_depth", 0)
        process = language.start(self.url, queue, self.rules["key"]["every"])
        output, errors = process.communicate(timeout=TIMEOUT_S)
        if process.returncode != 1 or "QUEUEFULL" not in errors or output:
            raise Failure(f"of a full queue: {process.returncode}, {first_line(errors)!r}, expected 1 and QUEUEFULL")

    def speed(self, language):
        """Jobs a second of the whole program, its start included."""
        queue, begin = f"speed-{language.name}", time.monotonic()
        counts = self.end(language.start(self.url, queue, SPEED_COUNT))
        took = time.monotonic() - begin
        same(counts, self.counts(SPEED_COUNT), f"answers to {SPEED_COUNT} jobs")
        same(self.redis.call("XLEN", f"mp:{{{queue}}}:ready"), counts["enqueued"], "ready jobs of many")
        return round(SPEED_COUNT / took)

    def together(self, languages):
        """All at once on one queue: every job without a key is there once for each, every key once over all."""
        processes = [(language, language.start(self.url, "together", self.count)) for language in languages]
        total = {"enqueued": 0, "held": 0, "duplicate": 0}
        for language, process in processes:
            try:
                for answer, number in self.end(process).items():
                    total[answer] += number
            except Failure as failure:
                raise Failure(f"{language.name} {failure}") from None
        jobs = [fields for _, fields in self.ready("together")] + [fields for _, _, fields in self.held("together")]
        keys = [dict(pairs(fields)).get(b"key") for fields in jobs]
        numbers = range(1, self.count + 1)
        wanted = [self.key(number).encode() for number in numbers if self.has_key(number)]
        same(sorted(filter(None, keys)), sorted(wanted), "keys")
        same(keys.count(None), len(languages) * (self.count - len(wanted)), "jobs without a key")
        same(total["duplicate"], len(wanted) * (len(languages) - 1), "duplicates")
        same(total["enqueued"] + total["held"], len(jobs), "jobs that were answered for")
        return total


def pairs(flat):
    return list(zip(flat[::2], flat[1::2]))


def same(found, expected, what):
    if found != expected:
        raise Failure(f"{what}: got {str(found)[:200]}, expected {str(expected)[:200]}")


def judged(check, language, folder):
    """One row of the table."""
    row = {"language": language.name, "client": language.client, "file": language.file}
    row |= {"jobs": 0, "jobs_per_second": 0}
    missing = language.missing()
    if missing:
        names = ", ".join(what for what, _ in missing)
        packages = " ".join(package for _, package in missing)
        result = "skipped" if language.may_be_missing else "FAILED"
        return row | {"result": result, "why": f"missing: {names} (apt-get install {packages})"}
    try:
        language.make(folder)
        check.alone(language)
        check.refused(language)
        return row | {"jobs": check.count, "jobs_per_second": check.speed(language), "result": "passed", "why": ""}
    except (Failure, RedisError, subprocess.TimeoutExpired) as failure:
        return row | {"result": "FAILED", "why": str(failure)}


def show(rows, together, seconds):
    lines = [("language", "client", "jobs", "jobs/s", "result")]
    for row in rows:
        rate = f"{row['jobs_per_second']:,}" if row["jobs_per_second"] else "-"
        result = row["result"] + (f", {row['why']}" if row["why"] else "")
        lines.append((row["language"], row["client"], str(row["jobs"] or "-"), rate, result))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    for name, client, jobs, rate, result in lines:
        print(f"{name:<{widths[0]}}  {client:<{widths[1]}}  {jobs:>{widths[2]}}  {rate:>{widths[3]}}  {result}")
    print(f"\njobs/s are those of a whole run with {SPEED_COUNT:,} jobs, from the start of the program to its end.")
    print(f"All at once on one queue: {together['result']}" + (f", {together['why']}" if together["why"] else ""))
    print(f"{seconds:.0f} s in all.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis")
    parser.add_argument("--admin")
    parser.add_argument("--count", type=int)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--missing", action="store_true")
    arguments = parser.parse_args()
    if arguments.missing:
        print("\n".join(package for language in LANGUAGES for _, package in language.missing()))
        return 0
    rules = json.loads((HERE.parent.parent / "docs" / "wire-vectors.json").read_text(encoding="utf-8"))["producers"]
    arguments.count = arguments.count or rules["count"]
    check, begin = Check(arguments, rules), time.monotonic()
    for name, are_known in (("alone", False), ("again", True)):
        same(rules[name], check.counts(rules["count"], are_known), f"the section producers, {name}")
    with tempfile.TemporaryDirectory() as folder:
        rows = [judged(check, language, folder) for language in LANGUAGES]
        able = [language for language, row in zip(LANGUAGES, rows) if row["result"] == "passed"]
        try:
            total = check.together(able)
            why = f"{len(able)} languages, each key once, {total['duplicate']} answers `duplicate`"
            together = {"result": "passed", "why": why} | total
        except (Failure, RedisError) as failure:
            together = {"result": "FAILED", "why": str(failure)}
    has_passed = together["result"] == "passed" and all(row["result"] != "FAILED" for row in rows)
    if arguments.json:
        report = {"schema": "millpond/v1", "kind": "Producers", "passed": has_passed}
        print(json.dumps(report | {"producers": rows, "together": together}))
    else:
        show(rows, together, time.monotonic() - begin)
    return 0 if has_passed else 1


if __name__ == "__main__":
    sys.exit(main())
