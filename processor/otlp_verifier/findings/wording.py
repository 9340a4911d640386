"""Values as text for people: short, one line, nothing in it that a terminal or a log would act on, and no secrets."""

import functools
from datetime import UTC, datetime
from typing import Final

from otlp_verifier.findings.batch import Elements, Excerpt, Octets, Value
from otlp_verifier.findings.printable import EXCERPT_MAX, clean, masked
from otlp_verifier.language.paths import Type
from otlp_verifier.sensitive.masking import redacted, withheld

TEXT_MAX: Final = 80  # characters of one value
_KEPT: Final = 4096  # texts that are not looked through again: a report shows the same names and keys many times
_KEPT_BYTES_MAX: Final = 256  # of one of them with its key
_KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")  # by number, trace.proto
_CODES: Final = ("UNSET", "OK", "ERROR")
_NAMES: Final = {"kind": _KINDS, "status.code": _CODES}
_UNITS: Final = ((3_600_000_000_000, "h"), (60_000_000_000, "min"), (10**9, "s"), (10**6, "ms"), (10**3, "us"))


def worded(value: Value, type_: Type, path: str = "", *, key: bytes = b"") -> str:
    """Write a value that has the given static type, without what is sensitive in it.

    Args:
        value: as a batch reads it.
        type_: what it is as the rule has it.
        path: the field's, whose numbers may have names.
        key: the attribute's, which may say that the whole value is sensitive.

    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return shown(value, TEXT_MAX, key)
    if isinstance(value, Excerpt):
        return clean(value.content, EXCERPT_MAX)
    if isinstance(value, Octets):
        if redacted(value.content, key) != value.content:
            return masked(value.content, TEXT_MAX, key)
        return "0x" + clean(value.content.hex().encode(), TEXT_MAX)
    if isinstance(value, Elements):
        return f"{{{value.size} keys}}" if value.is_map else _array(value, key)
    if key and (instead := withheld(key)) and isinstance(value, int | float):
        return clean(instead, EXCERPT_MAX)
    if isinstance(value, int):
        return _whole(value, type_, path)
    return str(value)


def _array(value: Elements, key: bytes) -> str:
    """The first elements, each as it would be by itself: none is cut off in its middle by the others."""
    told: list[str] = []
    for each in value.first:
        words = worded(each, Type.DYNAMIC, key=key)
        if told and len(", ".join((*told, words))) > EXCERPT_MAX:
            break
        told.append(words)
    if not told:
        return f"[{value.size} values]"
    more = f" and {value.size - len(told)} more" if value.size > len(told) else ""
    return f"[{', '.join(told)}{more}]"


def shown(text: bytes, length_max: int, key: bytes = b"") -> str:
    """A string of the telemetry as `masked` writes it."""
    return (_kept if len(text) + len(key) <= _KEPT_BYTES_MAX else masked)(text, length_max, key)


_kept: Final = functools.lru_cache(_KEPT)(masked)


def _whole(value: int, type_: Type, path: str) -> str:
    if type_ is Type.TIME:
        return _time(value)
    if type_ is Type.DURATION:
        return duration(value)
    names = _NAMES.get(path, ())
    if 0 <= value < len(names):
        return names[value]
    return f"{value:#x}" if path.split(".", maxsplit=1)[0] == "flags" else str(value)


def _time(unix_ns: int) -> str:
    """RFC 3339, to the nanosecond; every 64-bit time has a year of four digits."""
    seconds, ns = divmod(unix_ns, 10**9)
    fraction = f".{ns:09d}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def duration(ns: int) -> str:
    """Write a duration with three digits and the unit that fits."""
    for size, unit in _UNITS:
        if abs(ns) >= size:
            amount = ns / size
            return f"{amount:.3g} {unit}" if abs(amount) < 999.5 else f"{amount:.0f} {unit}"
    return f"{ns} ns"
