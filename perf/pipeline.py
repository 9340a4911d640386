"""What each pipeline costs in the built collector: otlp -> X -> nop, under as much load as it takes.

X is nothing, `filter` with 40 conditions, or the verifier; and, to tell the cost
of asking from the cost of judging, a verifier that says `unchanged` unseen. All
pipelines run side by side, but only one has load at a time, in turns of seconds.
Cost is processor time of collector and verifier together; what the load generator
needs is not counted, though it shares the cores.

Nobody can get Weaver from a package registry, so its live-check is not run here: what
it was measured to need elsewhere is held against a verifier that has only the rules
about attributes and semantic conventions, receiving included.
"""

import shutil
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from example.stack.process import Process
from example.stack.verifier import Verifier

from perf.effort import EFFORT
from perf.stack import Collector, Memory, Replay, Silent, cpu_s, go_command, memory, require_collector, write_batches
from perf.workload import SPANS, batches, sdk_bytes

BATCHES = 32
BAD_PERCENT = 1
CALLERS = 4
ROUNDS = 7
WINDOW_S = 2.0
WARM_UP_S = 1.5
SHARED = "verifier-shared-memory"
# Weaver 0.25, `weaver registry live-check`, processor time of a span; from the issue that asks for the comparison.
LIVE_CHECK_NS_PER_SPAN = 1.02e6
CONVENTIONS = {"rules": {"select": ["attributes", "conventions"]}}


class Subject(NamedTuple):
    """One pipeline with load of its own, in batches of that many spans."""

    collector: Collector
    verifier: Process | None
    load: Replay
    spans: int = SPANS


class Cost(NamedTuple):
    """What one window came to: processor time in ns per span, spans per second of wall time, and spans."""

    collector: float
    verifier: float
    rate: float
    spans: int

    @property
    def whole(self) -> float:
        """Collector and verifier together."""
        return self.collector + self.verifier


def figures() -> dict[str, float]:
    """Medians over rounds; differences and ratios are those of the medians.

    Raises:
        Missing: there is no collector.

    """
    require_collector()
    replay = go_command("replay")
    folder = Path(tempfile.mkdtemp(prefix="otlpv-"))  # short: it holds Unix sockets
    try:
        with ExitStack() as stack:
            files = write_batches(folder, batches(BATCHES, bad_percent=BAD_PERCENT, write=sdk_bytes))
            subjects = _start(stack, folder, replay, files)
            rounds, load = _measure(subjects)
    finally:
        shutil.rmtree(folder)
    return _summary(rounds) | {"memory.load_mb": load.rss_mb, "memory.load_pss_mb": load.pss_mb}


def _start(stack: ExitStack, folder: Path, replay: Path, files: Sequence[Path]) -> dict[str, Subject]:
    silent = stack.enter_context(Silent(folder))
    everything = stack.enter_context(Verifier({"rules": {"select": ["all"]}}, folder / "all"))
    default = stack.enter_context(Verifier({}, folder / "default"))
    conventions = stack.enter_context(Verifier(CONVENTIONS, folder / "conventions"))
    made: Mapping[str, tuple[str, Process | None, str]] = {
        "passthrough": ("pass-through", None, ""),
        "filter40": ("filter40", None, ""),
        "silent": ("verifier", silent, silent.endpoint),
        "default": ("verifier", default, default.endpoint),
        "all": ("verifier", everything, everything.endpoint),
        "conventions": ("verifier", conventions, conventions.endpoint),
        "silent_shared": (SHARED, silent, silent.endpoint),
        "default_shared": (SHARED, default, default.endpoint),
        "all_shared": (SHARED, everything, everything.endpoint),
    }
    subjects = {}
    for name, (pipeline, verifier, endpoint) in made.items():
        (folder / name).mkdir(exist_ok=True)
        collector = stack.enter_context(Collector(pipeline, folder / name, endpoint))
        load = stack.enter_context(Replay(replay, collector.endpoint, files))
        subjects[name] = Subject(collector, verifier, load)
    return subjects


def _measure(subjects: Mapping[str, Subject]) -> tuple[dict[str, list[Cost]], Memory]:
    sent = {name: window(subject, CALLERS, EFFORT.seconds(WARM_UP_S)).spans for name, subject in subjects.items()}
    rounds: dict[str, list[Cost]] = {name: [] for name in subjects}
    load = Memory(0.0, 0.0)
    number = EFFORT.rounds(ROUNDS)
    for turn in range(number):
        EFFORT.say(f"round {turn + 1} of {number}")
        for name, subject in subjects.items():
            cost = window(subject, CALLERS, EFFORT.seconds(WINDOW_S))
            rounds[name].append(cost)
            sent[name] += cost.spans
        verifier = subjects["all"].verifier
        assert verifier is not None
        load = max(load, memory(verifier.pid))
    for name, subject in subjects.items():
        subject.collector.require_all(sent[name])
        if subject.verifier is not None:
            subject.collector.require_transport("shared_memory" if name.endswith("_shared") else "message")
    return rounds, load


def window(subject: Subject, callers: int, seconds: float) -> Cost:
    """Load for a while from so many callers, and what it cost."""
    processes = [subject.collector, *([subject.verifier] if subject.verifier else [])]
    before = [cpu_s(process.pid) for process in processes]
    sent = subject.load.window(callers, seconds)
    spans = sent["batches"] * subject.spans
    used = [1e9 * (cpu_s(process.pid) - start) / spans for process, start in zip(processes, before, strict=True)]
    return Cost(used[0], used[1] if subject.verifier else 0.0, spans / sent["seconds"], spans)


def _summary(rounds: Mapping[str, Sequence[Cost]]) -> dict[str, float]:
    whole = {name: statistics.median(cost.whole for cost in costs) for name, costs in rounds.items()}
    collector = {name: statistics.median(cost.collector for cost in costs) for name, costs in rounds.items()}
    verifier = {name: statistics.median(cost.verifier for cost in costs) for name, costs in rounds.items()}
    rate = {name: statistics.median(cost.rate for cost in costs) for name, costs in rounds.items()}
    added = {name: cost - whole["passthrough"] for name, cost in whole.items()}
    result = {
        "passthrough_ns_per_span": whole["passthrough"],
        "filter40_added_ns_per_span": added["filter40"],
        "silent_added_ns_per_span": added["silent"],
        "default_added_ns_per_span": added["default"],
        "added_ns_per_span": added["all"],
        "added_in_collector_ns_per_span": collector["all"] - collector["passthrough"],
        "added_in_verifier_ns_per_span": verifier["all"],
        "silent_in_verifier_ns_per_span": verifier["silent"],
        "added_vs_filter40": added["all"] / added["filter40"],
        "default_added_vs_filter40": added["default"] / added["filter40"],
        "throughput_vs_passthrough": rate["all"] / rate["passthrough"],
        "default_throughput_vs_passthrough": rate["default"] / rate["passthrough"],
        "silent_throughput_vs_passthrough": rate["silent"] / rate["passthrough"],
        "default_in_collector_ns_per_span": collector["default"] - collector["passthrough"],
        "default_in_verifier_ns_per_span": verifier["default"],
        "conventions_in_verifier_ns_per_span": verifier["conventions"],
        "shared_memory_added_ns_per_span": added["default_shared"],
        "added_vs_filter40_shared_memory": added["default_shared"] / added["filter40"],
        "all_added_vs_filter40_shared_memory": added["all_shared"] / added["filter40"],
        "silent_shared_memory_added_ns_per_span": added["silent_shared"],
        "shared_memory_throughput_vs_passthrough": rate["default_shared"] / rate["passthrough"],
        "default_shared_in_collector_ns_per_span": collector["default_shared"] - collector["passthrough"],
        "default_shared_in_verifier_ns_per_span": verifier["default_shared"],
        "silent_shared_in_verifier_ns_per_span": verifier["silent_shared"],
        "live_check_ns_per_span": LIVE_CHECK_NS_PER_SPAN,
        "live_check_cpu_ratio": LIVE_CHECK_NS_PER_SPAN / verifier["conventions"],
        "live_check_cpu_ratio_default_rules": LIVE_CHECK_NS_PER_SPAN / verifier["default"],
        "filter40_throughput_vs_passthrough": rate["filter40"] / rate["passthrough"],
        "passthrough_spans_per_second": rate["passthrough"],
        "spans_per_second": rate["all"],
        "default_spans_per_second": rate["default"],
    }
    return {f"pipeline.{name}": value for name, value in result.items()}
