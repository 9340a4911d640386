"""Every figure that is worth a line: what it means, what it is held against, and what it should reach."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple


class Target(NamedTuple):
    """What is to be reached, and what the project wishes for beyond that; None: nothing is asked for."""

    better: Literal["lower", "higher"]
    now: float | None
    later: float | None = None

    def reached(self, value: float, goal: float) -> bool:
        """Whether `value` is as good as `goal`."""
        return value <= goal if self.better == "lower" else value >= goal


class Figure(NamedTuple):
    """One line of the table.

    Attributes:
        meaning: in plain words.
        peer: the figure that it is compared with: a peer, or the floor that it stands on; empty: none.
        target: None where nothing was asked for.
        optional: it needs a peer that not every machine can have.
        made_by: the benchmark, where it is not the first part of the name.

    """

    meaning: str
    peer: str = ""
    target: Target | None = None
    optional: bool = False
    made_by: str = ""


FIGURES: Final[Mapping[str, Figure]] = {
    # bytes to columns
    "scan.ns_per_span": Figure(
        "scan of a 366-byte span with 8 attributes", "scan.upb_parse_ns_per_span", Target("lower", 150)
    ),
    "scan.speedup_vs_upb_parse": Figure("the scan against protobuf's parse", "", Target("higher", 5)),
    "scan.gigabytes_per_second": Figure("the scan by bytes", "scan.upb_parse_gigabytes_per_second"),
    "splice.annotated_1_percent_ns_per_span": Figure("verdicts written into bytes", "splice.memcpy_ns_per_span"),
    "splice.speedup_vs_upb": Figure("the splice against protobuf's decode and encode"),
    # one rule by itself, whole traces of 1,000 spans or one of 100,000, one core; tree and assumptions serve all rules
    "language.atom_1000_ns_per_span": Figure("a condition on a span's fields"),
    "language.once_1000_ns_per_span": Figure("a word of time", "language.atom_1000_ns_per_span", Target("lower", 10)),
    "language.once_100000_ns_per_span": Figure("", "language.once_10_ns_per_span", Target("lower", 10)),
    "language.since_1000_ns_per_span": Figure(
        "one that follows what held between", "language.atom_1000_ns_per_span", Target("lower", 10)
    ),
    "language.descendant_1000_ns_per_span": Figure(
        "a relation of the tree", "language.atom_1000_ns_per_span", Target("lower", 20)
    ),
    "language.descendant_100000_ns_per_span": Figure("", "language.descendant_10_ns_per_span", Target("lower", 20)),
    "language.child_join_1000_ns_per_span": Figure(
        "a join by equality", "language.atom_1000_ns_per_span", Target("lower", 20)
    ),
    "language.once_join_1000_ns_per_span": Figure(
        "a join within a window of time", "language.atom_1000_ns_per_span", Target("lower", 20)
    ),
    "language.tree_1000_ns_per_span": Figure("parents, depth and preorder, for all rules together"),
    "language.order_1000_ns_per_span": Figure(
        "the same and the order in time", "language.tree_1000_ns_per_span", optional=True
    ),
    "language.assumptions_1000_ns_per_span": Figure("that traces are complete and unsampled, likewise"),
    "language.speedup_vs_rtamt": Figure(
        "six contracts in time, bytes to findings, against rtamt", "", Target("higher", 20, 50), optional=True
    ),
    "language.compile_500_rules_ms": Figure("500 different rules compiled"),
    "language.reload_500_rules_ms": Figure(
        "the same again, one of them changed", "language.compile_500_rules_ms", Target("lower", 50)
    ),
    # bytes to a verdict, one core
    "engine.ns_per_span": Figure("bytes to verdict, all rules, batches of 512", "engine.scan_ns_per_span"),
    # 1.5 million are asked for with everything on, and 2 million were when there were thirty rules
    "engine.spans_per_second_core": Figure("the same as a rate", "", Target("higher", 2e6)),
    "engine.default_spans_per_second_core": Figure("with the default rules", "", Target("higher", 3e6)),
    "engine.speedup_vs_upb_parse": Figure("bytes to verdict against protobuf's parse alone"),
    "engine.speedup_two_workers": Figure(
        "two threads against one, default rules", "engine.scan_speedup_two_workers", Target("higher", 1.8)
    ),
    "engine.sdk_bytes_ns_per_span": Figure(
        "bytes as an SDK writes them (else a collector's)", "engine.sdk_bytes_scan_ns_per_span"
    ),
    "engine.batch_1_ns_per_span": Figure("batches of one span", "engine.ns_per_span"),
    "engine.batch_8_ns_per_span": Figure("batches of 8 spans", "engine.ns_per_span"),
    "engine.batch_64_ns_per_span": Figure("batches of 64 spans", "engine.ns_per_span"),
    "engine.batch_8192_ns_per_span": Figure("batches of 8,192 spans", "engine.ns_per_span"),
    "engine.bad_0_percent_ns_per_span": Figure("no span is bad (else 1 %)", "engine.ns_per_span"),
    "engine.bad_50_percent_ns_per_span": Figure("every other span is bad", "engine.ns_per_span"),
    # files to a report, default rules, one core
    "check.protobuf_spans_per_second_core": Figure(
        "length-delimited protobuf, no findings",
        "check.protobuf_in_python_spans_per_second_core",
        Target("higher", 1.5e6),
    ),
    "check.protobuf_spans_per_second": Figure("the same process on all cores", "check.protobuf_spans_per_second_core"),
    "check.json_spans_per_second_core": Figure(
        "JSON lines, beside jq counting the spans", "check.jq_spans_per_second_core", Target("higher", 200_000)
    ),
    "check.gzip_spans_per_second_core": Figure("the same, gzip", "check.json_spans_per_second_core"),
    "check.bad_1_percent_protobuf_spans_per_second_core": Figure(
        "one span in a hundred is bad", "check.protobuf_spans_per_second_core"
    ),
    "check.cold_1000_spans_s": Figure("a process that checks 1,000 spans", "check.floor_s", Target("lower", 0.7)),
    "check.memory_10x_mb": Figure("resident memory, ten times the file", "check.memory_1x_mb"),
    "check.memory_growth": Figure("the same as a ratio", "", Target("lower", 1.2, 1.1)),
    # the processor's call
    "roundtrip.p50_ms": Figure("the call in Go, 512 spans, one at a time", "roundtrip.silent_p50_ms"),
    "roundtrip.p99_ms": Figure("", "roundtrip.silent_p99_ms"),
    "roundtrip.p999_ms": Figure("", "roundtrip.silent_p999_ms"),
    "roundtrip.loaded_p50_ms": Figure("the same, 4 callers without a pause", "roundtrip.silent_loaded_p50_ms"),
    "roundtrip.loaded_p99_ms": Figure("", "roundtrip.silent_loaded_p99_ms"),
    "roundtrip.loaded_p999_ms": Figure("", "roundtrip.silent_loaded_p999_ms"),
    # the processor's call by the clock: 64 spans, default rules, half of what 16 callers get through
    "latency.half_load_p50_ms": Figure(
        "from the collector's call to the answer", "latency.silent_half_load_p50_ms", Target("lower", 0.5)
    ),
    "latency.half_load_p99_ms": Figure("", "latency.silent_half_load_p99_ms", Target("lower", 2)),
    "latency.half_load_p999_ms": Figure("", "latency.silent_half_load_p999_ms", Target("lower", 5)),
    "latency.half_load_max_ms": Figure("the longest of all", "latency.silent_half_load_max_ms"),
    "latency.generator_late_p99_ms": Figure(
        "of that, before the load generator had a core", "latency.silent_generator_late_p99_ms"
    ),
    "latency.full_load_spans_per_second": Figure("full load"),
    # the built collector, batches of 512 spans, 4 callers
    "pipeline.passthrough_ns_per_span": Figure("CPU of otlp -> nop"),
    "pipeline.filter40_added_ns_per_span": Figure("what 40 OTTL conditions add", "pipeline.passthrough_ns_per_span"),
    "pipeline.default_added_ns_per_span": Figure(
        "what the verifier adds, default rules, both processes", "pipeline.filter40_added_ns_per_span"
    ),
    "pipeline.added_ns_per_span": Figure("the same, all rules", "pipeline.filter40_added_ns_per_span"),
    "pipeline.shared_memory_added_ns_per_span": Figure(
        "default rules, batches in shared memory", "pipeline.default_added_ns_per_span"
    ),
    "pipeline.silent_shared_memory_added_ns_per_span": Figure(
        "what asking in shared memory adds when nothing is judged", "pipeline.silent_added_ns_per_span"
    ),
    "pipeline.added_in_collector_ns_per_span": Figure("of that, in the collector", "pipeline.added_ns_per_span"),
    "pipeline.added_in_verifier_ns_per_span": Figure("of that, in the verifier", "pipeline.added_ns_per_span"),
    "pipeline.silent_added_ns_per_span": Figure(
        "what asking adds when nothing is judged", "pipeline.added_ns_per_span"
    ),
    "pipeline.default_added_vs_filter40": Figure(
        "verifier by gRPC against 40 conditions, default rules", "", Target("lower", 0.45)
    ),
    "pipeline.added_vs_filter40_shared_memory": Figure("the same in shared memory", "", Target("lower", 0.25)),
    "pipeline.added_vs_filter40": Figure("by gRPC with all rules", "", Target("lower", 1.0)),
    "pipeline.default_throughput_vs_passthrough": Figure(
        "spans per second by gRPC against otlp -> nop, default rules", "", Target("higher", 0.65)
    ),
    "pipeline.shared_memory_throughput_vs_passthrough": Figure("the same in shared memory"),
    "pipeline.throughput_vs_passthrough": Figure("by gRPC with all rules", "", Target("higher", 0.65)),
    "pipeline.live_check_cpu_ratio": Figure(
        "weaver live-check 0.25, which was measured elsewhere at 1.02 ms a span, against the verifier's process with "
        "all rules about attributes and conventions",
        "",
        Target("higher", 1000),
    ),
    "pipeline.live_check_cpu_ratio_default_rules": Figure("the same against the default rules, of all families"),
    # the process, all rules; resident as `top` shows it
    "startup.listening_s": Figure("start to listening", "startup.floor_s", Target("lower", 1)),
    "startup.warm_s": Figure("start to healthy", "startup.floor_s", Target("lower", 1)),
    "startup.cold_s": Figure("the first start, which compiles bytecode", "", Target("lower", 4)),
    "memory.idle_mb": Figure(
        "resident memory (RSS) at rest", "memory.idle_pss_mb", Target("lower", 110, 100), made_by="startup"
    ),
    "memory.load_mb": Figure(
        "resident memory (RSS) under full load", "memory.load_pss_mb", Target("lower", 200, 130), made_by="pipeline"
    ),
    # the process under load whose values never stop changing, default rules
    "memory.growth_mb_per_hour": Figure(
        "growth of resident memory, beside its standard error",
        "memory.growth_error_mb_per_hour",
        Target("lower", 10),
        made_by="growth",
    ),
    "memory.growth_minutes": Figure("for how long it was watched", made_by="growth"),
    "memory.after_load_mb": Figure(
        "where it ended, beside where it was after the warm-up", "memory.after_warm_up_mb", made_by="growth"
    ),
    "memory.collector_growth_mb_per_hour": Figure(
        "the same in the collector", "memory.collector_growth_error_mb_per_hour", made_by="growth"
    ),
    # the dearest rules have a page of their own
    "rule_costs.default_ns_per_span": Figure(
        "all default rules beyond a verifier without rules, whole traces", "rule_costs.nothing_ns_per_span"
    ),
    "rule_costs.all_ns_per_span": Figure("all rules", "rule_costs.nothing_ns_per_span"),
}


def unit(name: str) -> str:
    """The unit that the end of a figure's name says."""
    for suffix, text in _UNITS.items():
        if name.endswith(suffix):
            return text
    return "x"


_UNITS: Final = {
    "ns_per_span": "ns/span",
    "gigabytes_per_second": "GB/s",
    "_ms": "ms",
    "_mb_per_hour": "MiB/h",
    "_minutes": "min",
    "_mb": "MiB",
    "_s": "s",
    "spans_per_second_core": "spans/s",
    "spans_per_second": "spans/s",
}
