"""The same pipelines under loads of other shapes: sizes of batches, callers, shares of bad spans, telemetrygen.

Default rules. Windows are short, as there are many: a figure by itself may be some per cent off, and what counts is
how they change along a row or a column. `perf.pipeline` has the figures for batches of 512 spans from four callers.
"""

import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from example.stack.verifier import Verifier

from perf import telemetrygen
from perf.effort import EFFORT
from perf.pipeline import BAD_PERCENT, CALLERS, Cost, Subject, window
from perf.stack import Collector, Replay, go_command, require_collector, write_batches
from perf.workload import SPANS, batches, sdk_bytes

SIZES: Final = {1: 256, 8: 128, 64: 64, 512: 16, 8192: 2}  # spans in a batch: different batches of that size
ALL_CALLERS: Final = (1, 4, 16)
ROUNDS: Final = 3
WINDOW_S: Final = 1.0
WARM_UP_S: Final = 0.5
BEFORE: Final = "passthrough"
SUBJECTS: Final = {BEFORE: "pass-through", "filter40": "filter40", "verifier": "verifier"}


class Shape(NamedTuple):
    """One kind of load."""

    batches: Sequence[bytes]
    spans: int
    callers: Sequence[int]


def figures() -> dict[str, float]:
    """Medians over rounds: what verifier and filter add, and the throughput that is left.

    Raises:
        Missing: there is no collector, or no telemetrygen.

    """
    require_collector()
    replay = go_command("replay")
    folder = Path(tempfile.mkdtemp(prefix="otlpv-"))  # short: it holds Unix sockets
    try:
        with ExitStack() as stack:
            verifier = stack.enter_context(Verifier({}, folder / "verifier"))
            collectors = {
                name: stack.enter_context(Collector(pipeline, folder, verifier.endpoint))
                for name, pipeline in SUBJECTS.items()
            }
            result: dict[str, float] = {}
            for shape, load in _shapes().items():
                EFFORT.say(shape.replace("_", " "))
                with ExitStack() as loads:
                    files = write_batches(folder, load.batches)
                    subjects = {
                        name: Subject(
                            collector,
                            verifier if name == "verifier" else None,
                            loads.enter_context(Replay(replay, collector.endpoint, files)),
                            load.spans,
                        )
                        for name, collector in collectors.items()
                    }
                    for callers in load.callers:
                        costs = _measure(subjects, callers)
                        result |= {f"shapes.{shape}_callers_{callers}_{name}": n for name, n in _summary(costs).items()}
    finally:
        shutil.rmtree(folder)
    return result


def _shapes() -> dict[str, Shape]:
    def made(spans: int, number: int, bad_percent: float, callers: Sequence[int]) -> Shape:
        return Shape(batches(2 if EFFORT.short else number, spans, bad_percent, sdk_bytes), spans, callers)

    all_callers = (CALLERS,) if EFFORT.short else ALL_CALLERS
    return {
        **{f"batch_{size}": made(size, number, BAD_PERCENT, all_callers) for size, number in SIZES.items()},
        **{f"bad_{percent}_percent": made(SPANS, SIZES[SPANS], percent, (CALLERS,)) for percent in (0, 50)},
        "telemetrygen": Shape(telemetrygen.captured(2 if EFFORT.short else 8), SPANS, (CALLERS,)),
    }


def _measure(subjects: dict[str, Subject], callers: int) -> dict[str, list[Cost]]:
    """Subjects take turns, so that what disturbs the machine disturbs them all."""
    rounds: dict[str, list[Cost]] = defaultdict(list)
    for turn in range(1 + EFFORT.rounds(ROUNDS, short=1)):
        for name, subject in subjects.items():
            cost = window(subject, callers, EFFORT.seconds(WINDOW_S if turn else WARM_UP_S, short=0.1))
            if turn:
                rounds[name].append(cost)
    return rounds


def _summary(rounds: dict[str, list[Cost]]) -> dict[str, float]:
    whole = {name: statistics.median(cost.whole for cost in costs) for name, costs in rounds.items()}
    rate = {name: statistics.median(cost.rate for cost in costs) for name, costs in rounds.items()}
    added = {name: whole[name] - whole[BEFORE] for name in whole}
    return {
        "passthrough_ns_per_span": whole[BEFORE],
        "filter40_added_ns_per_span": added["filter40"],
        "added_ns_per_span": added["verifier"],
        "spans_per_second": rate["verifier"],
        "throughput_vs_passthrough": rate["verifier"] / rate[BEFORE],
    }
