"""OTTL's converters that make something of one value: what each gives for a value and its constant arguments.

They are asked once per distinct value, by `made.py`. Sources: pkg/ottl/ottlfuncs of
opentelemetry-collector-contrib, v0.157.0, and the Go functions that those call.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from otlp_verifier.language.plain import Undefined, as_text, compare, raw
from otlp_verifier.wire.values import MapValue, Plain, text

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
PATTERN_MAX: Final = 1024  # characters
JSON_LEVELS_MAX: Final = 100  # of arrays and maps within each other, as in a request
_PATTERN_MEMORY_MAX = 1 << 20  # bytes that RE2 may use for one pattern
_TRUTHS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_DECIMAL = re.compile(
    r"[+-]?(D(\.(D)?)?|\.D)(e[+-]?D)?|[+-]?(inf|infinity)|nan".replace("D", "[0-9]+(?:_[0-9]+)*"), re.IGNORECASE
)
_HEXADECIMAL = re.compile(r"[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)p[+-]?[0-9]+", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class WrongArgument(ValueError):  # noqa: N818
    """An argument that the function cannot take: the rule is refused. `number` counts from 0."""

    def __init__(self, number: int, message: str) -> None:
        self.number = number
        super().__init__(message)


Function = Callable[[Plain], Plain]


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter.

    Attributes:
        make: the function of the value, given the arguments after it.
        arguments: what each of those is, for messages.
        required: how many of them there must be; None: all.
        of_strings: whether it is undefined for everything else.
        is_test: whether it gives true or false, and false where it is undefined.

    """

    make: Callable[..., Function]
    arguments: tuple[str, ...] = ()
    required: int | None = None
    of_strings: bool = False
    is_test: bool = False


# What arguments are


def _string(value: Plain, number: int = 1) -> str:
    if not isinstance(value, str):
        raise WrongArgument(number, "a string in double quotes")
    return value


def _whole(value: Plain, number: int, least: int) -> int:
    if type(value) is not int or value < least:
        raise WrongArgument(number, f"a whole number, {least} or more")
    return value


# What values are


def _of_string(value: Plain) -> str:
    if not isinstance(value, str):
        raise Undefined
    return value


def _on_strings(function: Callable[[str], Plain]) -> Function:
    return lambda value: function(_of_string(value))


# Conversions


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


def _parse_int(value: str, base: int) -> int:
    """strconv.ParseInt: base 0 reads the base from a prefix and allows underscores."""
    digits = value.removeprefix("-") if value.startswith("-") else value.removeprefix("+")
    if base == 0:
        try:
            is_octal = re.fullmatch("0[0-7_]+", digits)
            number = int(f"0o{digits[1:]}" if is_octal else digits, 0)
        except ValueError:
            raise Undefined from None
        if not digits[:1].isdigit() or not digits.isascii():
            raise Undefined
    else:
        if not digits or len(digits) > 64 or any(each not in _DIGITS[:base] for each in digits.lower()):
            raise Undefined
        number = int(digits, base)
    number = -number if value.startswith("-") else number
    if not INT_MIN <= number <= INT_MAX:
        raise Undefined
    return number


def _parse_int_of(base: Plain) -> Function:
    given = _whole(base, 1, 0)
    if given == 1 or given > len(_DIGITS):
        raise WrongArgument(1, "a base: 0, or 2 to 36")
    return _on_strings(lambda value: _parse_int(value, given))


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _parse_json(value: str) -> Plain:
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
        case None | bool() | float():
            return value
    raise TypeError(value)


def _sound(text: str) -> str:
    """A string of JSON without halves of surrogate pairs and bytes that are no UTF-8, as Go reads them."""
    return _SURROGATE.sub("\ufffd", text)


# Strings


def _lower(value: str) -> str:
    """Letter by letter, as Go does: no letter becomes two, and a final sigma is like any other."""
    return "".join(low if len(low := each.lower()) == 1 else low[0] for each in value)


def _upper(value: str) -> str:
    return "".join(next((up for up in (each.upper(), each.title()) if len(up) == 1), each) for each in value)


def _convert_case(to: Plain) -> Function:
    if to not in ("lower", "upper"):
        raise WrongArgument(1, '"lower" or "upper"')
    return _on_strings(_lower if to == "lower" else _upper)


def _substring(start: Plain, length: Plain) -> Function:
    first, count = _whole(start, 1, 0), _whole(length, 2, 1)

    def substring(value: str) -> str:
        content = raw(value)
        if first + count > len(content):
            raise Undefined
        return text(content[first : first + count])

    return _on_strings(substring)


def _split(delimiter: Plain) -> Function:
    mark = _string(delimiter)
    return _on_strings(lambda value: tuple(value.split(mark)) if mark else tuple(value))


def concat(parts: Sequence[Plain], place: int, delimiter: str) -> Function:
    """Concat of constant parts with the value in one place."""

    def join(value: Plain) -> str:
        texts = [as_text(value if number == place else part) for number, part in enumerate(parts)]
        return delimiter.join("<nil>" if each is None else each for each in texts)

    return join


def _trim(cut: Plain = " ") -> Function:
    characters = _string(cut)
    # Python strips white space where nothing is named; Go strips nothing.
    return _on_strings(lambda value: value.strip(characters) if characters else value)


def is_match(pattern: Plain) -> Function:
    """IsMatch: RE2, found anywhere, as Go's regexp.MatchString; numbers and the like are matched as written."""
    import re2  # noqa: PLC0415  # costs 10 ms, and only rules with patterns need it

    written = _string(pattern)
    if len(written) > PATTERN_MAX:
        raise WrongArgument(-1, f"the pattern has {len(written)} characters; at most {PATTERN_MAX} are allowed")
    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY_MAX
    options.log_errors = False
    try:
        search = re2.compile(written.encode(), options).search
    except re2.error as error:
        reason = error.args[0] if error.args else error
        told = reason.decode() if isinstance(reason, bytes) else reason
        raise WrongArgument(-1, f"not an RE2 pattern: {told}") from None

    def matches(value: Plain) -> bool:
        written = as_text(value)
        return written is not None and search(raw(written)) is not None

    return matches


def _is_in_cidr(networks: Plain) -> Function:
    try:
        if not isinstance(networks, tuple) or not all(isinstance(each, str) and "/" in each for each in networks):
            raise ValueError
        known = [ipaddress.ip_network(str(each), strict=False) for each in networks]
    except ValueError:
        raise WrongArgument(1, 'a list of networks, as in ["10.0.0.0/8"]') from None

    def is_inside(value: str) -> bool:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in each for each in known)

    return _on_strings(is_inside)


# Lists, maps and all else


def length(value: Plain) -> int:
    """Len: bytes, elements or entries."""
    match value:
        case str():
            return len(raw(value))
        case bytes() | tuple():
            return len(value)
        case MapValue():
            return len(value.entries)
    raise Undefined


def _index(wanted: Plain) -> Function:
    def index(value: Plain) -> int:
        if isinstance(value, str):
            return raw(value).find(raw(_of_string(wanted)))
        if not isinstance(value, tuple):
            raise Undefined
        return next((place for place, each in enumerate(value) if compare(each, "==", wanted)), -1)

    return index


def _contains_value(wanted: Plain) -> Function:
    def contains(value: Plain) -> bool:
        if not isinstance(value, tuple):
            raise Undefined
        return any(compare(each, "==", wanted) for each in value)

    return contains


def _is_empty(value: Plain) -> bool:
    match value:
        case MapValue():
            return not value.entries
        case _:
            return not value


def element(key: str | int) -> Function:
    """`value["key"]` and `value[0]`: nothing of nothing is nil."""

    def get(value: Plain) -> Plain:
        if value is None:
            return None
        if isinstance(value, MapValue) and isinstance(key, str):
            return value.get(key)
        if isinstance(value, tuple) and isinstance(key, int) and key < len(value):
            return value[key]
        raise Undefined

    return get


def _with_string(function: Callable[[str, str], Plain], *, is_test: bool = False) -> Converter:
    """A function of a string and another one, which the rule states."""

    def make(stated: Plain) -> Function:
        given = _string(stated)
        return _on_strings(lambda value: function(value, given))

    return Converter(make, ("a string",), of_strings=True, is_test=is_test)


CONVERTERS: Final[dict[str, Converter]] = {
    "IsMatch": Converter(is_match, ("a pattern",), is_test=True),
    "HasPrefix": _with_string(lambda value, wanted: value.startswith(wanted), is_test=True),
    "HasSuffix": _with_string(lambda value, wanted: value.endswith(wanted), is_test=True),
    "IsInCIDR": Converter(_is_in_cidr, ("networks",), of_strings=True, is_test=True),
    "ContainsValue": Converter(_contains_value, ("a value",), is_test=True),
    "IsEmpty": Converter(lambda: _is_empty, is_test=True),
    "IsString": Converter(lambda: lambda value: isinstance(value, str), is_test=True),
    "IsInt": Converter(lambda: lambda value: type(value) is int, is_test=True),
    "IsDouble": Converter(lambda: lambda value: isinstance(value, float), is_test=True),
    "IsBool": Converter(lambda: lambda value: isinstance(value, bool), is_test=True),
    "IsMap": Converter(lambda: lambda value: isinstance(value, MapValue), is_test=True),
    "IsList": Converter(lambda: lambda value: isinstance(value, tuple), is_test=True),
    "Len": Converter(lambda: length),
    "Int": Converter(lambda: to_int),
    "Double": Converter(lambda: to_double),
    "String": Converter(lambda: as_text),
    "Bool": Converter(lambda: to_bool),
    "Index": Converter(_index, ("a value",)),
    "ParseInt": Converter(_parse_int_of, ("a base",), of_strings=True),
    "ParseJSON": Converter(lambda: _on_strings(_parse_json), of_strings=True),
    "ToLowerCase": Converter(lambda: _on_strings(_lower), of_strings=True),
    "ToUpperCase": Converter(lambda: _on_strings(_upper), of_strings=True),
    "ConvertCase": Converter(_convert_case, ("a case",), of_strings=True),
    "Substring": Converter(_substring, ("a start", "a length"), of_strings=True),
    "Split": Converter(_split, ("a delimiter",), of_strings=True),
    "Trim": Converter(_trim, ("characters",), required=0, of_strings=True),
    "TrimPrefix": _with_string(lambda value, cut: value.removeprefix(cut)),
    "TrimSuffix": _with_string(lambda value, cut: value.removesuffix(cut)),
}
