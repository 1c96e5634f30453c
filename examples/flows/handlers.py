"""The handlers of onboard.yaml. Each does its work once for its key, and writes a line into a ledger: what has happened, and
for which key. A bank, a shop and a mail server that take idempotency keys do the same.

    pond worker --queue onboarding --flow onboard.yaml --exec 'python3 handlers.py'
"""
import fcntl
import os
import time

from millpond import Fail, handles, run

LEDGER = os.environ.get("LEDGER", "/tmp/onboard.ledger")
# While this file is there, the bank charges and does not answer: a moment to kill a worker in.
HOLD = os.environ.get("HOLD", "")


def once(key, what):
    """Writes what has happened into the ledger, unless it has happened for this key already."""
    with open(LEDGER, "a+", encoding="utf-8") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        ledger.seek(0)
        if any(line.split()[0] == key for line in ledger):
            return
        ledger.write(f"{key} {what}\n")


def happened(key):
    with open(LEDGER, encoding="utf-8") as ledger:
        return any(line.split()[0] == key for line in ledger)


@handles("crm.open")
def open_account(job):
    once(job["data"]["key"], "open " + job["data"]["email"])
    return {"id": "acc-" + job["data"]["email"].split("@")[0]}


@handles("crm.close")
def close_account(job):
    once(job["data"]["key"], "close " + job["data"]["input"]["email"])


@handles("mail.box")
def make_mailbox(job):
    once(job["data"]["key"], "box " + job["data"]["name"])
    return {"name": job["data"]["name"]}


@handles("mail.unbox")
def remove_mailbox(job):
    once(job["data"]["key"], "unbox " + job["data"]["input"]["name"])


@handles("bank.charge")
def charge(job):
    data = job["data"]
    if data["cents"] > 100_000:
        raise Fail("the card was declined", cause="card_declined")
    once(data["key"], f"charge {data['cents']}")
    while HOLD and os.path.exists(HOLD):
        time.sleep(0.05)
    return {"cents": data["cents"]}


@handles("bank.refund")
def refund(job):
    # There is no receipt when nobody knows whether the charge has happened: then the bank is asked by the charge's key.
    if job["data"]["receipt"] or happened(job["data"]["charge"]):
        once(job["data"]["charge"] + ":refund", "refund")


@handles("mail.send")
def send(job):
    once(job["data"]["key"], "letter " + job["data"]["to"])


run()
