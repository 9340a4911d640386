"""What OTTL's conversions read in a value, as Go's strconv and encoding/json read it.

Sources: pkg/ottl (Int, Double and Bool of a value) and pkg/ottl/ottlfuncs (ParseInt, ParseJSON) of
opentelemetry-collector-contrib, v0.157.0, and the Go functions that those call.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final, NoReturn

from otlp_verifier.language.plain import Undefined
from otlp_verifier.wire.values import MapValue, Plain

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
JSON_LEVELS_MAX: Final = 100  # of arrays and maps within each other, as in a request
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_TRUTHS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_DECIMAL = re.compile(
    r"[+-]?(D(\.(D)?)?|\.D)(e[+-]?D)?|[+-]?(inf|infinity)|nan".replace("D", "[0-9]+(?:_[0-9]+)*"), re.IGNORECASE
)
_HEXADECIMAL = re.compile(r"[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)p[+-]?[0-9]+", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


def to_int(value: Plain) -> Plain:
    """Int: of a string that is no whole number nil."""
    match value:
        case None | int():  # bool is one
            return None if value is None else int(value)
        case float():
            # What Go makes of numbers that do not fit is the processor's matter; this is amd64's.
            return int(value) if math.isfinite(value) and INT_MIN <= value < 2.0**63 else INT_MIN
        case str():
            number = int(value) if re.fullmatch("[+-]?[0-9]+", value, re.ASCII) and len(value) <= 64 else INT_MAX + 1
            return number if INT_MIN <= number <= INT_MAX else None
        case _:
            raise Undefined


def to_double(value: Plain) -> Plain:
    """Double."""
    match value:
        case None | float():
            return value
        case int():
            return float(value)
        case str():
            return _parse_float(value)
        case _:
            raise Undefined


def _parse_float(value: str) -> float:
    """strconv.ParseFloat."""
    try:
        if _HEXADECIMAL.fullmatch(value):
            return float.fromhex(value)
        if _DECIMAL.fullmatch(value) and (math.isfinite(number := float(value)) or "n" in value.lower()):
            return number
    except OverflowError:
        pass  # as of decimal digits, which make an infinite number
    raise Undefined


def to_bool(value: Plain) -> Plain:
    """Bool."""
    match value:
        case None | bool():
            return value
        case int() | float():
            return value != 0
        case str() if value in _TRUTHS:
            return _TRUTHS[value]
        case _:
            raise Undefined


def parse_int(value: str, base: int) -> int:
    """strconv.ParseInt: base 0 reads the base from a prefix and allows underscores."""
    digits = value.removeprefix("-") if value.startswith("-") else value.removeprefix("+")
    if base == 0:
        if not re.fullmatch("[0-9][0-9a-zA-Z_]*", digits):
            raise Undefined
        try:
            is_octal = re.fullmatch("0[0-7_]+", digits)
            number = int(f"0o{digits[1:]}" if is_octal else digits, 0)
        except ValueError:
            raise Undefined from None
    else:
        if not digits or len(digits) > 64 or any(each not in DIGITS[:base] for each in digits.lower()):
            raise Undefined
        number = int(digits, base)
    number = -number if value.startswith("-") else number
    if not INT_MIN <= number <= INT_MAX:
        raise Undefined
    return number


def _refuse(_: str) -> NoReturn:
    raise ValueError


def parse_json(value: str) -> Plain:
    """ParseJSON: a list or a map, all of whose numbers are doubles, as encoding/json gives them."""
    try:
        parsed = json.loads(value, parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Undefined from None
    if not isinstance(parsed, list | dict):
        raise Undefined
    return _plain(parsed, JSON_LEVELS_MAX)


def _plain(value: object, levels: int) -> Plain:
    if levels == 0:
        raise Undefined
    match value:
        case list():
            return tuple(_plain(each, levels - 1) for each in value)
        case dict():
            return MapValue(tuple((_sound(key), _plain(each, levels - 1)) for key, each in value.items()))
        case str():
            return _sound(value)
        case float() if not math.isfinite(value):  # too large for a double, as 1e999
            raise Undefined
        case None | bool() | float():
            return value
    raise TypeError(value)


def _sound(text: str) -> str:
    """A string of JSON without halves of surrogate pairs and bytes that are no UTF-8, as Go reads them."""
    return _SURROGATE.sub("\ufffd", text)
