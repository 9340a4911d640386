"""Timing calls that take turns, so that whatever else the machine does meets all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from perf.effort import EFFORT


class Way(NamedTuple):
    """Something to time: `call(i)` does it to input `i` of `inputs`, each of `spans` spans."""

    call: Callable[[int], object]
    inputs: int
    spans: int


def ns_per_span(ways: Mapping[str, Way], rounds: int) -> dict[str, float]:
    """The median time of a call over all inputs and rounds, per span; after one round that is not counted."""
    taken: dict[str, list[int]] = {name: [] for name in ways}
    for turn in range(1 + EFFORT.rounds(rounds)):
        for name, way in ways.items():
            times = taken[name]
            if turn == 1:
                times.clear()
            for i in range(way.inputs):
                start = time.thread_time_ns()
                way.call(i)
                times.append(time.thread_time_ns() - start)
    return {name: statistics.median(taken[name]) / way.spans for name, way in ways.items()}
