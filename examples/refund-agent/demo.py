#!/usr/bin/env python3
"""Agents that spend money, on workers that are killed every second, against a provider that has bad days.

Starts a Redis of its own, the provider, and the workers; gives the agents cases; and at the end compares the provider's
ledger with what the sagas remember. It must balance to the cent: if not, the exit code is 8.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
import urllib.request
from typing import Any, Dict, List, Set

from audit import ENDED, Audit, Saga
from ledger import Books
from report import clear, progress, report, table
from resp import Redis
from stage import QUEUE, Broken, Stage, Worker

KEY = f"mp:{{{QUEUE}}}"
PAGE = 500
BUDGET_MICROS = 60_000  # of dollars, for the model and the tools of one case
LATE_SECONDS = 2.0  # by then the provider has done whatever it is late with


class Interrupted(Exception):
    """Ctrl-C, or another wish to end."""


class Demo:
    def __init__(self, stage: Stage, given: argparse.Namespace) -> None:
        self.stage = stage
        self.given = given
        self.dice = random.Random(given.seed)
        self.redis: Redis = stage.redis()
        self.ledger = f"{stage.folder}/ledger.sqlite"
        slow = given.paid_within
        plant = ["--plant", given.plant] if given.plant else []
        provider = stage.service(
            "provider", "--ledger", self.ledger, "--seed", str(given.seed), "--slow", str(slow), *plant
        )
        self.hooks = stage.service("webhook", "--redis", stage.url, "--queue", QUEUE)
        self.environment = {"PROVIDER_URL": provider, "HOOKS_URL": self.hooks, "PAID_WITHIN": str(slow)}
        self.cases: Dict[str, str] = {}  # ids of jobs, and their cases
        self.cancelled: Set[str] = set()
        self.kills = 0
        self.started = 0
        self.workers: List[Worker] = [self._worker() for _ in range(given.workers)]
        self.began = time.monotonic()
        self.next_kill = self.began + given.kill_every

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def _worker(self) -> Worker:
        self.started += 1
        return Worker(self.stage, self.started, self.given.slots, self.environment)

    def run(self) -> Audit:
        limit = self.given.seconds * 4 + 60
        said = 0.0
        while True:
            counts = self._counts()
            if time.monotonic() - said >= (0.5 if sys.stderr.isatty() else 5):
                said = time.monotonic()
                progress(self.seconds, counts, len(self.cases), self.given.agents, self.kills)
            # `stuck` and `paused` would wait for a person.
            settled = sum(counts.get(state, 0) for state in (*ENDED, "stuck", "paused")) + self._never_began()
            if len(self.cases) == self.given.agents and settled >= self.given.agents:
                break
            if self.seconds > limit:
                raise Broken(f"not all cases have ended after {limit:.0f} s: {counts}")
            self._give()
            self._cancel(counts)
            self._kill()
            time.sleep(0.1)
        for worker in self.workers:
            worker.kill()
        time.sleep(LATE_SECONDS)
        return Audit(Books(self.ledger), self._sagas())

    def _counts(self) -> Dict[str, int]:
        reply = self.redis("FCALL_RO", "pond_sagas", 1, KEY, "")
        return {state: int(count) for state, count in zip(reply[::2], reply[1::2])}

    def _never_began(self) -> int:
        """Cases that were cancelled before their first step."""
        return sum(not self.redis("EXISTS", f"{KEY}:saga:{id}") for id in self.cancelled)

    def _give(self) -> None:
        """New cases come all the time, so that workers die at every step of a case."""
        due = int(self.given.agents * min(1.0, self.seconds / (self.given.seconds * 0.6)) + 1)
        while len(self.cases) < min(due, self.given.agents):
            case = f"case-{len(self.cases) + 1}"
            data = json.dumps({"case": case, "label_cents": self.dice.randrange(200, 900)})
            words = ["kind", "case.settle", "data", data, "key", case, "budget_usd_micros", BUDGET_MICROS]
            answer = self.redis("FCALL", "pond_enqueue", 1, KEY, *words)
            self.cases[answer[1]] = case

    def _cancel(self, counts: Dict[str, int]) -> None:
        """Some customers change their mind."""
        wanted = len(self.cases) // 25
        if len(self.cancelled) >= wanted:
            return
        waiting = self.redis("FCALL_RO", "pond_sagas", 1, KEY, "waiting", 0, PAGE)[::4]
        candidates = sorted(id for id in waiting if id not in self.cancelled)
        if candidates:
            id = self.dice.choice(candidates)
            if self.redis("FCALL", "pond_cancel", 1, KEY, id) != "unknown":
                self.cancelled.add(id)

    def _kill(self) -> None:
        for number, worker in enumerate(self.workers):
            if worker.has_ended:
                raise Broken(f"a worker has ended by itself: {worker.last_words}")
        if time.monotonic() < self.next_kill:
            return
        # One that has not begun to work has nothing to lose.
        ready = [number for number, worker in enumerate(self.workers) if worker.is_ready]
        if not ready:
            return
        number = self.dice.choice(ready)
        self.workers[number].kill()
        self.workers[number] = self._worker()
        self.kills += 1
        self.next_kill = max(self.next_kill + self.given.kill_every, time.monotonic() + self.given.kill_every / 2)

    def _sagas(self) -> List[Saga]:
        sagas = []
        for id, case in self.cases.items():
            saga = Saga.of(id, case, self.redis("FCALL_RO", "pond_saga", 1, KEY, id))
            if saga.state == "none" and id in self.cancelled:
                saga.reason = "cancelled"
            sagas.append(saga)
        return sagas

    def callbacks(self) -> Dict[str, int]:
        """What became of the provider's callbacks."""
        with urllib.request.urlopen(self.hooks, timeout=5) as answer:
            return dict(json.load(answer))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo --saga", description=__doc__)
    parser.add_argument("--agents", type=int, default=200, help="how many cases there are; 200 when not given")
    parser.add_argument("--seconds", type=float, default=60, help="how long cases come, about; 60 when not given")
    parser.add_argument("--workers", type=int, default=3, help="worker processes; 3 when not given")
    parser.add_argument("--slots", type=int, default=6, help="agents a worker; 6 when not given")
    parser.add_argument("--kill-every", type=float, default=1, help="seconds between kills; 1 when not given")
    parser.add_argument("--paid-within", type=float, default=12, help="seconds that the bank has; 12 when not given")
    parser.add_argument("--seed", type=int, default=1, help="what the provider does and when is drawn from it")
    parser.add_argument("--plant", choices=["keys", "refunds"], help="a bug in the provider, for the demo to find")
    parser.add_argument("--json", action="store_true", help="the table as one JSON object on stdout")
    parser.add_argument("--pond", default=shutil.which("pond"), help="the program; that of the PATH when not given")
    given = parser.parse_args()
    if not given.pond:
        parser.error("there is no pond on the PATH; build it with scripts/build pond, or name it with --pond")
    for name in ("agents", "workers", "slots", "seconds", "kill_every", "paid_within"):
        if getattr(given, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} is {getattr(given, name)}, give a number above 0")
    given.pond = os.path.abspath(given.pond)
    return given


def interrupt(number: int, frame: Any) -> None:
    # A second one must not stop the cleaning up.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    raise Interrupted


def main() -> int:
    given = options()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, interrupt)
    try:
        with Stage(given.pond) as stage:
            demo = Demo(stage, given)
            audit = demo.run()
            found = report(audit, demo.callbacks(), demo.kills, demo.seconds, given.seed)
    except Interrupted:
        clear()
        print("interrupted; nothing is left behind", file=sys.stderr)
        return 130
    except (Broken, OSError) as error:
        clear()
        print(f"error: {error}", file=sys.stderr)
        return 1
    clear()
    print(json.dumps(found) if given.json else table(found))
    return 0 if audit.balances else 8


if __name__ == "__main__":
    sys.exit(main())
