"""Timing calls that take turns, so that whatever else the machine does meets all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perf.effort import EFFORT


@dataclass(frozen=True, slots=True)
class Way:
    """Something to time: `call(input)` for each of `inputs`, which holds `spans` spans.

    Inputs that are bytes arrive as requests do, in memory that has just been written: each call gets a new copy, which
    is not timed. Without it, whether they are in a cache would depend on what else is measured in the same round.
    """

    call: Callable[[Any], object]
    inputs: Sequence[Any]
    spans: int


def ns_per_span(ways: Mapping[str, Way], rounds: int) -> dict[str, float]:
    """The median time of a call over all inputs and rounds, per span; after one round that is not counted."""
    taken: dict[str, list[int]] = {name: [] for name in ways}
    for turn in range(1 + EFFORT.rounds(rounds)):
        for name, way in ways.items():
            times = taken[name]
            if turn == 1:
                times.clear()
            for each in way.inputs:
                arrived = bytes(bytearray(each)) if isinstance(each, bytes) else each
                start = time.thread_time_ns()
                way.call(arrived)
                times.append(time.thread_time_ns() - start)
    return {name: statistics.median(taken[name]) / way.spans for name, way in ways.items()}
