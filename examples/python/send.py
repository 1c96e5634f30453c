#!/usr/bin/env python3
"""Gives work: python send.py a@b.c"""
import sys

from millpond import Producer

with Producer(queue="emails") as producer:  # where Redis is, MILLPOND_REDIS_URL says
    for to in sys.argv[1:]:
        # Of the jobs with one key one runs, however often they are sent.
        job = producer.enqueue("email.send", {"to": to}, key=f"welcome-{to}")
        print(job.answer, job.id)
