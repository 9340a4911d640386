"""Whether a record holds something sensitive, slowly: each of its texts by itself, with no look at all of them before.

What a text holds is asked of the package; tests/sensitive/ compares that with checks of its own.
"""

import functools
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from otlp_verifier.sensitive.classes import mask_of
from otlp_verifier.sensitive.scan import classes_asked, classes_in, context_of
from tests.reference.records import Record

# The same texts come up in thousands of requests, and each is asked about by all rules.
_holds = functools.lru_cache(1 << 16)(classes_in)
_would_be = functools.lru_cache(1 << 16)(classes_asked)
_says = functools.cache(context_of)
_mask_of = functools.cache(mask_of)
_FIELDS = {"span": ["name", "status.message"], "event": ["name"], "scope": ["name", "version"]}


def holds(record: Record, named: str) -> bool:
    """Whether one of a record's texts is of a class."""
    wanted = _mask_of(named)
    for path in _FIELDS.get(record.domain, []):
        message: Any = record.message
        for part in path.split("."):
            message = getattr(message, part)
        if _holds(message.encode(), wanted):
            return True
    return any(
        _found(value, keys, wanted)
        for pair in record.message.attributes
        for keys, value in _values(pair.value, (pair.key,))
    )


def is_of_class(value: Any, named: str) -> bool:
    """Whether a value is a text of a class, whatever its key."""
    return isinstance(value, str) and _holds(value.encode(), _mask_of(named)) != 0


def _values(value: AnyValue, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str | int | float]]:
    """All strings and numbers in a value, with the attribute's key and, in a map, their own."""
    match value.WhichOneof("value"):
        case "string_value":
            yield keys, value.string_value
        case "int_value":
            yield keys, value.int_value
        case "double_value":
            yield keys, value.double_value
        case "array_value":
            for each in value.array_value.values:
                yield from _values(each, keys[:1])
        case "kvlist_value":
            for entry in value.kvlist_value.values:
                yield from _values(entry.value, (keys[0], entry.key))


def _found(value: str | float, keys: tuple[str, ...], wanted: int) -> bool:
    contexts = [_says(key.encode()) for key in keys]
    if not isinstance(value, str):
        return any(each.numbers & wanted for each in contexts)
    for each in contexts:
        if _would_be(value.encode(), each.asks & wanted):
            return True
        wanted_outright = wanted
        for other in contexts:
            wanted_outright &= ~other.excludes
        if _holds(value.encode(), wanted_outright):
            return True
    return False
