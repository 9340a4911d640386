"""Values, slowly: OTTL's meaning of nil and of unlike types, times that stop at the ends of their 64 bits, durations
and integers as signed 64-bit numbers, and conditions that may be unknown because clocks differ.
"""

import base64
import functools
import json
import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Any, Self

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from tests.reference.machine import quotient, ratio


class Truth(Enum):
    """What is neither true nor false: it depends on whose clock is ahead."""

    MAYBE = auto()


MAYBE = Truth.MAYBE
Condition = bool | Truth


def no(condition: Condition) -> Condition:
    return MAYBE if condition is MAYBE else not condition


def every(conditions: Iterable[Condition]) -> Condition:
    found: Condition = True
    for condition in conditions:
        if condition is False:
            return False
        found = condition if found is True else found
    return found


def some(conditions: Iterable[Condition]) -> Condition:
    return no(every(no(condition) for condition in conditions))


class Clocked(int):
    """Nanoseconds, and how often each clock was added to make them."""

    clocks: Mapping[int, int]

    def __new__(cls, value: int = 0, clocks: Mapping[int, int] | None = None) -> Self:
        made = super().__new__(cls, value)
        made.clocks = clocks or {}
        return made


class Time(Clocked):
    """Unix nanoseconds, without sign."""


class Duration(Clocked):
    """Nanoseconds, with sign."""


class Number(Clocked):
    """A number; Unix nanoseconds too, where OTTL takes them for an int64."""


class Id(bytes):
    """An id as columns read it."""


class Stated(bytes):
    """Bytes that a rule states; lists and maps that it states are tuples and dicts."""


ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def compare(left: Any, sign: str, right: Any, skew_ns: int = 0) -> Condition:
    """`left sign right`; two strings are ordered here, which the language allows only with a constant."""
    if sign == "!=":
        return no(compare(left, "==", right, skew_ns))
    if left is None or right is None:
        return left is right and sign in ("==", "<=", ">=")
    if MAYBE in (left, right):
        return MAYBE
    if any(isinstance(side, tuple | dict | Stated) for side in (left, right)):
        return _compare_whole(_whole(left), sign, _whole(right))
    kinds = kind(left), kind(right)
    if kinds[0] != kinds[1] or kinds[0] == "other":  # nothing looks into bytes, arrays and maps
        return False
    if float in (type(left), type(right)):
        left, right = float(left), float(right)
    if skew_ns and (margin := skew_ns * apart(left, right)) != 0:
        return _blurred(int(left), sign, int(right), margin)
    return bool(left == right) if sign == "==" else bool(ORDERS[sign](left, right))


def _whole(value: Any) -> Any:
    """A list or map as Python has it, elements with their types: one is no 1.0, and true no 1."""
    match value:
        case ArrayValue():
            return [_whole(element(each)) for each in value.values]
        case KeyValueList():
            return dict(reversed([(each.key, _whole(element(each.value))) for each in value.values]))
        case tuple():
            return [_whole(each) for each in value]
        case dict():
            return {key: _whole(each) for key, each in value.items()}
        case bytes():
            return bytes(value)
    return type(value), value


def _compare_whole(left: Any, sign: str, right: Any) -> bool:
    if sign == "==" or type(left) is not bytes or type(right) is not bytes:
        return bool(sign == "==" and left == right)
    return bool(ORDERS[sign](left, right))


def element(value: AnyValue) -> Any:
    """A value as the walk has it; lists and maps as protobuf has them."""
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)


def picked(value: Any, key: str | int) -> Any:
    """What a map or list holds, if it does."""
    if isinstance(value, KeyValueList):
        return next((element(each.value) for each in value.values if each.key == key), None)
    if isinstance(value, ArrayValue) and isinstance(key, int) and key < len(value.values):
        return element(value.values[key])
    return value[key] if isinstance(value, tuple) and isinstance(key, int) and key < len(value) else None


def _blurred(left: int, sign: str, right: int, margin: int) -> Condition:
    """`left sign right` where the difference may be off by `margin` either way."""
    if sign == "==":
        return MAYBE if abs(left - right) <= margin else False
    outcomes = {ORDERS[sign](left + off, right) for off in (-margin, margin)}
    return MAYBE if len(outcomes) == 2 else outcomes.pop()


def apart(left: Any, right: Any) -> int:
    """By how many skews at most `left - right` may be off: each clock counts as often as it was added.

    A time that is compared with a number and no other clock is taken as it stands.
    """
    clocks = _clocks(left, right, -1)
    return sum(count for count in clocks.values() if count > 0) if sum(clocks.values()) == 0 else 0


def kind(value: object) -> str:
    if isinstance(value, bool | str | Id):
        return type(value).__name__
    return "number" if isinstance(value, int | float) else "other"


def key(value: object) -> object:
    """Equal for values that are equal; nothing is equal to what is looked into by nobody, and every NaN is one."""
    if value is None:
        return None
    if kind(value) == "other":
        return id(value)
    is_nan = isinstance(value, float) and math.isnan(value)
    return kind(value), "NaN" if is_nan else value


# Arithmetic


def arithmetic(left: Any, sign: str, right: Any) -> Any:
    if {kind(left), kind(right)} != {"number"}:
        return None
    if float in (type(left), type(right)):
        return _FLOATS[sign](float(left), float(right))
    if sign == "/":
        return None if right == 0 else clamped(left, quotient(left, right))
    return _SUMS[sign](left, right)


def minus(left: Any, right: Any) -> Any:
    clocks = _clocks(left, right, -1)
    if isinstance(left, Time) and isinstance(right, Time):
        return Duration(max(-(2**63), min(int(left) - int(right), 2**63 - 1)), clocks)
    return clamped(left, int(left) - int(right), clocks)


def plus(left: Any, right: Any) -> Any:
    return clamped(left, int(left) + int(right), _clocks(left, right, 1))


def clamped(left: Any, result: int, clocks: Mapping[int, int] | None = None) -> Any:
    """Times stop at the ends of their range; all else wraps, as Go's int64 does."""
    if isinstance(left, Time):
        return Time(max(0, min(result, 2**64 - 1)), clocks)
    wrapped = (result + 2**63) % 2**64 - 2**63
    if isinstance(left, Duration):
        return Duration(wrapped, clocks)
    return Number(wrapped, clocks) if clocks else wrapped


def _clocks(left: Any, right: Any, sign: int) -> dict[int, int]:
    clocks = Counter(left.clocks if isinstance(left, Clocked) else {})
    for clock, count in right.clocks.items() if isinstance(right, Clocked) else ():
        clocks[clock] += sign * count
    return {clock: count for clock, count in clocks.items() if count}


_SUMS = {"+": plus, "-": minus, "*": lambda left, right: clamped(left, int(left) * int(right))}
_FLOATS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": ratio,
}


# Functions


@functools.cache
def _pattern(re2: str) -> re.Pattern[str]:
    # What RE2 and Python write differently, as far as the rules use it: blanks, and the end of the text.
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", re2.replace("[:blank:]", " \\t")), re.ASCII)


def _matches(value: Any, re2: str) -> list[str]:
    """What the group of a pattern has matched, each time."""
    return _pattern(re2).findall(value) if isinstance(value, str) else []


def _digits(value: Any, base: int) -> int | None:
    try:
        return int(value, base) if isinstance(value, str) else None
    except ValueError:
        return None


def _length(value: Any) -> int | None:
    match value:
        case str():
            return len(value.encode())
        case bytes():
            return len(value)
        case ArrayValue() | KeyValueList():
            return len(value.values)
        case tuple():
            return len(value)
    return None


def _int(value: Any) -> int | None:
    if isinstance(value, str):
        is_whole = value.isascii() and value.removeprefix("-").isdigit()
        return int(value) if is_whole and abs(int(value)) < 2**63 else None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and abs(value) < 2**63 else -(2**63)
    return int(value) if isinstance(value, int) else None


def _substring(value: Any, start: int, length: int) -> str | None:
    content = value.encode() if isinstance(value, str) else b""
    return (
        content[start : start + length].decode("utf-8", "surrogateescape") if start + length <= len(content) else None
    )


def _written(value: Any) -> str | None:
    """A value as OTTL matches it against a pattern: as JSON, but for strings and bytes."""
    match value:
        case None | str():
            return value
        case bytes():
            return value.hex()
        case ArrayValue() | KeyValueList():
            return _json(value)
        case float():
            return None if not math.isfinite(value) else json.dumps(value).removesuffix(".0")
    return json.dumps(value)


def _json(value: Any) -> str | None:
    """A list or map, and what is in it, as Go's encoder has it: keys sorted, of equal ones the last; `<>&` escaped."""
    match value:
        case ArrayValue():
            parts = [_json(attribute_value(item)) for item in value.values]
            return None if None in parts else f"[{','.join(map(str, parts))}]"
        case KeyValueList():
            last = {pair.key: _json(attribute_value(pair.value)) for pair in value.values}
            entries = [f"{_json(key)}:{last[key]}" for key in sorted(last, key=str.encode)]
            return None if None in last.values() else f"{{{','.join(entries)}}}"
        case str():
            written = json.dumps(value, ensure_ascii=False)
            return "".join(f"\\u{ord(each):04x}" if each in "<>&\u2028\u2029" else each for each in written)
        case bytes():
            return json.dumps(base64.b64encode(value).decode())
        case None:
            return "null"
    return _written(value)


def attribute_value(value: AnyValue) -> Any:
    """What an attribute's value is; None where it has none."""
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)


CALLS: Mapping[str, Callable[..., Any]] = {
    "IsMatch": lambda value, re2: (
        _written(value) is not None and _pattern(re2).search(str(_written(value))) is not None
    ),
    "HasPrefix": lambda text, prefix: isinstance(text, str) and text.startswith(prefix),
    "HasSuffix": lambda text, suffix: isinstance(text, str) and text.endswith(suffix),
    "Len": _length,
    "Int": _int,
    "Substring": _substring,
    "ToUpperCase": lambda value: value.upper() if isinstance(value, str) else None,
    "Split": lambda value, mark: tuple(value.split(mark)) if isinstance(value, str) else None,
    "String": _written,
    "Concat": lambda parts, mark: mark.join("<nil>" if each is None else str(_written(each)) for each in parts),
    "ParseInt": _digits,
    "Extract": lambda value, re2: next(iter(_matches(value, re2)), None),
    "ExtractAll": lambda value, re2: tuple(_matches(value, re2)),
    "IsDistinct": lambda values: isinstance(values, tuple) and len(set(values)) == len(values),
    "IsEmpty": lambda value: _length(value) == 0 or value is None or (kind(value) in ("bool", "number") and not value),
    "ContainsValue": lambda values, wanted: (
        isinstance(values, ArrayValue) and any(compare(element(each), "==", wanted) is True for each in values.values)
    ),
    "IsMap": lambda value: isinstance(value, KeyValueList),
    "IsList": lambda value: isinstance(value, ArrayValue),
    "IsString": lambda value: isinstance(value, str),
    "IsInt": lambda value: type(value) is int,
    "IsDouble": lambda value: isinstance(value, float),
    "IsBool": lambda value: isinstance(value, bool),
}
