"""Functions of times and durations: what the rule states as one, and what one is as a number."""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING, Final

from otlp_verifier.language import made
from otlp_verifier.language.lexer import duration_ns
from otlp_verifier.language.paths import Type
from otlp_verifier.language.values import INT_MAX, Clocks, Value
from otlp_verifier.machine.operations import Op

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.syntax import Call
    from otlp_verifier.wire.values import Plain

_UNITS_NS = {
    "Nanoseconds": 1, "Microseconds": 1_000, "Milliseconds": 1_000_000,
    "Seconds": 1_000_000_000, "Minutes": 60_000_000_000, "Hours": 3_600_000_000_000,
}  # fmt: skip
_UNIX_NS = {"UnixNano": 1, "UnixMicro": 1_000, "UnixMilli": 1_000_000, "UnixSeconds": 1_000_000_000}
_DIRECTIVES: Final = "YmdHMSyjz%"  # those that Python reads as the collector does
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def _stated(lowering: Lowering, tree: Call, number: int) -> Plain:
    value = lowering.value(tree.arguments[number])
    if not made.is_constant(value):
        raise lowering.error(f"{tree.function} takes what the rule states, no path", tree.arguments[number].offset)
    return value.constant


def _duration(lowering: Lowering, tree: Call) -> Value:
    """Duration("1m30s")."""
    made.count_arguments(lowering, tree, 1)
    stated = _stated(lowering, tree, 0)
    try:
        if not isinstance(stated, str):
            raise ValueError('Duration takes a string such as "1m30s"')
        ns = -duration_ns(stated[1:]) if stated.startswith("-") else duration_ns(stated)
        if abs(ns) > INT_MAX:
            raise ValueError("the duration does not fit a signed 64-bit number of nanoseconds")
    except ValueError as error:
        raise lowering.error(str(error), tree.arguments[0].offset) from None
    return lowering.constant(ns, Type.DURATION)


def _time(lowering: Lowering, tree: Call) -> Value:
    """Time("2026-01-31", "%Y-%m-%d"), in UTC where it names no other zone."""
    made.count_arguments(lowering, tree, 2)
    stated, form = _stated(lowering, tree, 0), _stated(lowering, tree, 1)
    if not isinstance(stated, str) or not isinstance(form, str):
        raise lowering.error('Time takes a time and its form, as in Time("2026-01-31", "%Y-%m-%d")', tree.offset)
    for before, directive in itertools.pairwise(form):
        if before == "%" and directive not in _DIRECTIVES:
            known = ", ".join(f"%{each}" for each in _DIRECTIVES)
            raise lowering.error(f"`%{directive}` is not read here; known are {known}", tree.arguments[1].offset)
    try:
        time = datetime.datetime.strptime(stated, form)
    except ValueError as error:
        raise lowering.error(str(error), tree.arguments[0].offset) from None
    moment = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
    ns = (moment - _EPOCH) // datetime.timedelta(microseconds=1) * 1_000
    if ns < 0:
        raise lowering.error("a time in Unix nanoseconds is never negative", tree.arguments[0].offset)
    return lowering.constant(ns, Type.TIME)


def _unix(lowering: Lowering, tree: Call) -> Value:
    """Unix(seconds), Unix(seconds, nanoseconds)."""
    made.count_arguments(lowering, tree, 1, 2)
    stated = [_stated(lowering, tree, number) for number in range(len(tree.arguments))]
    seconds, ns, *_ = [*stated, 0]
    if type(seconds) is not int or type(ns) is not int or not 0 <= seconds * 1_000_000_000 + ns <= INT_MAX:
        raise lowering.error("Unix takes whole numbers of seconds, and of nanoseconds, after 1970", tree.offset)
    return lowering.constant(seconds * 1_000_000_000 + ns, Type.TIME)


def _number_of(type_: Type, unit_ns: int, *, is_fraction: bool) -> Callable[[Lowering, Call], Value]:
    """How many units a time since 1970 or a duration is; minutes and the like with a fraction, as Go's have."""

    def number(lowering: Lowering, tree: Call) -> Value:
        made.count_arguments(lowering, tree, 1)
        value = lowering.value(tree.arguments[0])
        if value.type is not type_:
            found = value.type.value
            raise lowering.error(f"{tree.function} takes {type_.value}, not {found}", tree.arguments[0].offset)
        if value.clocks != Clocks():
            raise lowering.error("how far clocks of two hosts are apart is lost here; compare as it is", tree.offset)
        graph = lowering.graph
        unit = graph.word(unit_ns)
        whole = value.words[0] if unit_ns == 1 else graph.node(Op.DIVIDE, value.words[0], unit)
        if not is_fraction:
            return Value(Type.INT, (whole,), present=value.present, change=value.change)
        rest = graph.node(Op.SUBTRACT, value.words[0], graph.node(Op.MULTIPLY, whole, unit))
        fraction = graph.node(Op.DIVIDE_FLOAT, graph.node(Op.TO_FLOAT, rest), graph.word(float(unit_ns)))
        word = graph.node(Op.ADD_FLOAT, graph.node(Op.TO_FLOAT, whole), fraction)
        return Value(Type.FLOAT, (word,), present=value.present, change=value.change)

    return number


FUNCTIONS: Final[dict[str, Callable[[Lowering, Call], Value]]] = {
    "Duration": _duration,
    "Time": _time,
    "Unix": _unix,
    **{
        name: _number_of(Type.DURATION, unit, is_fraction=unit >= _UNITS_NS["Seconds"])
        for name, unit in _UNITS_NS.items()
    },
    **{name: _number_of(Type.TIME, unit, is_fraction=False) for name, unit in _UNIX_NS.items()},
}
