"""Whether a record holds something sensitive, asked of each of its texts by itself.

The engine looks into all new texts of a batch at once, keeps what it found by codes, and joins it in a kernel. Of that
nothing is used here, nor its first looks that pass texts over: only what defines the classes, their finders and the
patterns of keys. Source: docs/language.md, HasSensitive.
"""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Final

from otlp_verifier.findings.witness.rows import Record, Rows
from otlp_verifier.language.plain import raw
from otlp_verifier.machine.operations import Domain
from otlp_verifier.sensitive.classes import CLASSES, Class
from otlp_verifier.sensitive.scan import KEY_BYTES_MAX
from otlp_verifier.wire.values import MapValue, Plain

_FIELDS: Final = {
    Domain.SPAN: ("name", "status.message"),
    Domain.EVENT: ("name",),
    Domain.SCOPE: ("name", "version"),
}
_STEP_BYTES: Final = 4096  # of a text that cost as much as another step
Value = str | int | float


def holds(rows: Rows, record: Record, named: str, count_step: Callable[[], None]) -> bool:
    """Whether a text or number of a record is of a class, or of one in a group.

    Args:
        rows: the batch.
        record: a resource, scope, span, event or link.
        named: `pii-email`; or `pii` for every class whose name begins so.
        count_step: called for each text and class.

    Raises:
        CannotTellError: there are too many texts, or an attribute cannot be read.

    """
    wanted = [each for each in CLASSES if each.name == named or each.name.startswith(f"{named}-")]
    for keys, value in _texts(rows, record):
        for each in wanted:
            for _ in range(1 + (len(value) // _STEP_BYTES if isinstance(value, str) else 0)):
                count_step()
            if _is_of(each, keys, value):
                return True
    return False


def _is_of(each: Class, keys: tuple[str, ...], value: Value) -> bool:
    is_asked = any(_says(each.asks, each.unless, key) for key in keys)
    if not isinstance(value, str):
        return is_asked and each.numbers
    text = raw(value)
    if is_asked and text and each.is_asked(text):
        return True
    return not any(_says(each.excludes, each.unless, key) for key in keys) and any(True for _ in each.find(text))


@functools.lru_cache(maxsize=4096)
def _says(pattern: bytes, unless: bytes, key: str) -> bool:
    written = raw(key)
    if len(written) > KEY_BYTES_MAX:
        return False
    return re.search(pattern, written) is not None and re.search(unless, written) is None


def _texts(rows: Rows, record: Record) -> Iterator[tuple[tuple[str, ...], Value]]:
    """All strings and numbers of a record, each with its keys: the attribute's, and in a map its own."""
    for path in _FIELDS.get(record.domain, ()):
        yield (), rows.value(record, path, with_clock=False)
    for key, value in rows.attributes(record):
        yield from _within(value, (key,))


def _within(value: Plain, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Value]]:
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield keys, value
    elif isinstance(value, tuple):
        for each in value:
            yield from _within(each, keys[:1])
    elif isinstance(value, MapValue):
        for key, each in value.entries:
            yield from _within(each, (keys[0], key))
