"""The processes of a measurement: a Redis of its own, workers, and a vendor; none is left behind."""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from typing import Any, Callable, Dict, Iterable, List

from resp import Redis, RedisError, pairs

QUEUE = "q"
KEY = "mp:{q}"
ENQUEUED_AT_ONCE = 1_000
PATIENCE = 20.0


class Broken(Exception):
    """The measurement cannot go on."""


class Stage:
    def __init__(self, pond: str) -> None:
        self.pond = pond
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="pond-limits-"))
        self.socket = f"{self.folder}/redis.sock"
        self._children: List["subprocess.Popen[bytes]"] = []
        self._started = 0
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MILLPOND_")}
        self._environment: Dict[str, str] = {**environment, "MILLPOND_REDIS_URL": f"unix://{self.socket}"}

    def __enter__(self) -> "Stage":
        program = shutil.which("redis-server")
        if not program:
            raise Broken("redis-server is not installed; scripts/setup installs it")
        words = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", self.folder]
        self._start("redis", [program, *words])
        self.redis = self.connect()
        self.run("functions", "load")
        self.redis("SADD", "mp:queues", QUEUE)
        return self

    def __exit__(self, *words: Any) -> None:
        for child in self._children:
            if child.poll() is None:
                child.kill()
        for child in self._children:
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self) -> Redis:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                redis = Redis(self.socket)
                redis("PING")
                return redis
            except (OSError, RedisError) as error:
                if time.monotonic() > until:
                    raise Broken(f"redis-server does not answer: {error}") from None
                time.sleep(0.05)

    def _start(self, name: str, words: List[str]) -> "subprocess.Popen[bytes]":
        with open(f"{self.folder}/{name}.log", "ab") as log:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self.folder,
                start_new_session=True,
            )
        self._children.append(child)
        return child

    def run(self, *arguments: str) -> str:
        """Runs `pond` to its end."""
        ended = subprocess.run(
            [self.pond, *arguments], capture_output=True, text=True, env=self._environment, timeout=60
        )
        if ended.returncode != 0:
            raise Broken(f"pond {' '.join(arguments)} ended with {ended.returncode}: {ended.stderr.strip()}")
        return ended.stdout

    # Workers

    def worker(self, port: int, slots: int = 100, *more: str) -> "subprocess.Popen[bytes]":
        """A worker process that posts each job to the vendor."""
        self._started += 1
        words = [self.pond, "worker", "--queue", QUEUE, "--slots", str(slots), "--http", f"http://127.0.0.1:{port}/"]
        return self._start(f"worker-{self._started}", [*words, *more])

    def kill(self, worker: "subprocess.Popen[bytes]") -> None:
        """As the kernel does it when memory is short."""
        worker.kill()
        worker.wait()
        self._children.remove(worker)

    def stop(self, workers: Iterable["subprocess.Popen[bytes]"]) -> None:
        """Ends workers as they are ended in production, or by force when they take long."""
        for worker in workers:
            worker.terminate()
        for worker in workers:
            try:
                worker.wait(15)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
            self._children.remove(worker)

    def alive(self) -> int:
        """Workers with a fresh heartbeat."""
        return int(self.depth()["workers"])

    # The queue

    def enqueue(self, jobs: Iterable["tuple[str, str]"]) -> None:
        """Adds jobs by XADD, as any producer may: a payload and the limits that the job needs."""
        commands: List[List[str]] = []
        for data, limit in jobs:
            more = ["limit", limit] if limit else []
            commands.append(["XADD", f"{KEY}:ready", "*", "kind", "call", "data", data, *more])
            if len(commands) == ENQUEUED_AT_ONCE:
                self.redis.pipeline(commands)
                commands = []
        if commands:
            self.redis.pipeline(commands)

    def depth(self) -> Dict[str, Any]:
        return pairs(self.redis("FCALL_RO", "pond_depth", 1, KEY))

    def limit(self, name: str) -> Dict[str, Any]:
        return pairs(self.redis("FCALL", "pond_limit", 1, "mp:{limits}", "show", name))

    def cpu(self) -> float:
        """Seconds that Redis' main thread has worked."""
        text = self.redis("INFO", "cpu")
        found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return float(found["used_cpu_user_main_thread"]) + float(found["used_cpu_sys_main_thread"])

    def log_tail(self) -> str:
        """The last that workers said, for failures."""
        path = f"{self.folder}/worker-1.log"
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as log:
            return log.read()[-1_500:]


def wait_until(what: str, seconds: float, holds: Callable[[], bool], every: float = 0.05) -> float:
    """Waits for a condition, and says how long that took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise Broken(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)
    return time.monotonic() - began
