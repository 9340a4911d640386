"""The words of the example notation: labels to ids, durations to times, plain values to attributes."""

import re
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from otlp_verifier.language.errors import nearest

BASE_TIME_NS: Final = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z: what `start: 0ms` means
_UNIT_NS: Final = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION: Final = re.compile(r"(-?\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")
_LABEL: Final = re.compile("[a-z]")
_MOST: Final = 1 << 20  # characters of a repeated text
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")


class NotationError(ValueError):
    """What is wrong with an example: where in it, what was expected and what was found."""


class Fields:
    """A mapping of the notation whose keys are known.

    Attributes:
        at: where it stands, for messages.

    """

    def __init__(self, notation: object, at: str, keys: tuple[str, ...]) -> None:
        if not isinstance(notation, Mapping):
            raise NotationError(f"{at}: expected a mapping with the keys {', '.join(keys)}; found `{notation}`")
        for key in notation:
            if key not in keys:
                raise NotationError(f"{at}: unknown key `{key}`{nearest(str(key), keys)} (known: {', '.join(keys)})")
        self._notation: Mapping[str, Any] = notation
        self.at = at

    def __contains__(self, key: str) -> bool:
        return key in self._notation

    def __getitem__(self, key: str) -> Any:  # what YAML holds is checked where it is used
        return self._notation[key]

    def get(self, key: str, default: object) -> Any:
        """Return the value of a key, or the default."""
        return self._notation.get(key, default)

    def items(self, key: str) -> list[Any]:
        """Return the list at a key; empty when the key is missing."""
        found = self._notation.get(key, [])
        if not isinstance(found, list):
            raise NotationError(f"{self.at}.{key}: expected a list, found `{found}`")
        return found

    def time(self, short: str, exact: str, default_ns: int) -> int:
        """Return Unix nanoseconds, from a duration after the base time or as they are."""
        if self._which(short, exact) == exact:
            return number(self[exact], f"{self.at}.{exact}")
        return time_ns(self[short], f"{self.at}.{short}") if short in self else default_ns

    def id(self, short: str, exact: str, default: bytes, length: int) -> bytes:
        """Return an id of `length` bytes from a label, or any bytes as they are."""
        if self._which(short, exact) == exact:
            return octets(self[exact], f"{self.at}.{exact}")
        return label_id(self[short], length, f"{self.at}.{short}") if short in self else default

    def _which(self, short: str, exact: str) -> str:
        if short in self and exact in self:
            raise NotationError(f"{self.at}: {short} and {exact} say the same thing; expected one of them")
        return exact if exact in self else short


def time_ns(value: object, at: str) -> int:
    """Add a duration such as `10ms`, `-2s` or 0 to the base time; Unix nanoseconds."""
    if value == 0 and not isinstance(value, bool):
        return BASE_TIME_NS
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise NotationError(f"{at}: expected a duration such as 10ms (units {', '.join(_UNIT_NS)}), found `{value}`")
    return BASE_TIME_NS + round(float(match[1]) * _UNIT_NS[match[2]])


def label_id(label: object, length: int, at: str) -> bytes:
    """Return an id of 8 or 16 bytes: for a letter, or for hex digits those."""
    if isinstance(label, str) and _LABEL.fullmatch(label):
        return numbered_id(ord(label) - ord("a") + 1, length)
    if isinstance(label, str) and len(label) == 2 * length and _HEX.fullmatch(label):
        return bytes.fromhex(label)
    expected = f"a letter from a to z, or {2 * length} hex digits in quotes"
    raise NotationError(f"{at}: expected {expected}; found `{label}`")


def numbered_id(number_: int, length: int) -> bytes:
    """Return the id of 8 or 16 bytes that belongs to a number: `a` is 1, `b` 2 and so on."""
    return b"\x5a" * (length - 4) + number_.to_bytes(4, "big")


def text(value: object, at: str) -> str:
    """Check that a value is text."""
    if not isinstance(value, str):
        raise NotationError(f"{at}: expected text, found `{value}`")
    return value


def number(value: object, at: str) -> int:
    """Check that a value is a whole number and not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NotationError(f"{at}: expected a whole number from 0 on, found `{value}`")
    return value


def octets(value: object, at: str) -> bytes:
    """Make bytes from hex digits with spaces anywhere; a list of such texts is joined."""
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in parts):
        raise NotationError(f'{at}: expected hex digits in quotes such as "0a 02", found `{value}`')
    digits = "".join("".join(str(part).split()) for part in parts)
    if not _HEX.fullmatch(digits):
        raise NotationError(f"{at}: expected pairs of hex digits, found `{value}`")
    return bytes.fromhex(digits)


def key_values(value: object, at: str) -> list[KeyValue]:
    """Make attributes of a mapping, or of a list of pairs where a key has to stand twice."""
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        pairs = [(pair[0], pair[1]) for pair in value]
    else:
        raise NotationError(f"{at}: expected a mapping or a list of pairs, found `{value}`")
    return [KeyValue(key=text(key, f"{at}: key"), value=_any_value(item, f"{at}.{key}")) for key, item in pairs]


def _any_value(value: object, at: str) -> AnyValue | None:
    match value:
        case None:
            return None
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            values = [_any_value(item, f"{at}[{i}]") or AnyValue() for i, item in enumerate(value)]
            return AnyValue(array_value=ArrayValue(values=values))
        case {"repeat": str() as part, "times": int() as times, **more} if not more and times * len(part) <= _MOST:
            return AnyValue(string_value=part * times)
        case Mapping():
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value, at)))
        case _:
            raise NotationError(f"{at}: expected text, a number, true, false, a list or a mapping, found `{value}`")
