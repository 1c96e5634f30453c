"""What the counts of a run mean: pure functions of times and numbers."""
from __future__ import annotations

import math
from typing import List, Sequence, Tuple


def excess(samples: Sequence[Tuple[float, int]], rate: float) -> float:
    """How many more than rate × t were let go in the worst of all windows: what the burst has to cover.

    A sample is a time and how many were let go up to it.
    """
    worst, least = 0.0, math.inf
    for moment, count in samples:
        here = count - rate * moment
        least = min(least, here)
        worst = max(worst, here - least)
    return worst


def excess_of_arrivals(times: Sequence[float], rate: float) -> float:
    """The same of single arrivals: a window that begins and ends with one has both."""
    worst, least = 0.0, math.inf
    for index, moment in enumerate(sorted(times)):
        least = min(least, index - rate * moment)
        worst = max(worst, index + 1 - rate * moment - least)
    return worst


def jain(counts: Sequence[float]) -> float:
    """Jain's index of fairness: 1 when all have the same, 1/n when one has all."""
    squares = sum(count * count for count in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 1.0


def quantile(values: Sequence[float], part: float) -> float:
    """The value that so large a part does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)] if ordered else math.nan


def within(times: Sequence[float], first: float, last: float) -> int:
    """How many came in a time."""
    return sum(1 for moment in times if first <= moment < last)


def full_from(times: Sequence[float], begin: float, rate: float, part: float = 0.9, span: float = 1.0) -> float:
    """How long after `begin` the rate is that much of the full one, measured over `span`; infinite when it never is."""
    ordered: List[float] = sorted(moment for moment in times if moment >= begin)
    needed = max(1, math.floor(rate * span * part))
    for index in range(len(ordered) - needed + 1):
        if ordered[index + needed - 1] - ordered[index] <= span:
            return ordered[index] - begin
    return math.inf


def never_fewer_from(levels: Sequence[Tuple[float, int]], begin: float, level: int) -> float:
    """How long after `begin` so many are open for the first time."""
    for moment, count in levels:
        if moment >= begin and count >= level:
            return moment - begin
    return math.inf
