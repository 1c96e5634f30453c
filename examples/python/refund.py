#!/usr/bin/env python3
"""A refund that somebody approves: pond worker --queue refunds --exec 'python refund.py'"""
from __future__ import annotations

from typing import Any

from millpond import Fail, Job, Step, handles, run


def pay_back(order: int, cents: int, key: str) -> dict[str, int]:
    """A bank that takes a key does the same thing once, however often it is asked."""
    print(f"{cents} cents back for order {order} ({key})")
    return {"payment": 1}


@handles("order.refund", attempts=5)
def refund(job: Job) -> dict[str, Any]:
    order, cents = job["data"]["order"], job["data"]["cents"]

    def take_back(payment: Any, step: Step) -> None:
        print(f"payment {payment} is taken back ({step.key})")

    paid = job.step("pay-back", lambda step: pay_back(order, cents, step.key), undo_always=take_back)
    # Whoever has the token may answer: pond saga resolve-token … --data '{"by": "ada"}'
    answer = job.callback("approval", lambda step: print(f"may order {order} go? {step.token}"), within=86_400)
    if not answer.get("by"):
        raise Fail("nobody approved it", cause="not_approved")  # what was paid is taken back
    job.step("letter", lambda step: print(f"a letter about payment {paid['payment']}"), effect="once", pivot=True)
    return {"approved": answer["by"]}


if __name__ == "__main__":
    run()
