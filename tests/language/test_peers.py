"""Metric temporal logic against an implementation of others, on what both know: one point at each tick of a clock.

rtamt (PyPI; Signal Temporal Logic, discrete time) gives robustness: above zero where a formula holds.
"""

import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from perf.peers import rtamt

from tests.language.judging import Judge
from tests.strategies import request_of

if sys.version_info >= (3, 13):
    pytest.skip(
        "the parser that rtamt 0.4 brings imports typing.io, which Python 3.13 has no more", allow_module_level=True
    )
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.many]  # warnings are those of its parser

SIGNALS = ("p", "q")
UNARY = ("once", "historically", "eventually", "always")
PAIRS = ("since", "until")


class Formula:
    """A random formula in both notations: `ours` is a condition on the span in hand, `theirs` one on time."""

    def __init__(self, rng: Random, depth: int) -> None:
        choice = rng.random() if depth > 0 else 1.0

        def inner() -> "Formula":
            return Formula(rng, depth - 1)

        low = rng.randrange(3)
        high = low + rng.randrange(4)
        if choice < 0.4:
            word, one = rng.choice(UNARY), inner()
            self.ours = f"({word} [{low}ns, {high}ns] (span where {one.ours}))"
            self.theirs = f"({word}[{low}:{high}] {one.theirs})"
        elif choice < 0.7:
            word, one, other = rng.choice(PAIRS), inner(), inner()
            self.ours = f"((span where {one.ours}) {word} [{low}ns, {high}ns] (span where {other.ours}))"
            self.theirs = f"({one.theirs} {word}[{low}:{high}] {other.theirs})"
        elif choice < 0.9:
            word, one, other = rng.choice(("and", "or")), inner(), inner()
            self.ours, self.theirs = f"({one.ours} {word} {other.ours})", f"({one.theirs} {word} {other.theirs})"
        elif choice < 0.95:
            one = inner()
            self.ours, self.theirs = f"(not {one.ours})", f"(not {one.theirs})"
        else:
            signal = rng.choice(SIGNALS)
            self.ours, self.theirs = f'(attributes["{signal}"] == true)', f"({signal} > 0)"


def theirs(formula: Formula, ticks: list[tuple[bool, bool]]) -> list[bool]:
    return rtamt(formula.theirs, {signal: [tick[at] for tick in ticks] for at, signal in enumerate(SIGNALS)})()


def ours(formula: Formula, ticks: list[tuple[bool, bool]]) -> list[bool]:
    spans = [Span(trace_id=b"\1" * 16, start_time_unix_nano=100 + tick) for tick in range(len(ticks))]
    for number, (span, tick) in enumerate(zip(spans, ticks, strict=True)):
        span.span_id = (len(ticks) - number).to_bytes(8, "big")
        for signal, holds in zip(SIGNALS, tick, strict=True):
            span.attributes.add(key=signal).value.bool_value = holds
    judge = Judge([f"assume nothing for each span s require {formula.ours}"])
    request = request_of(spans)
    violated = {one.row for one in judge.fast(request).violated}
    assert violated == {one.row for one in judge.slow(request).violated}
    return [row not in violated for row in range(len(ticks))]


# At least two ticks: rtamt takes the distance between ticks from them.
@given(st.integers(0, 2**32), st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=9))
def test_random_formulas_hold_where_they_hold_for_rtamt(seed: int, ticks: list[tuple[bool, bool]]) -> None:
    formula = Formula(Random(seed), 3)
    assert ours(formula, ticks) == theirs(formula, ticks), (formula.ours, formula.theirs)


@pytest.mark.parametrize("word", [*UNARY, *PAIRS])
def test_each_operator_by_itself(word: str) -> None:
    rng = Random(word)
    tried = 0
    while tried < 10:
        formula = Formula(rng, 1)
        if f"{word} [" in formula.ours:
            ticks = [(rng.random() < 0.5, rng.random() < 0.5) for _ in range(12)]
            assert ours(formula, ticks) == theirs(formula, ticks), (formula.ours, formula.theirs)
            tried += 1
