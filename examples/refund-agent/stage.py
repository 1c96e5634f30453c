"""The processes of the demo, in a temporary folder; none is left behind, however the demo ends."""
from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List

from resp import Redis, RedisError

HERE = os.path.dirname(os.path.abspath(__file__))
QUEUE = "cases"
PATIENCE = 20.0

# Ends what is left when the demo ends, even by a signal that nobody can catch: its end of the pipe closes then. All
# that the demo starts works in its folder.
GUARD = """
trap '' INT TERM HUP
cat >/dev/null
exec 2>/dev/null
for _ in 1 2 3 4 5; do
    left=no
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/cwd")" = "$1" ] && kill -KILL "${process#/proc/}" && left=yes
    done
    [ $left = yes ] || break
done
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"""


class Broken(Exception):
    """The demo cannot go on."""


class Stage:
    def __init__(self, pond: str) -> None:
        self.pond = pond
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="pond-saga-"))
        self.url = f"unix://{self.folder}/redis.sock"
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MILLPOND_")
        }
        self._environment["PYTHONDONTWRITEBYTECODE"] = "1"
        self._children: List[subprocess.Popen[Any]] = []
        guard = ["/bin/sh", "-c", GUARD, "guard", self.folder]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *words: Any) -> None:
        for child in self._children:
            self._end(child)
        assert self._guard.stdin
        self._guard.stdin.close()
        self._guard.wait()

    def log(self, name: str) -> str:
        return f"{self.folder}/{name}.log"

    def start(self, name: str, arguments: List[str], **environment: str) -> "subprocess.Popen[Any]":
        """Starts a program in a group of its own; what it says goes to its log, its first lines can be read."""
        with open(self.log(name), "ab") as log:
            child = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**self._environment, **environment},
                cwd=self.folder,
                start_new_session=True,
            )
        self._children.append(child)
        return child

    def kill(self, child: "subprocess.Popen[Any]") -> None:
        self._end(child)
        self._children.remove(child)

    @staticmethod
    def _end(child: "subprocess.Popen[Any]") -> None:
        if child.poll() is None:
            # Not its group: a worker's own watcher is to kill the agents, as it does when the worker dies.
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()

    def run(self, *arguments: str) -> str:
        """Runs `pond` to its end."""
        command = [self.pond, *arguments, "--redis", self.url]
        ended = subprocess.run(command, capture_output=True, text=True, env=self._environment, timeout=60)
        if ended.returncode != 0:
            raise Broken(f"{shlex.join(command)} ended with {ended.returncode}: {ended.stderr.strip()}")
        return ended.stdout

    def redis(self) -> Redis:
        """Starts a Redis of its own, without a port, and loads the functions."""
        program = shutil.which("redis-server")
        if not program:
            raise Broken("redis-server is not installed; scripts/setup installs it")
        words = f"--port 0 --unixsocket {self.folder}/redis.sock --save '' --appendonly yes"
        words += f" --dir {self.folder} --logfile {self.folder}/redis-server.log"
        self.start("redis", [program, *shlex.split(words)])
        redis = self._connect()
        self.run("functions", "load")
        # A job that loses three workers is dead as `poison`, since usually it kills them. Here it is chance.
        self.run("queue", "set", QUEUE, "--max-recoveries", "1000")
        return redis

    def _connect(self) -> Redis:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                redis = Redis(self.url)
                redis("PING")
                return redis
            except (OSError, RedisError) as error:
                if time.monotonic() > until:
                    raise Broken(f"redis-server does not answer: {error}") from None
                time.sleep(0.05)

    def service(self, name: str, *arguments: str) -> str:
        """Starts one of the example's servers, and says its address."""
        child = self.start(name, [sys.executable, f"{HERE}/{name}.py", *arguments])
        assert child.stdout
        address = child.stdout.readline().decode().strip()
        if not address.startswith("http"):
            with open(self.log(name), errors="replace") as log:
                raise Broken(f"{name}.py did not start: {log.read()[-2_000:]}")
        return address


class Worker:
    """A worker process with agents."""

    def __init__(self, stage: Stage, number: int, slots: int, environment: Dict[str, str]) -> None:
        self._stage = stage
        self._name = f"worker-{number}"
        agent = f"exec {shlex.quote(sys.executable)} {shlex.quote(HERE + '/agent.py')}"
        words = [stage.pond, "worker", "--redis", stage.url, "--queue", QUEUE, "--slots", str(slots)]
        words += ["--backoff", "200ms..2s", "--exec", agent]
        self.child = stage.start(self._name, words, **environment)
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        if not self._is_ready:
            with open(self._stage.log(self._name), errors="replace") as log:
                self._is_ready = "worker ready" in log.read()
        return self._is_ready

    @property
    def has_ended(self) -> bool:
        return self.child.poll() is not None

    @property
    def last_words(self) -> str:
        with open(self._stage.log(self._name), errors="replace") as log:
            return log.read()[-2_000:]

    def kill(self) -> None:
        """As `kill -9` does it: the worker alone, nothing is said to anybody."""
        self._stage.kill(self.child)
        os.remove(self._stage.log(self._name))
