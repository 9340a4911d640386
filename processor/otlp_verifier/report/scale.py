"""The stretch of time that a trace is drawn over."""

import statistics
from collections.abc import Sequence
from typing import Final

from otlp_verifier.files.view import SpanView

_HOUR_NS: Final = 3_600 * 10**9
_MONTH_NS: Final = 30 * 24 * _HOUR_NS
_REACH: Final = 3  # times the longest span


def window(spans: Sequence[SpanView]) -> tuple[int, int]:
    """First and last time to draw, in Unix nanoseconds; the last is later than the first.

    Times that are absent or far from all others (zero, seconds taken for nanoseconds,
    a clock of another year) would squeeze the rest of the trace into one column; they
    are outside of the window.
    """
    starts = [span.start_ns for span in spans if span.start_ns]
    if not starts:
        return 0, 1
    middle = int(statistics.median_low(starts))
    durations = [span.end_ns - span.start_ns for span in spans if span.start_ns]
    longest = max((duration for duration in durations if 0 <= duration < _MONTH_NS), default=0)
    reach = max(_HOUR_NS, _REACH * longest)
    times = [time for span in spans for time in (span.start_ns, span.end_ns) if abs(time - middle) <= reach]
    first = min(times)
    return first, max(first + 1, *times)
