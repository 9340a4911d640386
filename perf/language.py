"""What each class of operator costs on traces of 10 to 100,000 spans: one rule at a time, whole traces, one core.

A figure is what the machine and the jobs of a rule take, without scan, look-ups and
relations. What all rules share stands beside: the tree, `language.tree_*`, tree and order
in time, `language.order_*`, and the two default assumptions, `language.assumptions_*`;
operators are measured without.
Conditions on other spans hold for three in five, in no order, as branches that are
foreseen cost nothing. Compilation and reload are measured on 500 different rules.
"""

import itertools
import random
import re
import statistics
import time
from collections import defaultdict
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.language.compiler import Source, compile_rules, forget
from otlp_verifier.machine.program import Need
from otlp_verifier.policy import Completeness
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from perf import peers
from perf.effort import EFFORT
from perf.stages import MACHINE, Stages

SIZES: Final = (10, 100, 1_000, 100_000)  # spans in a trace
SPANS: Final = 10_000  # in a batch, but for the largest trace
ROUNDS: Final = 20
KEY = 'attributes["k"]'
_EACH: Final = "assume nothing for each span s require s.kind > 0 or"  # true of all, so that no finding is written down
RULES: Final = {
    "atom": 'for each span s require s.kind != 9 or s.name == "x"',
    "attribute": f"for each span s require s.{KEY} != 17",
    "string": 'for each span s require IsMatch(s.name, "^a.*z$") or s.kind > 0',
    "parent": "for each span s with parent p require s.start >= p.start",
    # What a rule assumes unless it says otherwise; all rules share it.
    "assumptions": "assume complete assume unsampled for each span s require s.kind > 0",
    "child": f"{_EACH} count(child where kind < 4) > 3",
    "child_join": f"{_EACH} exists child c where c.{KEY} == s.{KEY} and c.kind < 4",
    "sibling": f"{_EACH} exists sibling where kind < 4",
    "ancestor": f"{_EACH} exists ancestor where kind < 4",
    "ancestor_join": f"{_EACH} exists ancestor a where a.kind < 4 and a.{KEY} == s.{KEY}",
    "descendant": f"{_EACH} exists descendant where kind < 4",
    "descendant_join": f"{_EACH} exists descendant d where d.kind < 4 and d.{KEY} == s.{KEY}",
    "descendant_order": f"{_EACH} exists descendant d where d.kind < 4 and d.start < s.start",
    "distinct": f"assume nothing for each trace t require distinct(span where kind < 4 : {KEY}) <= 5000",
    "sum": f"{_EACH} sum(child where kind < 4 : duration) >= 5s",
    "max": f"{_EACH} max(descendant where kind < 4 : duration) >= 1h",
    "once": f"{_EACH} once [0s, 1ms] span where kind < 4",
    "once_join": f"{_EACH} once [0s, 1ms] span r where r.{KEY} == s.{KEY} and r.kind < 4",
    "historically": f"{_EACH} historically [0s, 1ms] span where kind < 4",
    "eventually": f"{_EACH} eventually [0s, 1ms] span where kind < 4",
    "always": f"{_EACH} always [0s, 1ms] span where kind < 4",
    "since": f"{_EACH} (span where kind < 4) since [0s, 1ms] span where kind > 3",
    "until": f"{_EACH} (span where kind < 4) until [0s, 1ms] span where kind > 3",
    "arrow": "assume nothing require not { kind == 9 } >> { kind < 4 }",
}
RELOADED: Final = 500


def figures() -> dict[str, float]:
    """Medians; see `perf.catalogue` for what each figure means."""
    result: dict[str, float] = {}
    engines = {name: Engine(compile_rules([Source("r", rule)])) for name, rule in RULES.items()}
    stages = Stages(time.thread_time_ns)
    for engine in engines.values():
        stages.watch(engine)
    with stages.linked():
        for size in SIZES:
            batch, spans = _batch(size), max(size, SPANS)
            taken: dict[str, list[int]] = defaultdict(list)
            for turn in range(1 + EFFORT.rounds(ROUNDS)):
                for name, engine in engines.items():
                    stages.spent.clear()
                    engine.run(batch, Completeness.TRACE, Limits())
                    spent = stages.spent
                    if turn:
                        taken[name].append(spent[MACHINE] + spent["jobs"])
                        needs = engine.plan.trace.needs
                        taken["order" if Need.ORDER in needs else "tree"] += (
                            [spent["tree"]] if Need.TREE in needs else []
                        )
            result |= {
                f"language.{name}_{size}_ns_per_span": statistics.median(ns) / spans for name, ns in taken.items()
            }
    return result | _compilation() | peers.figures()


def _batch(size: int) -> bytes:
    """Whole traces of one size: a random tree, each span within its parent, an attribute with ten values."""
    r = random.Random(size)
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for _ in range(max(SPANS // size, 1)):
        trace_id = r.randbytes(16)
        made: list[Span] = []
        for position in range(size):
            parent = made[r.randrange(max(0, position - 10), position)] if position else None
            start = parent.start_time_unix_nano + r.randrange(100_000) if parent else 10**18
            span = spans.add(trace_id=trace_id, span_id=r.randbytes(8), name=f"work {r.randrange(50)}",
                             kind=1 + r.randrange(5), start_time_unix_nano=start,
                             end_time_unix_nano=start + r.randrange(1, 10**6))  # fmt: skip
            if parent is not None:
                span.parent_span_id = parent.span_id
            attribute = span.attributes.add(key="k")
            attribute.value.int_value = r.randrange(10)
            made.append(span)
    return message.SerializeToString()


def _compilation() -> dict[str, float]:
    rules = [_changed(rule, i // len(RULES)) for i, rule in zip(range(RELOADED), itertools.cycle(RULES.values()))]
    taken: dict[str, list[int]] = defaultdict(list)
    for turn in range(EFFORT.rounds(5)):
        forget()
        for name, text in (("compile", rules[0]), ("reload", f"{rules[0]} or {1_000 + turn} == s.kind")):
            start = time.perf_counter_ns()
            compile_rules([Source(f"r{i}", rule) for i, rule in enumerate([text, *rules[1:]])])
            taken[name].append(time.perf_counter_ns() - start)
        start = time.perf_counter_ns()
        compile_rules([Source("r0", f"{rules[0]} or {2_000 + turn} == s.kind")])
        taken["one"].append(time.perf_counter_ns() - start)
    least = {name: min(ns) / 1e6 for name, ns in taken.items()}
    return {
        "language.compile_500_rules_ms": least["compile"],
        "language.reload_500_rules_ms": least["reload"],
        "language.compile_one_rule_ms": least["one"],
    }


def _changed(rule: str, by: int) -> str:
    """A rule with other constants: kinds, keys, strings and windows."""
    rule = re.sub(r"(?<=kind )(==|!=|<|>) (\d+)", lambda found: f"{found[1]} {int(found[2]) + 10 * by}", rule)
    rule = rule.replace('"k"', f'"k{by % 7}"').replace("^a", f"^a{by}").replace('"x"', f'"x{by}"')
    rule = rule.replace("1ms]", f"{1 + by}ms]").replace("!= 17", f"!= {17 + by}")
    return rule.replace(">= p.start", f">= p.start - {by}ms")
