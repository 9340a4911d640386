"""Values as a rule's tree has them when it is walked: times that know their clock, conditions that may be unknown.

Attributes are `Plain`, a string is a `str`, nil is None. What OTTL says of plain values is asked of language.plain;
times, durations, ids and clocks are this module's.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Any, Final, Self

from otlp_verifier.language import plain


class CannotTellError(Exception):
    """The walk does not decide this; its text says why, in a few words."""


class Truth(Enum):
    """What is neither true nor false: it depends on whose clock is ahead."""

    MAYBE = auto()


MAYBE: Final = Truth.MAYBE
Condition = bool | Truth


def no(condition: Condition) -> Condition:
    """`not condition`."""
    return MAYBE if condition is MAYBE else not condition


def every(conditions: Iterable[Condition]) -> Condition:
    """Whether all hold; looks no further than the first that does not."""
    result: Condition = True
    for condition in conditions:
        if condition is False:
            return False
        if condition is MAYBE:
            result = MAYBE
    return result


def some(conditions: Iterable[Condition]) -> Condition:
    """Whether one holds; looks no further than the first that does."""
    return no(every(no(condition) for condition in conditions))


class Clocked(int):
    """Nanoseconds, and how often each clock was added to make them."""

    clocks: Mapping[object, int]

    def __new__(cls, value: int, clocks: Mapping[object, int] | None = None) -> Self:
        """Make one; without clocks it is as exact as a constant."""
        made = super().__new__(cls, value)
        made.clocks = clocks or {}
        return made


class Time(Clocked):
    """Unix nanoseconds, unsigned."""


class Duration(Clocked):
    """Nanoseconds, signed."""


class Id(bytes):
    """An id as columns have it."""


class Sum(float):
    """A sum of decimals, which depends on the order of adding; `error` is by how much at most."""

    error: float


_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SIGNED_MAX: Final = 2**63 - 1


def kind(value: object) -> str:
    """What a value may be compared with: values of its own kind."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Id):
        return "id"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, int | float) else "other"


def compare(left: Any, sign: str, right: Any, skew_ns: int = 0) -> Condition:
    """`left sign right`, of values whose types only the telemetry may tell.

    Raises:
        CannotTellError: it depends on the order of adding, or a time is compared with a number below 0.

    """
    if sign == "!=":
        return no(compare(left, "==", right, skew_ns))
    if left is None or right is None:
        return bool(left is right and sign in ("==", "<=", ">="))
    if Truth.MAYBE in (left, right):
        return Truth.MAYBE
    alike = kind(left)
    if alike != kind(right) or alike == "other":  # lists, maps and bytes of the telemetry equal nothing
        return False
    if alike != "number":
        return plain.compare(left, sign, right)
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Time) and not isinstance(other, Time) and other < 0:  # columns hold 64 bits without a sign
            raise CannotTellError("a time is compared with a number that is no time")
    margin = skew_ns * _apart(left, right)
    if isinstance(left, float) or isinstance(right, float):
        left, right = _near(left), _near(right)
        off = sum(side.error for side in (left, right) if isinstance(side, Sum))
        if off and abs(left - right) <= off:
            raise CannotTellError("it depends on the order in which decimals are added")
    if margin == 0:
        return bool(_ORDERS[sign](left, right))
    if sign == "==":
        return MAYBE if abs(left - right) <= margin else False
    outcomes = {_ORDERS[sign](int(left) + off, int(right)) for off in (-margin, margin)}
    return MAYBE if len(outcomes) > 1 else bool(outcomes.pop())


def _near(value: float) -> float:
    return value if isinstance(value, Sum) else float(value)


def _apart(left: Any, right: Any) -> int:
    """By how many skews `left - right` may be off: each clock counts as often as it was added."""
    clocks = _clocks(left, right, -1)
    return sum(count for count in clocks.values() if count > 0) if sum(clocks.values()) == 0 else 0


def _clocks(left: Any, right: Any, sign: int) -> dict[object, int]:
    counts = dict(left.clocks) if isinstance(left, Clocked) else {}
    for clock, count in right.clocks.items() if isinstance(right, Clocked) else ():
        counts[clock] = counts.get(clock, 0) + sign * count
    return {clock: count for clock, count in counts.items() if count}


def key(value: object) -> object:
    """Equal for values that count as one among `distinct`: every NaN is one; each list, map and bytes is its own."""
    if kind(value) == "other":
        return id(value)
    is_nan = isinstance(value, float) and math.isnan(value)
    return kind(value), "NaN" if is_nan else value


# Arithmetic


def calculate(left: Any, sign: str, right: Any) -> Any:
    """`left sign right` of numbers, times and durations; nil of nil."""
    if kind(left) != "number" or kind(right) != "number":
        return None
    if isinstance(left, float) or isinstance(right, float):
        return _FLOATS[sign](float(left), float(right))
    clocks = _clocks(left, right, 1 if sign == "+" else -1) if sign in "+-" else _times(left, right)
    match sign:
        case "+":
            result = int(left) + int(right)
        case "-":
            result = int(left) - int(right)
        case "*":
            result = int(left) * int(right)
        case _ if right == 0:
            return None
        case _:
            result = abs(int(left)) // abs(int(right)) * (1 if (left < 0) == (right < 0) else -1)
    if isinstance(left, Time) and isinstance(right, Time):
        return Duration(max(-(2**63), min(result, _SIGNED_MAX)), clocks)
    if isinstance(left, Time):
        return Time(max(0, min(result, 2**64 - 1)), clocks)
    wrapped = (result + 2**63) % 2**64 - 2**63
    return Duration(wrapped, clocks) if isinstance(left, Duration) or isinstance(right, Duration) else wrapped


def _times(left: Any, right: Any) -> dict[object, int]:
    """The clocks of a duration that is multiplied; where it is divided the compiler allows none."""
    return {clock: count * int(right) for clock, count in left.clocks.items()} if isinstance(left, Clocked) else {}


def _ratio(left: float, right: float) -> float:
    """IEEE 754 division, which Python refuses for 0."""
    if right != 0:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)


_FLOATS: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _ratio,
}


def total(values: list[Any], *, of_decimals: bool) -> Any:
    """The sum of numbers, decimals or durations.

    Raises:
        CannotTellError: decimals without end or beyond all numbers are among them.

    """
    if of_decimals or any(isinstance(value, float) for value in values):
        numbers = [float(value) for value in values]
        if not all(map(math.isfinite, numbers)):
            raise CannotTellError("a sum of what is no finite number")
        result = Sum(math.fsum(numbers))
        is_exact = all(number.is_integer() for number in numbers) and math.fsum(map(abs, numbers)) < 2**53
        result.error = 0.0 if is_exact else 1e-9 * math.fsum(map(abs, numbers))
        return result
    added: Any = 0
    for value in values:
        added = calculate(added, "+", value)
    return added
