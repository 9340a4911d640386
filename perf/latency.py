"""From the collector's call to the answer, in batches of 64 spans at half of full load.

Full load is what 16 callers without a pause get through. Then batches come by the
clock at half that rate, with the gaps of a Poisson process, whether or not earlier
ones have been answered, and a call's time runs from the moment when it was due: a
pause counts for every batch that came in it, and nobody waits politely until it is
over (coordinated omission). Default rules. The floor is the same rate against a
verifier that says `unchanged` unseen. The load generator shares the cores; how late
it was, which is in the figures, stands beside.
"""

import shutil
import statistics
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from example.stack.verifier import Verifier

from perf.effort import EFFORT
from perf.roundtrip import QUANTILES, drive
from perf.stack import Silent, go_command, write_batches
from perf.workload import batches, sdk_bytes

SPANS = 64
BATCHES = 32
BAD_PERCENT = 1
CALLERS = 16
ROUNDS = 3
FULL_S = 3.0
WINDOW_S = 15.0
_FIGURES = {**QUANTILES, "max_ms": "max_ms"}


def figures() -> dict[str, float]:
    """Medians over rounds of each quantile."""
    command = go_command("roundtrip")
    folder = Path(tempfile.mkdtemp(prefix="otlpv-"))  # short: it holds Unix sockets
    taken: dict[str, list[float]] = defaultdict(list)
    try:
        with ExitStack() as stack:
            files = write_batches(folder, batches(BATCHES, SPANS, BAD_PERCENT, sdk_bytes))
            verifier = stack.enter_context(Verifier({}, folder / "verifier"))
            silent = stack.enter_context(Silent(folder))
            rounds = EFFORT.rounds(ROUNDS)
            for turn in range(rounds):
                EFFORT.say(f"round {turn + 1} of {rounds}")
                loaded = drive(command, verifier.endpoint, files, FULL_S, callers=CALLERS)["loaded"]
                full = loaded["spans_per_second"] / SPANS
                taken["latency.full_load_spans_per_second"].append(loaded["spans_per_second"])
                for subject, endpoint in (("", verifier.endpoint), ("silent_", silent.endpoint)):
                    paced = drive(command, endpoint, files, WINDOW_S, rate=full / 2)["paced"]
                    for theirs, ours in _FIGURES.items():
                        taken[f"latency.{subject}half_load_{ours}"].append(paced[theirs])
                    taken[f"latency.{subject}generator_late_p99_ms"].append(paced["late_p99_ms"])
    finally:
        shutil.rmtree(folder)
    return {name: statistics.median(values) for name, values in taken.items()}
