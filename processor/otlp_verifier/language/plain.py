"""Values of the telemetry as Python holds them, and OTTL's rules for comparing and calculating with them.

A string is a `str` in which bytes that are no UTF-8 are surrogates; a list is a
tuple; nil is None. What OTTL calls an error is `Undefined` here.

Sources: pkg/ottl/compare.go, math.go and expression.go of opentelemetry-collector-contrib, v0.157.0.
"""

from __future__ import annotations

import base64
import json
import math
import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from otlp_verifier.wire.values import MapValue, Plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ORDERS: Final[Mapping[str, Callable[..., bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FLOATS: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_SMALL, _LARGE = 1e-6, 1e21  # outside of these, JSON numbers have exponents


class Undefined(Exception):  # noqa: N818  # no error: telemetry may hold anything
    """There is no such value, as of the length of a number."""


def raw(text: str) -> bytes:
    """The bytes of a string as they were sent."""
    return text.encode("utf-8", "surrogateescape")


# Comparisons


def compare(left: Plain, sign: str, right: Plain) -> bool:
    """`left sign right`: unlike types are unequal and in no order; integers and decimals compare as numbers."""
    if sign == "!=":
        return not compare(left, "==", right)
    if left is None or right is None:
        return left is right and sign in ("==", "<=", ">=")
    if _kind(left) != _kind(right):
        return False
    if sign == "==":
        return equal(left, right) if isinstance(left, tuple | MapValue) else left == right
    if isinstance(left, tuple | MapValue):
        return False
    if isinstance(left, str) and isinstance(right, str):
        return _ORDERS[sign](raw(left), raw(right))
    if float in (type(left), type(right)):
        return _ORDERS[sign](float(left), float(right))  # type: ignore[arg-type]  # both are numbers
    return _ORDERS[sign](left, right)


def equal(left: Plain, right: Plain) -> bool:
    """Whether two elements are the same, of the same type; the order of a map's entries does not matter."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, MapValue) and isinstance(right, MapValue):
        return len(left.entries) == len(right.entries) and all(
            key in right and equal(value, right.get(key)) for key, value in left.entries
        )
    return left == right


def _kind(value: Plain) -> type:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float
    return type(value)


# Arithmetic


def calculate(left: Plain, sign: str, right: Plain) -> Plain:
    """`left sign right` of two numbers; integers wrap at 64 bits and are divided towards zero."""
    if type(left) not in (int, float) or type(right) not in (int, float):
        raise Undefined
    if sign == "/" and right == 0:
        raise Undefined
    if type(left) is int and type(right) is int:
        match sign:
            case "+":
                whole = left + right
            case "-":
                whole = left - right
            case "*":
                whole = left * right
            case _:
                whole = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return (whole + 2**63) % 2**64 - 2**63
    a, b = float(left), float(right)  # type: ignore[arg-type]  # both are numbers
    return _FLOATS[sign](a, b)


# Text


def as_text(value: Plain) -> str | None:
    """What functions that take any value read as a string: numbers and truths as JSON, bytes in hexadecimal digits."""
    match value:
        case None | str():
            return value
        case bytes():
            return value.hex()
        case _:
            return _json(value)


def _json(value: Plain) -> str:
    """As Go's encoding/json writes it: keys sorted, of equal ones the last, bytes in base64."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _decimal(value)
        case str():
            return _quoted(value)
        case bytes():
            return f'"{base64.b64encode(value).decode()}"' if value else '""'
        case tuple():
            return f"[{','.join(map(_json, value))}]"
        case MapValue():
            entries = sorted(dict(value.entries).items(), key=lambda entry: raw(entry[0]))
            return "{" + ",".join(f"{_quoted(key)}:{_json(each)}" for key, each in entries) + "}"


def _quoted(text: str) -> str:
    clean = raw(text).decode("utf-8", "replace")
    written = json.dumps(clean, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


def _decimal(value: float) -> str:
    """The shortest digits that give the number again."""
    if not math.isfinite(value):
        raise Undefined
    if value == 0 or _SMALL <= abs(value) < _LARGE:
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    fraction = f".{''.join(rest)}" if rest else ""
    power = int(exponent) + len(rest)
    return f"{'-' if sign else ''}{first}{fraction}e{power:+03d}"
