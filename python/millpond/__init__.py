"""Millpond for Python: handlers for `pond worker --exec`, and producers.

    from millpond import handles, run          # a handler program
    from millpond import Producer, enqueue     # a program that gives work
    from millpond import pond_path             # where the program `pond` of this installation is

Nothing is loaded before it is used: a handler program does not import redis.
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._program import pond_path as pond_path
    from .handler import BudgetExhausted as BudgetExhausted
    from .handler import Cancelled as Cancelled
    from .handler import Fail as Fail
    from .handler import Job as Job
    from .handler import Limited as Limited
    from .handler import NotJSON as NotJSON
    from .handler import Permit as Permit
    from .handler import Result as Result
    from .handler import Retry as Retry
    from .handler import Step as Step
    from .handler import Suspended as Suspended
    from .handler import handles as handles
    from .handler import run as run
    from .producer import AsyncProducer as AsyncProducer
    from .producer import Enqueued as Enqueued
    from .producer import InvalidJob as InvalidJob
    from .producer import KeyMismatch as KeyMismatch
    from .producer import LibraryMissing as LibraryMissing
    from .producer import NewJob as NewJob
    from .producer import Producer as Producer
    from .producer import QueueFull as QueueFull
    from .producer import Refused as Refused
    from .producer import SomeRefused as SomeRefused
    from .producer import enqueue as enqueue

_HOMES = {
    "_program": ["pond_path"],
    "handler": [
        "BudgetExhausted", "Cancelled", "Fail", "Job", "Limited", "NotJSON", "Permit", "Result", "Retry", "Step",
        "Suspended", "handles", "run",
    ],
    "producer": [
        "AsyncProducer", "Enqueued", "InvalidJob", "KeyMismatch", "LibraryMissing", "NewJob", "Producer", "QueueFull",
        "Refused", "SomeRefused", "enqueue",
    ],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'millpond' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
