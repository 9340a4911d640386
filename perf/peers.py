"""The same contracts on implementations of temporal logic from PyPI: one trace, a point at each tick of a clock.

Ours is timed from bytes to findings, scan and tree included; theirs is the evaluation
alone, of formulas that have been read and signals that lie in memory. rtamt must find
the same points; metric-temporal-logic goes by signals between points, which differ at
the end of a trace.

rtamt (BSD; Signal Temporal Logic, discrete time) is installed with the development
tools, but not beyond Python 3.12, as the parser that it brings does not run there.
metric-temporal-logic (MIT; eventually and always alone of these) asks for attrs < 23,
which is older than what others here need, so it is timed only where somebody has
installed it: `pip install metric-temporal-logic`. It takes milliseconds a point, as
each point of a bounded window compares whole signals.
"""

import importlib
import importlib.metadata
import random
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.policy import Completeness
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from perf.effort import EFFORT

TICKS: Final = 1_000
MTL_TICKS: Final = 100  # it needs more than linear time
ROUNDS: Final = 10
_P, _Q = 'span where attributes["p"] == true', 'span where attributes["q"] == true'
# Ours, rtamt's, metric-temporal-logic's where it has the operator.
CONTRACTS: Final = {
    "once": (f"once [0ns, 20ns] {_P}", "once[0:20] (p > 0)", ""),
    "historically": (f"historically [0ns, 20ns] {_P}", "historically[0:20] (p > 0)", ""),
    "eventually": (f"eventually [0ns, 20ns] {_P}", "eventually[0:20] (p > 0)", "F[0,20] p"),
    "always": (f"always [0ns, 20ns] {_P}", "always[0:20] (p > 0)", "G[0,20] p"),
    "since": (f"({_P}) since [0ns, 20ns] {_Q}", "(p > 0) since[0:20] (q > 0)", ""),
    "until": (f"({_P}) until [0ns, 20ns] {_Q}", "(p > 0) until[0:20] (q > 0)", ""),
}
Signals = Mapping[str, list[bool]]


def figures() -> dict[str, float]:
    """Medians over all contracts together; see `perf.catalogue`."""
    r = random.Random(7)
    signals = {name: [r.random() < 0.9 for _ in range(TICKS)] for name in "pq"}
    found: dict[str, float] = {}
    if sys.version_info < (3, 13):
        known = {name: rtamt(formula, signals) for name, (_, formula, _) in CONTRACTS.items()}
        ours, theirs = _beside(known, signals, is_pointwise=True)
        found["language.peer_ns_per_span"] = ours
        found["language.rtamt_ns_per_span"] = theirs
        found["language.speedup_vs_rtamt"] = theirs / ours
    if _has("metric-temporal-logic"):
        short = {name: values[:MTL_TICKS] for name, values in signals.items()}
        known = {name: _mtl(formula, short) for name, (_, _, formula) in CONTRACTS.items() if formula}
        ours, theirs = _beside(known, short, is_pointwise=False)
        found["language.mtl_ns_per_span"] = theirs
        found["language.speedup_vs_mtl"] = theirs / ours
    return found


def _has(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _beside(
    peers: Mapping[str, Callable[[], list[bool]]], signals: Signals, *, is_pointwise: bool
) -> tuple[float, float]:
    """Ours and theirs in ns per span and contract, taking turns; the quickest of all rounds.

    Raises:
        RuntimeError: one finds what the other does not, where both go by points.

    """
    ticks = len(signals["p"])
    batch = _batch(signals)
    engines = {name: Engine(compile_rules([Source(name, _rule(CONTRACTS[name][0]))])) for name in peers}
    taken: dict[str, list[list[int]]] = {name: [[], []] for name in peers}
    for _ in range(EFFORT.rounds(ROUNDS)):
        for name, peer in peers.items():
            began = time.thread_time_ns()
            rows = engines[name].run(batch, Completeness.TRACE, Limits()).rows
            between = time.thread_time_ns()
            holds = peer()
            ended = time.thread_time_ns()
            taken[name][0].append(between - began)
            taken[name][1].append(ended - between)
            if is_pointwise and set(rows.tolist()) != {tick for tick in range(ticks) if not holds[tick]}:
                raise RuntimeError(f"{name}: the peer finds other points")
    ours, theirs = (sum(min(taken[name][side]) for name in peers) / (len(peers) * ticks) for side in (0, 1))
    return ours, theirs


def _rule(condition: str) -> str:
    return f"assume nothing for each span s require {condition}"


def _batch(signals: Signals) -> bytes:
    """One trace: its span in row i starts at tick i, and has the signals of that tick as attributes."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for tick in range(len(signals["p"])):
        span = spans.add(trace_id=b"\1" * 16, span_id=(tick + 1).to_bytes(8, "big"), start_time_unix_nano=100 + tick)
        for name, values in signals.items():
            span.attributes.add(key=name).value.bool_value = values[tick]
    return message.SerializeToString()


def rtamt(formula: str, signals: Signals) -> Callable[[], list[bool]]:
    """Where a formula in rtamt's notation holds, by rtamt: one value for each tick, when it is called."""
    with warnings.catch_warnings(action="ignore"):
        specification: Any = importlib.import_module("rtamt").StlDiscreteTimeSpecification()
        for name in signals:
            specification.declare_var(name, "float")
        specification.declare_var("out", "float")
        specification.spec = f"out = {formula}"
        specification.parse()
    data = {name: [1.0 if value else -1.0 for value in values] for name, values in signals.items()}
    data["time"] = list(range(len(signals["p"])))
    return lambda: [robustness > 0 for _, robustness in specification.evaluate(data)]


def _mtl(formula: str, signals: Signals) -> Callable[[], list[bool]]:
    mtl: Any = importlib.import_module("mtl")
    parsed = mtl.parse(formula)
    data = {name: list(enumerate(values)) for name, values in signals.items()}
    ticks = len(signals["p"])

    def evaluate() -> list[bool]:
        found = dict(parsed(data, time=None, dt=1))
        return [bool(found[tick]) for tick in range(ticks)]

    return evaluate
