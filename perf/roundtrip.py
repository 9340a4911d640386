"""How long the processor's call takes as the collector sees it, one batch at a time and under load.

The floor is the same call to a verifier that says `unchanged` unseen.
"""

import json
import shutil
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from example.stack.verifier import Verifier

from perf.effort import EFFORT
from perf.stack import Silent, go_command, write_batches
from perf.workload import batches, sdk_bytes

BATCHES = 16
BAD_PERCENT = 1
CALLERS = 4
ROUNDS = 5
WINDOW_S = 2.0
WARM_UP_S = 1.0
QUANTILES = {"p50_ms": "p50_ms", "p99_ms": "p99_ms", "p99_9_ms": "p999_ms"}  # in the command's output: in a figure


def figures() -> dict[str, float]:
    """Medians over rounds of each quantile."""
    command = go_command("roundtrip")
    folder = Path(tempfile.mkdtemp(prefix="otlpv-"))  # short: it holds Unix sockets
    taken: dict[str, list[float]] = defaultdict(list)
    try:
        with ExitStack() as stack:
            files = write_batches(folder, batches(BATCHES, bad_percent=BAD_PERCENT, write=sdk_bytes))
            verifier = stack.enter_context(Verifier({"rules": {"select": ["all"]}}, folder / "verifier"))
            silent = stack.enter_context(Silent(folder))
            endpoints = {"": verifier.endpoint, "silent_": silent.endpoint}
            rounds = EFFORT.rounds(ROUNDS)
            for turn in range(rounds):
                EFFORT.say(f"round {turn + 1} of {rounds}")
                for subject, endpoint in endpoints.items():
                    report = drive(command, endpoint, files, WINDOW_S, callers=CALLERS)
                    for run, prefix in (("alone", ""), ("loaded", "loaded_")):
                        for theirs, ours in QUANTILES.items():
                            taken[f"roundtrip.{subject}{prefix}{ours}"].append(report[run][theirs])
    finally:
        shutil.rmtree(folder)
    return {name: statistics.median(values) for name, values in taken.items()}


def drive(command: Path, endpoint: str, files: Sequence[Path], window_s: float, **more: float) -> dict[str, Any]:
    """One run of the Go command `roundtrip`; `more` are flags of its own. What it printed.

    Raises:
        CalledProcessError: a batch had no verdict, which standard error explains.

    """
    arguments = {
        "endpoint": endpoint,
        "duration": f"{EFFORT.seconds(window_s)}s",
        "warmup": f"{EFFORT.seconds(WARM_UP_S)}s",
        **more,
    }
    flags = [f"-{name}={value}" for name, value in arguments.items()]
    output = subprocess.run([command, *flags, *files], stdout=subprocess.PIPE, check=True).stdout
    report: dict[str, Any] = json.loads(output)
    return report
