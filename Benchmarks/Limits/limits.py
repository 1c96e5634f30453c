"""Measures the limits with real processes, and judges what docs/limits.md says of them; scripts/limits starts it."""
from __future__ import annotations

import argparse
import json
import socket
import math
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Tuple

import judge
from resp import Redis, RedisError, pairs
from stage import KEY, QUEUE, Broken, Stage, wait_until
from vendor import Vendor

WORKERS, SLOTS = 3, 100


class Report:
    """Rows of what was measured, with the bound where there is one."""

    def __init__(self) -> None:
        self.rows: List[Dict[str, Any]] = []

    def add(self, run: str, what: str, value: float, most: float = math.inf, least: float = -math.inf) -> None:
        holds = least <= value <= most
        self.rows.append({
            "run": run, "what": what, "value": round(value, 3),
            "most": None if math.isinf(most) else most, "least": None if math.isinf(least) else least, "holds": holds,
        })
        bound = f"at most {most:g}" if most < math.inf else f"at least {least:g}" if least > -math.inf else ""
        print(f"{'  ' if holds else '✗ '}{run:12} {what:58} {value:>12,.3f}  {bound}", flush=True)

    @property
    def holds(self) -> bool:
        return all(row["holds"] for row in self.rows)


class Sampler:
    """Asks Redis again and again how many a limit has let go, with Redis' own time, both at one moment."""

    def __init__(self, redis: Redis, limit: str) -> None:
        self._redis, self._limit = redis, limit
        self.samples: List[Tuple[float, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *words: Any) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            answers = self._redis.pipeline([
                ["MULTI"], ["TIME"], ["FCALL", "pond_limit", 1, "mp:{limits}", "show", self._limit], ["EXEC"],
            ])
            (seconds, micros), shown = answers[3]
            self.samples.append((int(seconds) + int(micros) / 1e6, int(pairs(shown).get("admitted", 0))))


def calls_by_function(stage: Stage, seconds: float) -> Dict[str, int]:
    """How often each function was called in a while; MONITOR makes Redis slower, so nothing else is measured then."""
    monitor = stage.connect()
    monitor("MONITOR")
    counts: Dict[str, int] = {}
    monitor._socket.settimeout(0.2)
    until = time.monotonic() + seconds
    rest = b""
    while time.monotonic() < until:
        try:
            rest += monitor._socket.recv(1 << 20)
        except socket.timeout:
            continue
        *lines, rest = rest.split(b"\n")
        for line in lines:
            words = line.split(b'"')
            if len(words) > 3 and words[1].upper() in (b"FCALL", b"FCALL_RO"):
                name = words[3].decode()
                counts[name] = counts.get(name, 0) + 1
    return counts


def parked(stage: Stage) -> Tuple[int, int]:
    """How often jobs were parked, and how many: a job that is parked again was let go or looked at for nothing."""
    times, jobs, last = 0, set(), "-"
    while True:
        entries = stage.redis("XRANGE", f"{KEY}:journal", last, "+", "COUNT", 2_000)
        if not entries:
            return times, len(jobs)
        for entry, fields in entries:
            last = f"({entry}"
            for index in range(0, len(fields) - 1, 2):
                if fields[index] == "limited":
                    # The limit and why come first.
                    held = fields[index + 1].split(" ")[2:]
                    times += len(held)
                    jobs.update(held)


# The runs


def rate(stage: Stage, report: Report, short: bool) -> None:
    """50/s burst 10, all workers together, with many more jobs than that."""
    jobs, seconds = (5_000, 12.0) if short else (100_000, 60.0)
    vendor = Vendor(0.05)
    stage.run("limit", "set", "vendor", "50/s burst 10")
    stage.enqueue((json.dumps({"n": n}), "vendor") for n in range(jobs))
    before, added = stage.cpu(), time.monotonic()
    workers = [stage.worker(vendor.port, SLOTS) for _ in range(WORKERS)]
    wait_until("three workers", 30, lambda: stage.alive() == WORKERS)
    wait_until("all jobs looked at", 120, lambda: int(stage.depth()["ready"]) == 0)
    report.add("rate", f"seconds until {jobs} jobs were parked", time.monotonic() - added)
    report.add("rate", "µs of Redis a job to park it", (stage.cpu() - before) / jobs * 1e6)
    with Sampler(stage.connect(), "vendor") as sampler:
        begun, admitted = time.monotonic(), int(stage.limit("vendor")["admitted"])
        time.sleep(seconds)
        ended = time.monotonic()
        admitted = int(stage.limit("vendor")["admitted"]) - admitted
    took = ended - begun
    done = judge.within(vendor.ledger.arrivals, begun, ended)
    report.add("rate", "let go beyond 50·t in the worst window", judge.excess(sampler.samples, 50), most=10)
    report.add("rate", "the same as the vendor saw it, jitter included",
               judge.excess_of_arrivals(vendor.ledger.arrivals, 50))
    report.add("rate", "part of the limit that was used", done / (50 * took), least=0.97)
    report.add("rate", "jobs let go for each that ran", admitted / max(1, done), most=1.2)
    times, distinct = parked(stage)
    report.add("rate", "times that a job was parked", times / max(1, distinct), most=1.2)
    counts = calls_by_function(stage, 3 if short else 10)
    ran = 50 * (3 if short else 10)
    for name in ("pond_fetch", "pond_admit", "pond_settle"):
        report.add("rate", f"calls of {name} for each job", counts.get(name, 0) / ran)
    quiet = 5.0 if short else 30.0
    limited = cpu_per_job(stage, vendor, quiet)
    stage.stop(workers)
    plain = plain_cpu(stage, vendor, quiet)
    report.add("rate", "µs of Redis a job and its share of heartbeats, with the limit", limited)
    report.add("rate", "the same without the limit, at the same pace", plain)
    report.add("rate", "µs of Redis a job for the limit", limited - plain, most=15)
    vendor.stop()


def cpu_per_job(stage: Stage, vendor: Vendor, seconds: float) -> float:
    """What Redis works in a while, in µs for each job that ran in it; nobody else asks it anything meanwhile."""
    cpu, count = stage.cpu(), len(vendor.ledger.arrivals)
    time.sleep(seconds)
    return (stage.cpu() - cpu) / max(1, len(vendor.ledger.arrivals) - count) * 1e6


def plain_cpu(stage: Stage, vendor: Vendor, seconds: float) -> float:
    """What a job costs Redis in µs when the same workers get 50 a second from a producer, and no limit is there."""
    stage.redis("FLUSHALL")
    stage.redis("SADD", "mp:queues", QUEUE)
    workers = [stage.worker(vendor.port, SLOTS) for _ in range(WORKERS)]
    wait_until("three workers", 30, lambda: stage.alive() == WORKERS)
    producer = stage.connect()
    stop = threading.Event()

    def produce() -> None:
        began, count = time.monotonic(), 0
        while not stop.wait(0.02):
            due = int((time.monotonic() - began) * 50)
            producer.pipeline(
                [["XADD", f"{KEY}:ready", "*", "kind", "call", "data", json.dumps({"n": n})] for n in range(count, due)]
            )
            count = due

    thread = threading.Thread(target=produce)
    thread.start()
    time.sleep(2)
    cost = cpu_per_job(stage, vendor, seconds)
    stop.set()
    thread.join()
    stage.stop(workers)
    return cost


def fair(stage: Stage, report: Report, short: bool) -> None:
    """A limit for each tenant; one of them has nine in ten of all jobs."""
    tenants, light, seconds, period = (100, 10, 12.0, 2) if short else (1_000, 10, 60.0, 10)
    vendor = Vendor(0.02)
    stage.run("limit", "set", "tenant:{tenant}", f"1/{period}s")
    names = [f"t{n}" for n in range(1, tenants)]
    jobs = [name for _ in range(light) for name in names]
    heavy = 9 * len(jobs)
    # The heavy one comes first, as the tenant does that starves the others.
    stage.enqueue((json.dumps({"tenant": "big"}), "tenant:{/tenant}") for _ in range(heavy))
    stage.enqueue((json.dumps({"tenant": name}), "tenant:{/tenant}") for name in jobs)
    workers = [stage.worker(vendor.port, SLOTS) for _ in range(WORKERS)]
    wait_until("all jobs looked at", 180, lambda: int(stage.depth()["ready"]) == 0, every=0.2)
    begun = time.monotonic()
    time.sleep(seconds)
    ended = time.monotonic()
    served = [judge.within(vendor.ledger.tenants.get(name, []), 0, ended) for name in names]
    report.add("fair", "Jain's index among the light tenants", judge.jain(served), least=0.95)
    waits, own = [], []
    for name in names:
        times = vendor.ledger.tenants.get(name, [])[:light]
        if not times:
            waits.append(math.inf)
            continue
        # The first is let go at once; each later one waits for its turn in its own limit.
        waits += [moment - times[0] for moment in times[1:]]
        own += [period * (index + 1) for index in range(len(times) - 1)]
    report.add("fair", "p99 wait of a light tenant ÷ that of its own limit",
               judge.quantile(waits, 0.99) / judge.quantile(own, 0.99), most=2)
    report.add("fair", "light tenants that were never served", sum(1 for count in served if count == 0), most=0)
    big = vendor.ledger.tenants.get("big", [])
    report.add("fair", "let go beyond its rate, the heavy one, as the vendor saw it",
               judge.excess_of_arrivals(big, 1 / period))
    report.add("fair", "jobs served", judge.within(vendor.ledger.arrivals, begun, ended))
    stage.stop(workers)
    vendor.stop()


def crash(stage: Stage, report: Report, short: bool) -> None:
    """8 at a time, while a worker is killed every second."""
    seconds = 10.0 if short else 60.0
    vendor = Vendor(0.4)
    stage.run("limit", "set", "vendor", "8 at a time")
    # A job that loses three workers is dead as `poison`, since usually it kills them. Here it is chance.
    stage.run("queue", "set", QUEUE, "--max-recoveries", "1000")
    stage.enqueue((json.dumps({"n": n}), "vendor") for n in range(5_000))
    workers = [stage.worker(vendor.port, SLOTS) for _ in range(WORKERS)]
    wait_until("all places taken", 30, lambda: vendor.open >= 8)
    begun, kills = time.monotonic(), 0
    while time.monotonic() - begun < seconds:
        time.sleep(1)
        stage.kill(workers.pop(0))
        workers.append(stage.worker(vendor.port, SLOTS))
        kills += 1
    ended = time.monotonic()
    stage.kill(workers.pop(0))
    last = time.monotonic()
    time.sleep(15)
    report.add("crash", f"most calls open at once, {kills + 1} kills", vendor.ledger.most_open, most=8)
    report.add("crash", "seconds until all 8 places are used after the last kill",
               judge.never_fewer_from(vendor.ledger.opened, last + 0.05, 8), most=5)
    report.add("crash", "calls a second while it went on", judge.within(vendor.ledger.arrivals, begun, ended) / seconds)
    stage.run("queue", "purge", QUEUE, "--yes")
    wait_until("nothing in flight", 30, lambda: int(stage.depth()["in_flight"]) == 0)
    report.add("crash", "places that were not given back", int(stage.limit("vendor")["running"]), most=0)
    stage.stop(workers)
    vendor.stop()


def outage(stage: Stage, report: Report, short: bool) -> None:
    """The vendor is down for a while: what it is asked meanwhile, and how soon all is well again."""
    jobs, seconds, full = (1_500, 10.0, 100) if short else (10_000, 60.0, 100)
    plain = outage_run(stage, report, "plain", jobs, seconds, "", full)
    stage.redis("FLUSHALL")
    stage.redis("SADD", "mp:queues", QUEUE)
    stage.run("limit", "set", "vendor", f"{full}/s burst {full}")
    limited = outage_run(stage, report, "limited", jobs, seconds, "vendor", full)
    report.add("outage", "calls while it was down ÷ those of plain backoff", limited / max(1, plain), most=0.05)


def outage_run(stage: Stage, report: Report, name: str, jobs: int, seconds: float, limit: str, full: int) -> int:
    vendor = Vendor(0.02)
    vendor.is_down = True
    stage.enqueue((json.dumps({"n": n}), limit) for n in range(jobs))
    workers = [stage.worker(vendor.port, SLOTS, "--backoff", "1s..10s", "--attempts", "50") for _ in range(WORKERS)]
    wait_until("the first call", 60, lambda: len(vendor.ledger.arrivals) > 0)
    begun = time.monotonic()
    time.sleep(seconds)
    ended = time.monotonic()
    vendor.is_down = False
    calls = judge.within(vendor.ledger.arrivals, 0, ended)
    report.add("outage", f"{name}: calls while it was down for {ended - begun:.0f} s", calls)
    if limit:
        time.sleep(15)
        report.add("outage", f"{name}: seconds until it is at 90 % of {full}/s again",
                   judge.full_from(vendor.ledger.arrivals, ended, full), most=10)
        report.add("outage", f"{name}: most calls for one job", max(vendor.ledger.calls_of_job.values()))
        report.add("outage", f"{name}: tries spent beyond the calls that failed",
                   attempts(stage) - len(vendor.ledger.failed), most=0)
    report.add("outage", f"{name}: dead jobs", int(stage.depth()["dead"]), most=0)
    stage.stop(workers)
    vendor.stop()
    return calls


def attempts(stage: Stage) -> int:
    """Tries that were counted: those that the journal tells of as failed."""
    count, last = 0, "-"
    while True:
        entries = stage.redis("XRANGE", f"{KEY}:journal", last, "+", "COUNT", 2_000)
        if not entries:
            return count
        for entry, fields in entries:
            last = f"({entry}"
            count += sum(1 for index in range(0, len(fields) - 1, 2) if fields[index] == "retried")


RUNS: Dict[str, Callable[[Stage, Report, bool], None]] = {"rate": rate, "fair": fair, "crash": crash, "outage": outage}


def main() -> int:
    words = argparse.ArgumentParser()
    words.add_argument("--pond", required=True)
    words.add_argument("--short", action="store_true")
    words.add_argument("--only", action="append", choices=list(RUNS))
    words.add_argument("--json")
    given = words.parse_args()
    report, broken = Report(), False
    for name in given.only or RUNS:
        with Stage(given.pond) as stage:
            try:
                RUNS[name](stage, report, given.short)
            except (Broken, RedisError, OSError) as error:
                broken = True
                print(f"✗ {name:12} {error}\n{stage.log_tail()}", file=sys.stderr, flush=True)
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"short": given.short, "rows": report.rows}, file, indent=2)
    return 1 if broken else 0 if report.holds else 8


if __name__ == "__main__":
    sys.exit(main())
