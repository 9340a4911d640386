"""Traces drawn with characters: where bars begin and end, what is shown of a large trace, what lies far away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from otlp_verifier.files import SpanView, TraceView
from otlp_verifier.report.scale import window
from otlp_verifier.report.timeline import ASCII, LINES, ROWS_MAX, bar, rows
from tests.report.reports import MS, START, shop, span

TIMES = st.one_of(
    st.just(0),
    st.just(2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(START - 10 * MS, START + 200 * MS),
)
SPANS = st.builds(lambda start, end: replace(span(1, 0, "x", "y", 0, 1), start_ns=start, end_ns=end), TIMES, TIMES)


def drawn(start_ms: float, end_ms: float, width: int = 10, *, to_ms: float = 100) -> str:
    return bar(span(1, 0, "x", "y", start_ms, end_ms), START, START + int(to_ms * MS), width)


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "expected"),
    [
        (0, 100, "━━━━━━━━━━"),
        (0, 50, "━━━━━     "),
        (50, 100, "     ━━━━━"),
        (0, 55, "━━━━━╸    "),
        (45, 100, "    ╺━━━━━"),
        (45, 55, "    ╺╸    "),
        (50, 50, "     ╸    "),
        (100, 100, "         ╺"),
        (70, 30, "   ┅┅┅┅   "),
        (-20, 50, "◂━━━━     "),
        (50, 120, "     ━━━━▸"),
    ],
)
def test_bars_have_steps_of_half_a_character(start_ms: float, end_ms: float, expected: str) -> None:
    assert drawn(start_ms, end_ms) == expected


def test_what_is_outside_says_when_it_was() -> None:
    far = replace(span(1, 0, "x", "y", 0, 1), start_ns=1_790_000_000, end_ns=1_790_000_001)
    assert bar(far, START, START + MS, 20) == "◂ 1970-01-01        "
    late = replace(far, start_ns=START + 10**18, end_ns=START + 10**18)
    assert bar(late, START, START + MS, 20) == "        2058-05-30 ▸"
    assert bar(replace(far, start_ns=0, end_ns=0), START, START + MS, 20) == "◂ no time           "


def test_events_are_marked() -> None:
    one = replace(span(1, 0, "x", "y", 0, 100), events=((START + 50 * MS, "retry"), (START + 900 * MS, "late")))
    assert bar(one, START, START + 100 * MS, 10, has_events=True) == "━━━━━◆━━━━"
    assert bar(one, START, START + 100 * MS, 10) == "━" * 10


@given(SPANS, st.integers(1, 80), st.integers(0, 2**63), st.integers(1, 2**62))
def test_a_bar_is_as_wide_as_asked_for(one: SpanView, width: int, first_ns: int, length_ns: int) -> None:
    for glyphs in (LINES, ASCII):
        assert len(bar(one, first_ns, first_ns + length_ns, width, glyphs, has_events=True)) == width


@given(st.lists(SPANS, min_size=1, max_size=8))
def test_the_window_is_a_stretch_of_time(spans: list[SpanView]) -> None:
    first_ns, last_ns = window(spans)
    assert first_ns < last_ns


def test_the_window_ignores_times_of_other_years() -> None:
    trace = shop()
    expected = window(trace.spans)
    assert expected == (START, START + 130 * MS)
    for odd in (
        replace(trace.spans[0], start_ns=0, end_ns=0),
        replace(trace.spans[0], start_ns=0),
        replace(trace.spans[0], end_ns=0),
        replace(trace.spans[0], start_ns=1_790_000_000, end_ns=1_790_000_001),
        replace(trace.spans[0], end_ns=2**64 - 1),
        replace(trace.spans[0], start_ns=START + 10**18, end_ns=START + 10**18 + MS),
    ):
        assert window([*trace.spans, odd]) == expected


def test_a_trace_without_times_has_a_window() -> None:
    assert window([replace(span(1, 0, "x", "y", 0, 1), start_ns=0, end_ns=5)]) == (0, 1)


def test_a_small_trace_is_drawn_whole() -> None:
    trace = shop()
    assert [row.span for row in rows(trace, 7, 40)] == list(range(10))


def large(spans: int) -> TraceView:
    """A root, a chain of ten below it, and many children of the chain's end."""
    chain = [span(n + 1, n, f"call {n}", "a", n, 1000) for n in range(11)]
    leaves = [span(100 + n, 11, f"leaf {n}", "b", 20 + n, 21 + n) for n in range(spans - 11)]
    depths = (*range(11), *[11] * len(leaves))
    return TraceView("0" * 31 + "1", (*chain, *leaves), depths, spans + 5)


def test_of_a_large_trace_what_is_around_the_span_is_drawn() -> None:
    trace = large(500)
    about = 300
    drawn_rows = list(rows(trace, about, 40))
    shown = [row.span for row in drawn_rows if row.span is not None]
    assert len(shown) == ROWS_MAX
    assert {0, about - 1, about, about + 1, 10, 9, 8} <= set(shown)
    assert sum(row.left_out for row in drawn_rows) + len(shown) == trace.spans_total
    assert [row.span is None for row in drawn_rows].count(True) >= 2


def test_other_spans_with_findings_are_drawn() -> None:
    trace = large(500)
    marked = [*trace.spans]
    marked[40] = replace(marked[40], rules=("some-rule",))
    trace = replace(trace, spans=tuple(marked))
    assert 40 in [row.span for row in rows(trace, 300, 40)]


@given(st.integers(0, 499), st.integers(1, 14))
def test_the_span_itself_is_always_drawn(about: int, rows_max: int) -> None:
    assert about in [row.span for row in rows(large(500), about, 10, rows_max=rows_max)]
