"""What a target that is missed stands on: a floor measured in the same run, and what lies between."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from perf.catalogue import FIGURES, unit
from perf.table import number

HEADINGS: Final = ("missed", "value", "to reach", "floor", "what the floor is, and what lies above it")

Figures = Mapping[str, float]


class Floor(NamedTuple):
    """The best that a figure can be without doing less.

    Attributes:
        of: makes it of a run's figures.
        words: what it is, and what lies between.

    """

    of: Callable[[Figures], float]
    words: str


def _figure(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name]


def _rate(name: str) -> Callable[[Figures], float]:
    return lambda figures: 1e9 / figures[name]


def _against_filter(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name] / figures["pipeline.filter40_added_ns_per_span"]


_SCAN: Final = "the scan alone; the other stages of the engine, below, lie above it"
_ASKING: Final = (
    "asking a server that judges nothing: marshalling in the collector and applying answers there, receiving here; the "
    "engine's stages are the rest"
)
_START: Final = "an interpreter that imports numpy and gRPC; our modules and compiling the rules are the rest"
_RATE: Final = "the same with a server that judges nothing: the two processes and the load share the cores"
_CALL: Final = (
    "the same load against a server that judges nothing; `latency.generator_late_p99_ms` says how long the load "
    "generator itself waited for a core"
)
_ATOM: Final = (
    "a condition on the span's own fields; the rest is one sweep over the points of its trace, in their order"
)
_WALK: Final = (
    "the walk that only counts what is there; writing columns and hashing keys are the rest, branches that are "
    "mispredicted above all ([0019](decisions/0019-lists-of-keys-are-known-again.md))"
)
FLOORS: Final[Mapping[str, Floor]] = {
    "scan.ns_per_span": Floor(_figure("scan.count_ns_per_span"), _WALK),
    "scan.speedup_vs_upb_parse": Floor(
        lambda figures: figures["scan.upb_parse_ns_per_span"] / figures["scan.count_ns_per_span"], _WALK
    ),
    "language.once_join_1000_ns_per_span": Floor(
        _figure("language.once_1000_ns_per_span"),
        "the same window without a join; the rest puts points of one value together",
    ),
    "language.once_1000_ns_per_span": Floor(_figure("language.atom_1000_ns_per_span"), _ATOM),
    "language.once_100000_ns_per_span": Floor(_figure("language.atom_100000_ns_per_span"), _ATOM),
    "language.since_1000_ns_per_span": Floor(
        _figure("language.once_1000_ns_per_span"), "the same window without what has to hold between"
    ),
    "language.reload_500_rules_ms": Floor(
        _figure("language.compile_one_rule_ms"),
        "the changed rule by itself; the rest joins all rules to one program, whose parts they share",
    ),
    "check.memory_growth": Floor(
        lambda _: 1.0, "no growth at all; what is held is bounded by `memory_bytes_max`, and a small file is less"
    ),
    "engine.spans_per_second_core": Floor(_rate("engine.scan_ns_per_span"), _SCAN),
    "engine.default_spans_per_second_core": Floor(_rate("engine.scan_ns_per_span"), _SCAN),
    "engine.speedup_two_workers": Floor(
        _figure("engine.scan_speedup_two_workers"),
        "two scans, which share nothing but the machine: what they lose to each other is the machine's, and what the "
        "engine loses beyond that the interpreter's lock between chains",
    ),
    "check.protobuf_spans_per_second_core": Floor(
        _rate("engine.default_ns_per_span"), "the engine alone; reading, cutting into batches and counting are the rest"
    ),
    "check.json_spans_per_second_core": Floor(
        _rate("engine.default_ns_per_span"), "the engine alone; reading JSON and writing it as protobuf are the rest"
    ),
    "check.cold_1000_spans_s": Floor(
        _figure("check.floor_s"),
        "an interpreter that imports numpy and the kernels; our other modules and compiling the rules are the rest",
    ),
    "startup.listening_s": Floor(_figure("startup.floor_s"), _START),
    "startup.warm_s": Floor(_figure("startup.floor_s"), _START),
    "pipeline.default_added_vs_filter40": Floor(_against_filter("pipeline.silent_added_ns_per_span"), _ASKING),
    "pipeline.added_vs_filter40": Floor(_against_filter("pipeline.silent_added_ns_per_span"), _ASKING),
    "pipeline.added_vs_filter40_shared_memory": Floor(
        _against_filter("pipeline.silent_shared_memory_added_ns_per_span"), _ASKING
    ),
    "pipeline.default_throughput_vs_passthrough": Floor(_figure("pipeline.silent_throughput_vs_passthrough"), _RATE),
    "pipeline.throughput_vs_passthrough": Floor(_figure("pipeline.silent_throughput_vs_passthrough"), _RATE),
    "pipeline.live_check_cpu_ratio": Floor(
        lambda figures: figures["pipeline.live_check_ns_per_span"] / figures["pipeline.silent_in_verifier_ns_per_span"],
        "receiving alone, on this machine; live-check's figure is a constant of another one, so that a slow machine "
        "makes the ratio small",
    ),
    "latency.half_load_p50_ms": Floor(_figure("latency.silent_half_load_p50_ms"), _CALL),
    "latency.half_load_p99_ms": Floor(_figure("latency.silent_half_load_p99_ms"), _CALL),
    "latency.half_load_p999_ms": Floor(_figure("latency.silent_half_load_p999_ms"), _CALL),
}


def missed(figures: Figures) -> list[tuple[str, ...]]:
    """A line for each target that a run has missed, as HEADINGS; without a floor where none is measured."""
    lines: list[tuple[str, ...]] = []
    for name, figure in FIGURES.items():
        target = figure.target
        if name not in figures or target is None or target.now is None or target.reached(figures[name], target.now):
            continue
        floor = FLOORS.get(name)
        lines.append(
            (
                f"`{name}`",
                f"{number(figures[name])} {unit(name)}",
                number(target.now),
                number(floor.of(figures)) if floor is not None else "",
                floor.words if floor is not None else "",
            )
        )
    return lines
