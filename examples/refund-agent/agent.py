#!/usr/bin/env python3
"""An agent that settles complaints: it thinks, uses tools that cost money, and has the customer pay for an exchange.

What it charged it refunds when the case fails in the end. {"case": "case-7", "label_cents": 490}
"""
import os

from millpond import Fail, handles, run
from psp import Provider

provider = Provider(os.environ.get("PROVIDER_URL", "http://127.0.0.1:8080"))
hooks = os.environ.get("HOOKS_URL", "http://127.0.0.1:8081/hooks")
PAID_WITHIN = float(os.environ.get("PAID_WITHIN", "12"))  # seconds
TURNS_MAX = 20


@handles("case.settle", attempts=20, timeout_ms=30_000)
def settle(job):
    case = job["data"]["case"]
    charge(job, "label", f"{case}/label", job["data"]["label_cents"])
    cents = decide(job, case)
    charge(job, "exchange", f"{case}/exchange", cents)

    def ask(step):
        provider.confirm(f"{case}/exchange", f"{hooks}/{step.token}", step.key)

    job.callback("paid", ask, within=PAID_WITHIN)
    job.sleep("cool-off", 1.5)
    # What is on its way cannot be undone; from here on there is only forward.
    return job.step("ship", lambda step: provider.ship(case, step.key), pivot=True, retries=8)


def charge(job, name, reference, cents):
    """A charge, and the refund that undoes it: by the reference, because nobody may know the charge's number."""
    job.step(
        name,
        lambda step: provider.charge(reference, cents, step.key),
        undo_always=lambda charged, step: provider.refund(reference, step.key),
        retries=8,
    )


def decide(job, case):
    """Asks the model what to do, and does it, until it names a price; the job's budget ends what takes too long."""
    seen = {}
    for _ in range(TURNS_MAX):
        move = use(job, case, "model", seen)
        if "cents" in move:
            return move["cents"]
        seen[move["tool"]] = use(job, case, move["tool"], seen)
    raise Fail(f"no decision after {TURNS_MAX} turns", cause="undecided")


def use(job, case, tool, seen):
    """A call that costs money: it is remembered, so that no later run pays for it again."""

    def call(step):
        answer = provider.call(case, tool, seen, step.key)
        job.spend(answer["micros"] / 1e6)
        return answer

    return job.step(tool, call, retries=8)["said"]


if __name__ == "__main__":
    run()
