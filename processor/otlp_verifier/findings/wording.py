"""Values as text for people: short, one line, nothing in it that a terminal or a log would act on."""

from datetime import UTC, datetime
from typing import Final

from otlp_verifier.findings.batch import Elements, Octets, Value
from otlp_verifier.language.paths import Type

TEXT_MAX: Final = 80  # characters of one value
_KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")  # by number, trace.proto
_CODES: Final = ("UNSET", "OK", "ERROR")
_NAMES: Final = {"kind": _KINDS, "status.code": _CODES}
_UNITS: Final = ((3_600_000_000_000, "h"), (60_000_000_000, "min"), (10**9, "s"), (10**6, "ms"), (10**3, "us"))


def worded(value: Value, type_: Type, path: str = "") -> str:
    """Write a value that has the given static type; `path` is the field's, whose numbers may have names."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return clean(value, TEXT_MAX)
    if isinstance(value, Octets):
        return "0x" + clean(value.content.hex().encode(), TEXT_MAX)
    if isinstance(value, Elements):
        return f"{{{value.size} keys}}" if value.is_map else f"[{value.size} values]"
    if isinstance(value, int):
        return _whole(value, type_, path)
    return str(value)


def clean(text: bytes, length_max: int) -> str:
    """Decode a string, escape what does not print, and cut it to so many characters."""
    # A character has at most four bytes: no more of a huge string is looked at.
    decoded = text[: 4 * length_max + 4].decode("utf-8", "replace")
    shown = decoded[: length_max + 1]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    return shown if len(shown) <= length_max else shown[: length_max - 1] + "…"


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
