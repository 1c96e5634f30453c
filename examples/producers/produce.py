#!/usr/bin/env python3
"""Enqueues COUNT jobs with redis-py: REDIS_URL=redis://127.0.0.1:6379 python3 produce.py COUNT"""
import json
import os
import sys

import redis

BATCH_MAX = 500
QUEUE = os.environ.get("MILLPOND_QUEUE", "orders")
KEY = f"mp:{{{QUEUE}}}"


def add(batch, number):
    fields = {"kind": "order.ship", "data": f'{{"order":{number}}}', "correlation_id": "import-python"}
    more = {}
    if number % 10 == 0:
        more["key"] = f"order-{number}"
    if number % 7 == 0:
        more["delay_ms"] = 2000
    if more:  # a key or a delay needs the function
        words = [word for pair in (fields | more).items() for word in pair]
        batch.execute_command("FCALL", "pond_enqueue", 1, KEY, *words)
    else:  # anything else is a plain append
        batch.xadd(f"{KEY}:ready", fields)


client = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
counts = {"enqueued": 0, "held": 0, "duplicate": 0}
try:
    client.sadd("mp:queues", QUEUE)  # so that the queue is known before a worker serves it
    for first in range(1, int(sys.argv[1]) + 1, BATCH_MAX):
        with client.pipeline(transaction=False) as batch:  # one round trip for many
            for number in range(first, min(first + BATCH_MAX, int(sys.argv[1]) + 1)):
                add(batch, number)
            for answer in batch.execute():  # raises for the first error answer
                counts[answer[0].decode() if isinstance(answer, list) else "enqueued"] += 1
except redis.RedisError as error:
    sys.exit(str(error))
print(json.dumps(counts, separators=(",", ":")))
