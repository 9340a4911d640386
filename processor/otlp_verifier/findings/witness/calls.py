"""Functions of a rule that are no converters of one value: ids, times, durations, Concat."""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

from otlp_verifier.findings.witness.values import Duration, Id, Time
from otlp_verifier.language.converters import CONVERTERS, concat
from otlp_verifier.language.lexer import duration_ns

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_SECOND_NS: Final = 1_000_000_000


def _id(stated: Any) -> Id | None:
    content = bytes.fromhex(stated) if isinstance(stated, str) else stated
    return Id(content) if any(content) else None  # an id of zeros is none


def _duration(stated: str) -> Duration:
    return Duration(-duration_ns(stated[1:]) if stated.startswith("-") else duration_ns(stated))


def _time(stated: str, form: str) -> Time:
    read = datetime.datetime.strptime(stated, form)
    moment = read if read.tzinfo else read.replace(tzinfo=datetime.UTC)
    return Time((moment - _EPOCH) // datetime.timedelta(microseconds=1) * 1_000)


def _units(unit_ns: int, *, is_fraction: bool) -> Callable[[int | None], float | None]:
    """How many units a time or a duration is, towards zero; of some with the rest as a fraction."""

    def number(value: int | None) -> float | None:
        if value is None:
            return None
        whole = abs(int(value)) // unit_ns * (-1 if value < 0 else 1)
        return float(whole) + float(int(value) - whole * unit_ns) / float(unit_ns) if is_fraction else whole

    return number


CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    "TraceID": _id,
    "SpanID": _id,
    "Duration": _duration,
    "Time": _time,
    "Unix": lambda seconds, ns=0: Time(seconds * _SECOND_NS + ns),
    "UnixSeconds": _units(_SECOND_NS, is_fraction=False),
    "UnixMilli": _units(1_000_000, is_fraction=False),
    "UnixMicro": _units(1_000, is_fraction=False),
    "UnixNano": _units(1, is_fraction=False),
    "Hours": _units(3_600 * _SECOND_NS, is_fraction=True),
    "Minutes": _units(60 * _SECOND_NS, is_fraction=True),
    "Seconds": _units(_SECOND_NS, is_fraction=True),
    "Milliseconds": _units(1_000_000, is_fraction=False),
    "Microseconds": _units(1_000, is_fraction=False),
    "Nanoseconds": _units(1, is_fraction=False),
    "Concat": lambda parts, delimiter: concat(parts, -1, delimiter)(None),
}


def is_test(function: str) -> bool:
    """Whether a converter gives true or false, and false where it is not defined."""
    return function in CONVERTERS and CONVERTERS[function].is_test
