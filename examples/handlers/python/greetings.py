#!/usr/bin/env python3
"""Says hello: {"name": "Ada"}. Start it with: pond worker --queue hello --exec 'python3 examples/handlers/python/greetings.py'"""
from millpond import handles, run


@handles("greet", attempts=3)
def greet(job):
    print("hello, " + job["data"]["name"])  # what is printed goes to the worker's log


run()
