"""OTTL's converters that make something of one value: what each gives for a value and its constant arguments.

They are asked once per distinct value, by `made.py`. Sources: pkg/ottl/ottlfuncs of
opentelemetry-collector-contrib, v0.157.0, and the Go functions that those call.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from otlp_verifier.language.conversions import DIGITS, parse_int, parse_json, to_bool, to_double, to_int
from otlp_verifier.language.errors import nearest
from otlp_verifier.language.identity import NOTHING, identity
from otlp_verifier.language.plain import Undefined, as_text, compare, raw
from otlp_verifier.sensitive.classes import GROUPS, NAMES, mask_of
from otlp_verifier.sensitive.scan import classes_in
from otlp_verifier.wire.values import MapValue, Plain, text

PATTERN_MAX: Final = 1024  # characters
_PATTERN_MEMORY_MAX = 1 << 20  # bytes that RE2 may use for one pattern


class WrongArgument(ValueError):  # noqa: N818
    """An argument that the function cannot take: the rule is refused. `number` counts from 0."""

    def __init__(self, number: int, message: str) -> None:
        self.number = number
        super().__init__(message)


Function = Callable[[Plain], Plain]


class Converter(msgspec.Struct, frozen=True):
    """A converter.

    Attributes:
        make: the function of the value, given the arguments after it.
        arguments: what each of those is, for messages.
        required: how many of them there must be; None: all.
        of_strings: whether it is undefined for everything else.
        is_test: whether it gives true or false, and false where it is undefined.
        is_whole: whether it gives whole numbers, or nil.

    """

    make: Callable[..., Function]
    arguments: tuple[str, ...] = ()
    required: int | None = None
    of_strings: bool = False
    is_test: bool = False
    is_whole: bool = False


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


# Strings


def _parse_int_of(base: Plain) -> Function:
    given = _whole(base, 1, 0)
    if given == 1 or given > len(DIGITS):
        raise WrongArgument(1, "a base: 0, or 2 to 36")
    return _on_strings(lambda value: parse_int(value, given))


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


def _compiled(pattern: Plain) -> Any:
    """A pattern of RE2."""
    import re2  # noqa: PLC0415  # costs 10 ms, and only rules with patterns need it

    written = _string(pattern)
    if len(written) > PATTERN_MAX:
        raise WrongArgument(-1, f"the pattern has {len(written)} characters; at most {PATTERN_MAX} are allowed")
    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY_MAX
    options.log_errors = False
    try:
        return re2.compile(written.encode(), options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        told = reason.decode() if isinstance(reason, bytes) else reason
        raise WrongArgument(-1, f"not an RE2 pattern: {told}") from None


def is_match(pattern: Plain) -> Function:
    """IsMatch: RE2, found anywhere, as Go's regexp.MatchString; numbers and the like are matched as written."""
    search = _compiled(pattern).search

    def matches(value: Plain) -> bool:
        written = as_text(value)
        return written is not None and search(raw(written)) is not None

    return matches


def _with_one_group(pattern: Plain) -> tuple[Any, int]:
    """A pattern, and the group whose match counts: 0 where it has none."""
    compiled = _compiled(pattern)
    if compiled.groups > 1:
        raise WrongArgument(1, "a pattern with one group (...) or none; others are written (?:...)")
    return compiled, compiled.groups


def _extract(pattern: Plain) -> Function:
    compiled, group = _with_one_group(pattern)

    def extract(value: str) -> Plain:
        found = compiled.search(raw(value))
        if found is None or found[group] is None:
            raise Undefined
        return text(found[group])

    return _on_strings(extract)


def _extract_all(pattern: Plain) -> Function:
    compiled, group = _with_one_group(pattern)
    return _on_strings(lambda value: tuple(text(found[group] or b"") for found in compiled.finditer(raw(value))))


def _is_distinct(value: Plain) -> bool:
    if not isinstance(value, tuple):
        raise Undefined
    words = [word for word in map(identity, value) if word != NOTHING]
    return len(set(words)) == len(words)


def classes_named(name: Plain) -> int:
    """The classes of sensitive data that an argument names, as bits."""
    known = (*GROUPS, *NAMES)
    if not isinstance(name, str) or not (bits := mask_of(name)):
        hint = nearest(name, known) if isinstance(name, str) else ""
        raise WrongArgument(1, f"a class of sensitive data, one of {', '.join(known)}{hint}")
    return bits


def _is_sensitive(name: Plain) -> Function:
    bits = classes_named(name)
    return _on_strings(lambda value: classes_in(raw(value), bits) != 0)


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
    "IsSensitive": Converter(_is_sensitive, ("a class",), of_strings=True, is_test=True),
    "ContainsValue": Converter(_contains_value, ("a value",), is_test=True),
    "IsEmpty": Converter(lambda: _is_empty, is_test=True),
    "IsString": Converter(lambda: lambda value: isinstance(value, str), is_test=True),
    "IsInt": Converter(lambda: lambda value: type(value) is int, is_test=True),
    "IsDouble": Converter(lambda: lambda value: isinstance(value, float), is_test=True),
    "IsBool": Converter(lambda: lambda value: isinstance(value, bool), is_test=True),
    "IsMap": Converter(lambda: lambda value: isinstance(value, MapValue), is_test=True),
    "IsList": Converter(lambda: lambda value: isinstance(value, tuple), is_test=True),
    "IsDistinct": Converter(lambda: _is_distinct, is_test=True),
    "Extract": Converter(_extract, ("a pattern",), of_strings=True),
    "ExtractAll": Converter(_extract_all, ("a pattern",), of_strings=True),
    "Len": Converter(lambda: length, is_whole=True),
    "Int": Converter(lambda: to_int, is_whole=True),
    "Double": Converter(lambda: to_double),
    "String": Converter(lambda: as_text),
    "Bool": Converter(lambda: to_bool),
    "Index": Converter(_index, ("a value",), is_whole=True),
    "ParseInt": Converter(_parse_int_of, ("a base",), of_strings=True, is_whole=True),
    "ParseJSON": Converter(lambda: _on_strings(parse_json), of_strings=True),
    "ToLowerCase": Converter(lambda: _on_strings(_lower), of_strings=True),
    "ToUpperCase": Converter(lambda: _on_strings(_upper), of_strings=True),
    "ConvertCase": Converter(_convert_case, ("a case",), of_strings=True),
    "Substring": Converter(_substring, ("a start", "a length"), of_strings=True),
    "Split": Converter(_split, ("a delimiter",), of_strings=True),
    "Trim": Converter(_trim, ("characters",), required=0, of_strings=True),
    "TrimPrefix": _with_string(lambda value, cut: value.removeprefix(cut)),
    "TrimSuffix": _with_string(lambda value, cut: value.removesuffix(cut)),
}
