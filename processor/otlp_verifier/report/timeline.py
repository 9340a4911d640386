"""A trace drawn with characters: a line for each span that matters, its bar under a common scale."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from otlp_verifier.files.view import SpanView, TraceView
from otlp_verifier.report.kinds import parents, path_to
from otlp_verifier.report.scale import window

ROWS_MAX: Final = 12
_ANCESTORS_MAX: Final = 5
_CHILDREN_MAX: Final = 3


class Glyphs(msgspec.Struct, frozen=True):
    """What bars are drawn with: a cell whose halves are both, left, right filled; times backwards; marks of spans."""

    full: str
    left: str
    right: str
    backwards: str
    before: str
    after: str
    event: str
    bad: str
    other: str


LINES: Final = Glyphs("━", "╸", "╺", "┅", "◂", "▸", "◆", "✗", "•")
ASCII: Final = Glyphs("=", "=", "=", "-", "<", ">", "*", "x", ".")


class Row(msgspec.Struct, frozen=True):
    """A line of the drawing.

    Attributes:
        span: index in the trace; None stands for spans that are left out.
        left_out: how many those are.
        bar: exactly as wide as asked for.

    """

    span: int | None
    left_out: int = 0
    bar: str = ""


def rows(
    trace: TraceView, about: int, width: int, glyphs: Glyphs = LINES, *, rows_max: int = ROWS_MAX
) -> Iterator[Row]:
    """Draw a trace around span number `about`, with bars of `width` characters."""
    shown = sorted(_chosen(trace, about, rows_max))
    first_ns, last_ns = window([trace.spans[at] for at in shown])
    before = -1
    for at in [*shown, len(trace.spans)]:
        is_end = at == len(trace.spans)
        left_out = at - before - 1 + (trace.spans_total - len(trace.spans) if is_end else 0)
        if left_out:
            yield Row(None, left_out)
        if not is_end:
            span = trace.spans[at]
            yield Row(at, 0, bar(span, first_ns, last_ns, width, glyphs, has_events=bool(span.rules)))
        before = at


def bar(
    span: SpanView, first_ns: int, last_ns: int, width: int, glyphs: Glyphs = LINES, *, has_events: bool = False
) -> str:
    """One span's bar within [first_ns, last_ns], in steps of half a character."""
    low, high = min(span.start_ns, span.end_ns), max(span.start_ns, span.end_ns)
    if high < first_ns:
        return f"{glyphs.before} {_date(high)}".ljust(width)[:width]
    if low > last_ns:
        return f"{_date(low)} {glyphs.after}".rjust(width)[-width:]

    def half(time_ns: int) -> int:
        within = min(max(time_ns, first_ns), last_ns) - first_ns
        return within * 2 * width // (last_ns - first_ns)

    begin = min(2 * width - 1, half(low))
    end = max(begin + 1, half(high))
    is_backwards = span.end_ns < span.start_ns
    cells = []
    for cell in range(width):
        left, right = begin <= 2 * cell < end, begin <= 2 * cell + 1 < end
        character = glyphs.full if left and right else glyphs.left if left else glyphs.right if right else " "
        cells.append(glyphs.backwards if is_backwards and character != " " else character)
    if low < first_ns:
        cells[0] = glyphs.before
    if high > last_ns:
        cells[-1] = glyphs.after
    for time_ns, _ in span.events if has_events else ():
        if first_ns <= time_ns <= last_ns:
            cells[min(width - 1, half(time_ns) // 2)] = glyphs.event
    return "".join(cells)


def _date(unix_ns: int) -> str:
    return f"{datetime.fromtimestamp(unix_ns // 10**9, UTC):%Y-%m-%d}" if unix_ns else "no time"


def _chosen(trace: TraceView, about: int, rows_max: int) -> set[int]:
    """The spans to draw: the one it is about, those around it in the tree, others with findings, then the first."""
    parents_ = parents(trace)
    path = path_to(about, parents_)
    chosen = {*path[:1], *path[-_ANCESTORS_MAX - 1 :]}
    siblings = _near([at for at, parent in enumerate(parents_) if parent == parents_[about]], about)
    children = [at for at, parent in enumerate(parents_) if parent == about]
    marked = [at for at, span in enumerate(trace.spans) if span.rules]
    for more in (children[:_CHILDREN_MAX], siblings, marked, range(len(trace.spans))):
        for at in more:
            if len(chosen) >= rows_max:
                return chosen
            chosen.add(at)
    return chosen


def _near(numbers: Sequence[int], about: int) -> Sequence[int]:
    at = numbers.index(about)
    return numbers[max(0, at - 1) : at + 2]
