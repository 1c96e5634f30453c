#!/usr/bin/env python3
"""Says hello: {"name": "Ada"}. For `pond worker --queue hello --exec 'python3 greetings.py'`, in its folder."""
from millpond import handles, run


@handles("greet", attempts=3)
def greet(job):
    print("hello, " + job["data"]["name"])  # what is printed goes to the worker's log


run()
