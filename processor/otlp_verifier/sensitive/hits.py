"""Where a text holds something of a class, and what finders of all classes share."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# What RE2 may use for one pattern; those here need far less, and with less it would only be slower.
_PATTERN_MEMORY_MAX: Final = 8 << 20  # bytes


class Hit(NamedTuple):
    """Something of a class.

    Attributes:
        start, end: where it stands, in bytes.
        first, last: how many of its bytes may be shown.
        size: how long it is, in words.

    """

    start: int
    end: int
    first: int = 0
    last: int = 0
    size: str = ""


@functools.cache
def compiled(pattern: bytes) -> Any:  # RE2's pattern, which has no types
    """A pattern on bytes, each of which is a character."""
    import re2  # noqa: PLC0415  # costs 10 ms, and only who looks for something pays it

    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY_MAX
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern, options)


def spans(pattern: bytes, text: bytes, group: int = 0) -> Iterator[tuple[int, int]]:
    """Where a pattern matches, from left to right."""
    for match in compiled(pattern).finditer(text):
        yield match.span(group)


def has(pattern: bytes, text: bytes) -> bool:
    """Whether a pattern matches anywhere."""
    return compiled(pattern).search(text) is not None


def is_all(pattern: bytes, text: bytes) -> bool:
    """Whether a pattern matches the whole text."""
    return compiled(pattern).fullmatch(text) is not None


_WORD: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_DIGITS: Final = frozenset(b"0123456789")


def stands_alone(text: bytes, start: int, end: int, *, joints: bytes = b"") -> bool:
    """Whether no word goes on before or behind; `joints` join words too, where there is a letter or digit beyond."""
    return not (_goes_on(text, start - 1, -1, joints) or _goes_on(text, end, 1, joints))


def _goes_on(text: bytes, at: int, step: int, joints: bytes) -> bool:
    if not 0 <= at < len(text):
        return False
    return text[at] in _WORD or (text[at] in joints and 0 <= at + step < len(text) and text[at + step] in _WORD)


def before(text: bytes, start: int, most: int = 32) -> bytes:
    """What stands before a place, in lower case."""
    return text[max(0, start - most) : start].lower()


# What stands where a secret was, or is yet to be put. Without patterns, as every value of a suspicious key is asked.
_AROUND: Final = b" \t\r\n\"'`[]<>(){}"
_STAND_INS: Final = frozenset(
    b"null nil none undefined true false unset empty missing absent present n/a default string str text value "
    b"removed "
    b"hidden private confidential scrubbed sanitized redacted filtered masked obfuscated encrypted secret "
    b"password passwd "
    b"pwd pass token key apikey api_key credential credentials required optional changeme".split()
)
_FILLERS: Final = frozenset(b"xX*.-_#")
_VARIABLES: Final = (b"$", b"%s", b"%v", b"%(", b"{", b"<", b"?", b":", b"@", b"[", b"your-", b"your_", b"my-", b"my_")
_MASKED: Final = (b"***", b"xxxx", b"redacted", b"filtered]", b"[masked", b"&lt;", b"...", "…".encode(), "•".encode())


def is_masked(value: bytes) -> bool:
    """Whether a value only stands for another one: it was taken out, is named by a variable, or is nothing."""
    bare = value.strip(b" \t\r\n\"'`")
    word = bare.strip(_AROUND).lower()
    if not word or word in _STAND_INS or (len(set(word)) == 1 and word[0] in _FILLERS):
        return True
    if bare.lower().startswith(_VARIABLES):
        return True
    return any(mark in word for mark in _MASKED)
