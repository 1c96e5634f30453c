#!/usr/bin/env python3
"""Counts what a job costs Redis, in instructions: a redis-server under callgrind, and the calls that a worker makes.

    Benchmarks/redis_instructions.py [REDIS OPTION ...]

Needs valgrind and redis-server; no Swift, because the functions are loaded from their sources. The counts do not
depend on what else the machine does, and are as good as deterministic. Jobs with keys are written as `pond_enqueue`
leaves them.
"""

import glob
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = ROOT + "/Sources/PondQueue"
JOBS, BATCH = 4000, 100
PAYLOAD = '{"to":"a@b.c","n":12345,"subject":"hello world, how are you"}'
QUEUE = "mp:{bench}"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
READY, KEYS = QUEUE + ":ready", (QUEUE, QUEUE + ":meta")


def library():
    """The library's text, put together as `LuaLibrary` does it."""
    text = "#!lua name=millpond\n"
    for name in re.findall(r"PackageResources\.(\w+)_lua", open(SOURCES + "/LuaLibrary.swift").read()):
        body = open(f"{SOURCES}/Lua/{name}.lua").read()
        exports = re.match(r"(-- Exports: .*\n)*", body).group(0).replace("-- Exports: ", "").split()
        if not name.startswith("_"):
            text += f"do\n{body}\nend\n"
        elif exports:
            text += f"local {', '.join(exports)}\ndo\n{body}\nend\n"
        else:
            text += body
    return text


def encoded(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode("latin1")
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()

    def pipeline(self, commands):
        self.socket.sendall(b"".join(encoded(words) for words in commands))
        return [self.read() for _ in commands]

    def __call__(self, *words):
        return self.pipeline([words])[0]

    def function(self, name, *words):
        return self("FCALL", name, len(KEYS), *KEYS, *words)


class Counted:
    """A server under callgrind."""

    def __init__(self, options):
        self.folder = tempfile.mkdtemp(prefix="pond-bench-")
        path = self.folder + "/redis.sock"
        server = ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--hz", "1"]
        words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.folder}/counts", *server, *options]
        self.process = subprocess.Popen(words, **QUIET)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.client = Client(path)
                self.client("PING")
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("redis-server does not answer under valgrind; are both installed?")
                time.sleep(0.05)

    def control(self, option):
        subprocess.run(["callgrind_control", option, str(self.process.pid)], check=True, **QUIET)
        self.client("PING")

    def count(self, name, work, times=JOBS):
        self.control("-z")
        work()
        for file in glob.glob(self.folder + "/counts.*"):
            os.remove(file)
        self.control("-d")
        counts = None
        while counts is None:
            for file in glob.glob(self.folder + "/counts.*"):
                counts = re.search(r"^totals: (\d+)", open(file).read(), re.M) or counts
        print(f"{name:40} {int(counts.group(1)) / times:10,.0f}", flush=True)

    def end(self):
        try:
            self.client("SHUTDOWN", "NOSAVE")
        except (OSError, ValueError, RuntimeError):
            pass
        self.process.wait()
        shutil.rmtree(self.folder)


def batches(items):
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def floor(server):
    """What a stream has to do at least, as in Benchmarks/Floor/floor.c."""
    client = server.client
    group = ("GROUP", "floor", "floor", "COUNT", BATCH, "STREAMS", "floor", ">")
    client("XGROUP", "CREATE", "floor", "floor", "0", "MKSTREAM")

    def drain():
        reply = client("XREADGROUP", *group)
        while reply:
            ids = [entry[0] for entry in reply[0][1]]
            commands = [("XACK", "floor", "floor", *ids), ("XDEL", "floor", *ids), ("XREADGROUP", *group)]
            reply = client.pipeline(commands)[2]

    server.count("floor: XADD", lambda: add(client, "floor"))
    server.count("floor: XREADGROUP, XACK, XDEL", drain)


def add(client, stream):
    for batch in batches(range(JOBS)):
        client.pipeline([("XADD", stream, "*", "kind", "email.send", "data", PAYLOAD) for _ in batch])


def add_keyed(client):
    for batch in batches(range(JOBS)):
        fields = ("kind", "email.send", "data", PAYLOAD, "key")
        entries = client.pipeline([("XADD", READY, "*", *fields, f"key-{job}") for job in batch])
        pairs = [word for job, entry in zip(batch, entries) for word in (f"key-{job}", live_pair(entry))]
        client("HSET", QUEUE + ":keys:live", *pairs)


def live_pair(entry):
    """What stands for a key whose job waits: {job id, fingerprint} in MessagePack."""
    fingerprint = hashlib.sha1(entry.encode()).hexdigest()[:16].encode()
    return b"\x92" + bytes([0xA0 + len(entry)]) + entry.encode() + b"\xb0" + fingerprint


def fetch(client, entries):
    read = ("XREADGROUP", "GROUP", "mp", "worker", "COUNT", BATCH, "STREAMS", READY, ">")
    urgent = ("FCALL", "pond_fetch", len(KEYS), *KEYS, "worker", BATCH, "", "urgent")
    entries.clear()
    while reply := client.pipeline([urgent, read])[1]:
        entries.extend(reply[0][1])


def settle(client, entries, is_keyed):
    for batch in batches(entries):
        ids = [entry[0] for entry in batch]
        facts = "\n".join(f"{id}\temail.send\t\t\t1\t120\t0" for id in ids)
        words = [word for entry in batch for word in (entry[0], entry[1][5])] if is_keyed else ids
        head = ("facts", facts, "with", "h" * len(batch), "keyed" if is_keyed else "plain", "n", len(batch))
        client.function("pond_settle", "worker", *head, ids[0], ids[-1], *words)


def claim(client, entries):
    for batch in batches(entries):
        client.function("pond_claim", "worker", "n", *(word for entry in batch for word in (entry[0], entry[1][5])))


def main():
    server = Counted(sys.argv[1:])
    client, entries = server.client, []
    client("FUNCTION", "LOAD", "REPLACE", library())
    client.function("pond_open", "")
    floor(server)
    server.count("plain: XADD", lambda: add(client, READY))
    server.count("plain: fetch", lambda: fetch(client, entries))
    server.count("plain: settle", lambda: settle(client, entries, False))
    add_keyed(client)
    server.count("with keys: fetch", lambda: fetch(client, entries))
    server.count("with keys: claim", lambda: claim(client, entries))
    server.count("with keys: settle", lambda: settle(client, entries, True))
    left = client("XLEN", READY), client("HLEN", QUEUE + ":keys:live")
    if left != (0, 0):
        sys.exit(f"jobs and keys are left: {left}")
    empty = lambda: [client.function("pond_fetch", "worker", BATCH, "") for _ in range(500)]
    server.count("a fetch that finds nothing", empty, 500)
    server.end()


if __name__ == "__main__":
    main()
