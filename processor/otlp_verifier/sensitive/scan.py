"""Texts to classes: a cheap look at many texts at once, a close one at those that may hold something."""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otlp_verifier.sensitive.classes import CLASSES, NEVER
from otlp_verifier.sensitive.hits import Hit, compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otlp_verifier.sensitive.classes import Class

EVERY: Final = (1 << len(CLASSES)) - 1
KEY_BYTES_MAX: Final = 256  # of a key that says something of its value
_NOT_DIGITS: Final = bytes(set(range(256)) - set(b"0123456789"))
_LINE_END: Final = b"\n"


class Context(NamedTuple):
    """What a key says of its value, as bits of classes.

    Attributes:
        asks: those that a text with this key is of, if the class says so of it.
        excludes: those that it is not of, whatever it looks like.
        numbers: those that a number with this key is of.

    """

    asks: int = 0
    excludes: int = 0
    numbers: int = 0

    def __or__(self, other: Context) -> Context:
        """What two keys say together: that of an attribute, and that of an entry in its map."""
        return Context(*(a | b for a, b in zip(self, other, strict=True)))


@functools.lru_cache(maxsize=4096)
def context_of(key: bytes) -> Context:
    """What a key says of its value; nothing, where it is longer than keys are."""
    if len(key) > KEY_BYTES_MAX or compiled(_ANY_KEY).search(key) is None:
        return Context()
    asks = excludes = numbers = 0
    for bit, (each, patterns) in enumerate(zip(CLASSES, _key_patterns(), strict=True)):
        does_ask, does_exclude = (says is not None and says.search(key) is not None for says in patterns)
        if (does_ask or does_exclude) and re.search(each.unless, key) is None:
            asks |= does_ask << bit
            excludes |= does_exclude << bit
            numbers |= (does_ask and each.numbers) << bit
    return Context(asks, excludes, numbers)


# Most keys match none of them, which RE2 says soonest. For the others Python's own patterns do: keys are short.
@functools.cache
def _key_patterns() -> tuple[tuple[re.Pattern[bytes] | None, ...], ...]:
    """Per class, which keys ask and which exclude; None: none does. Made when the first key needs them."""
    return tuple(
        tuple(None if pattern == NEVER else re.compile(pattern) for pattern in (each.asks, each.excludes))
        for each in CLASSES
    )


_ANY_KEY: Final = b"|".join(
    b"(?i:" + pattern.removeprefix(b"(?i)") + b")"
    for each in CLASSES
    for pattern in (each.asks, each.excludes)
    if pattern != NEVER
)


@functools.cache
def _chosen(classes: int) -> tuple[tuple[int, Class], ...]:
    return tuple([(bit, each) for bit, each in enumerate(CLASSES) if classes >> bit & 1])


@functools.cache
def _shapes(classes: int) -> Any:
    """One pattern for the shapes of these classes, or None where none has one."""
    shapes = [b"(?:" + each.shape + b")" for _, each in _chosen(classes) if each.shape]
    return compiled(b"|".join(shapes)) if shapes else None


def suspects(buffer: bytes | memoryview, starts: Sequence[int], classes: int) -> list[int]:
    """Which of many texts may hold something of these classes.

    Args:
        buffer: the texts, a line end before, between and behind them.
        starts: where each begins, ascending.
        classes: bits.

    Returns:
        numbers of texts, ascending: all that hold something, and some that do not.

    """
    shapes, found = _shapes(classes), list[int]()
    if shapes is None or not starts:
        return found
    at, end = 0, len(buffer)
    # A match may begin in one text and end in another; none of them is passed over then. After a match the search goes
    # on where the next text begins: the one that it ends in will be looked at anyway.
    while (match := shapes.search(buffer, at, end)) is not None:
        first, last = bisect_right(starts, match.start() + 1) - 1, bisect_right(starts, match.end() - 1) - 1
        found.extend(number for number in range(max(first, 0), last + 1) if not found or number > found[-1])
        if last + 1 >= len(starts):
            break
        at = starts[last + 1] - 1
    return found


def classes_in(text: bytes, classes: int) -> int:
    """Which of these classes a text holds something of, whatever its key."""
    return sum(1 << bit for bit, each in _likely(text, classes) if next(each.find(text), None) is not None)


def _likely(text: bytes, classes: int) -> Iterator[tuple[int, Class]]:
    """The classes that a look at single letters does not rule out."""
    lower, digits = text.lower(), len(text.translate(None, _NOT_DIGITS))
    for bit, each in _chosen(classes):
        if each.shape and digits >= each.digits and (not each.marks or any(mark in lower for mark in each.marks)):
            yield bit, each


def classes_asked(text: bytes, classes: int) -> int:
    """Which of these classes a text is of, if its key asks for them."""
    return sum(1 << bit for bit, each in _chosen(classes) if text and each.is_asked(text))


def hits(
    text: bytes,
    classes: int,
    context: Context = Context(),  # noqa: B008  # a constant
    *,
    first: bool = False,
) -> list[tuple[Class, Hit]]:
    """All that a text holds of these classes, from left to right; what its key makes of it is the whole text.

    Args:
        text: what is looked into.
        classes: bits.
        context: what the text's keys say.
        first: of each class one is enough.

    """
    found = []
    if (asked := classes & context.asks) and (kinds := classes_asked(text, asked)):
        found = [(each, Hit(0, len(text))) for _, each in _chosen(kinds)]
    shapes = _shapes(wanted := classes & ~context.excludes)
    if shapes is not None and shapes.search(_LINE_END + text + _LINE_END) is not None:
        for _, each in _likely(text, wanted):
            every = each.find(text)
            found.extend((each, hit) for hit in (islice(every, 1) if first else every))
    return sorted(found, key=lambda one: (one[1].start, -one[1].end))
