#!/usr/bin/env python3
"""Runs docs/wire-vectors.json against a Redis that has Millpond's functions, with Python's own library alone.

    REDIS_URL=redis://127.0.0.1:6379 python3 vectors.py [--verbose] [FILE]

Each vector has a queue of its own, whose keys are removed afterwards. docs/wire-format.md describes the file. Exit code
0 says that every vector passed, and that every one under `must_fail` was caught.
"""
import base64, json, os, pathlib, re, socket, sys, time, urllib.parse, uuid


class RedisError(Exception):
    """An error answer; its text begins with a word such as INVALID."""


class Redis:
    def __init__(self, url):
        address = urllib.parse.urlparse(url)
        self.socket = socket.create_connection((address.hostname or "127.0.0.1", address.port or 6379), timeout=30)
        self.answers = self.socket.makefile("rb")
        if address.password:
            self.call("AUTH", address.username or "default", urllib.parse.unquote(address.password))

    def call(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        answer = self.read()
        if isinstance(answer, RedisError):
            raise answer
        return answer

    def read(self):
        line = self.answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        sign, rest = line[:1], line[1:-2]
        if sign == b"+":
            return rest
        if sign == b"-":
            return RedisError(rest.decode(errors="replace"))
        if sign == b":":
            return int(rest)
        length = int(rest)
        if length < 0:
            return None
        if sign == b"$":
            return self.answers.read(length + 2)[:-2]
        return [self.read() for _ in range(length)]

    def now_ms(self):
        seconds, micros = self.call("TIME")
        return int(seconds) * 1000 + int(micros) // 1000


class Mismatch(Exception):
    """Where an answer is not as expected."""


TEXTS = {
    "text": rb"(?s:.*)",
    "digits": rb"[0-9]+",
    "entry": rb"[0-9]+-[0-9]+",
    "id": rb"[0-9]+-[0-9]+[a-z]{0,2}",
    "checksum": rb"[0-9a-f]{16}",
}


class Run:
    """One vector on a queue of its own; `names` holds what was captured."""

    def __init__(self, redis):
        self.redis, self.names = redis, {"queue": ("vector-" + uuid.uuid4().hex[:16]).encode()}

    def text(self, text):
        """The bytes of a text, with $name replaced by what was captured, and $$ by a dollar."""

        def value(match):
            name = match.group(1)
            if name == "$":
                return "$"
            if name not in self.names:
                raise Mismatch(f"${name} was not captured by an earlier step")
            return self.names[name].decode("latin-1")

        return re.sub(r"\$(\$|[a-z_]+)", value, text.encode().decode("latin-1")).encode("latin-1")

    def value(self, value):
        """A word to send, or bytes to expect; None when it is neither."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict) and value.keys() == {"base64"}:
            return base64.b64decode(value["base64"], validate=True)
        if isinstance(value, dict) and value.keys() == {"repeat", "times"}:
            return self.text(value["repeat"]) * value["times"]
        if isinstance(value, dict) and value.keys() == {"now_ms"}:
            return str(self.redis.now_ms() + value["now_ms"]).encode()
        return None

    def step(self, step):
        words = [self.value(word) for word in step["send"]]
        if None in words:
            raise Mismatch(f"word {words.index(None)} of `send` is no word")
        try:
            answer = self.redis.call(*words)
        except RedisError as error:
            answer = error
        self.match(step["expect"], answer, "the answer")

    def match(self, pattern, answer, place):
        def expect(holds, what):
            if not holds:
                raise Mismatch(f"{place}: expected {what}, got {shown(answer)}")

        if isinstance(pattern, dict) and pattern.keys() == {"error"}:
            begin = self.text(pattern["error"]).decode()
            return expect(isinstance(answer, RedisError) and str(answer).startswith(begin), f"an error {begin}…")
        if pattern is None or isinstance(pattern, int):
            return expect(answer == pattern and type(answer) is type(pattern), repr(pattern))
        if isinstance(pattern, list) or (isinstance(pattern, dict) and pattern.keys() == {"begins"}):
            parts = pattern if isinstance(pattern, list) else pattern["begins"]
            long = isinstance(answer, list) and len(answer) >= len(parts)
            expect(long and (isinstance(pattern, dict) or len(answer) == len(parts)), f"{len(parts)} elements")
            for index, part in enumerate(parts):
                self.match(part, answer[index], f"{place}[{index}]")
            return None
        if isinstance(pattern, dict) and pattern.keys() == {"fields"}:
            expect(isinstance(answer, list) and len(answer) % 2 == 0, "pairs of name and value")
            found = {}
            for name, value in zip(answer[::2], answer[1::2]):
                found.setdefault(name, value)
            for name, part in pattern["fields"].items():
                expect(name.encode() in found, f"a field {name}")
                self.match(part, found[name.encode()], f"{place}.{name}")
            return None
        if isinstance(pattern, dict) and pattern.keys() == {"time", "within"}:
            expect(isinstance(answer, bytes) and answer.isdigit(), "a time in ms")
            distance = abs(int(answer) - self.redis.now_ms() - pattern["time"])
            return expect(distance <= pattern["within"], f"now + {pattern['time']} ms ± {pattern['within']}")
        if isinstance(pattern, dict) and "is" in pattern and pattern.keys() <= {"is", "capture"}:
            kind = pattern["is"]
            if kind == "integer":
                expect(type(answer) is int, "an integer")
            elif kind in TEXTS:
                expect(isinstance(answer, bytes) and re.fullmatch(TEXTS[kind], answer), f"{kind}")
            else:
                raise Mismatch(f"{place}: no pattern is called {kind}")
            if "capture" in pattern:
                self.names[pattern["capture"]] = answer if isinstance(answer, bytes) else str(answer).encode()
            return None
        value = self.value(pattern)
        if value is None:
            raise Mismatch(f"{place}: {shown(pattern)} is no pattern")
        return expect(answer == value, shown(value))


def shown(value):
    text = str(value) if isinstance(value, RedisError) else repr(value)
    return text if len(text) <= 300 else text[:300] + "…"


def failure(redis, vector):
    """Why a vector failed, None when it passed."""
    run = Run(redis)
    try:
        for number, step in enumerate(vector["steps"], 1):
            try:
                run.step(step)
            except Mismatch as mismatch:
                return f"step {number}, {shown(step['send'])}: {mismatch}"
        return None
    finally:
        queue = run.names["queue"]
        redis.call("SREM", "mp:queues", queue)
        # With SCAN, because KEYS stops a server that others use.
        cursor = b"0"
        while True:
            cursor, keys = redis.call("SCAN", cursor, "MATCH", b"mp:{%s}:*" % queue, "COUNT", 1000)
            if keys:
                redis.call("DEL", *keys)
            if cursor == b"0":
                break


def main(arguments):
    verbose = "--verbose" in arguments
    files = [argument for argument in arguments if not argument.startswith("--")]
    here = pathlib.Path(__file__).resolve().parent
    path = pathlib.Path(files[0]) if files else here.parent.parent / "docs" / "wire-vectors.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    redis = Redis(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    try:
        redis.call("FCALL_RO", "pond_version", 0)
    except RedisError as error:
        sys.exit(f"the server has no function library ({error}); load it with: pond functions load")
    failed, begin = 0, time.monotonic()
    for section, must_fail in (("vectors", False), ("must_fail", True)):
        for vector in document[section]:
            why = failure(redis, vector)
            if (why is not None) != must_fail:
                failed += 1
                print(f"FAILED  {vector['name']}: {why or 'passed, though its expectation is wrong'}")
            elif verbose:
                print(f"ok      {vector['name']}" + (f", caught: {why}" if why else ""))
    took = time.monotonic() - begin
    right, wrong = len(document["vectors"]), len(document["must_fail"])
    print(f"{right} vectors, {wrong} that must fail; {failed} not as expected, {took:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
