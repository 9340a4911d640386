"""What people may see of a text that holds something sensitive: of what kind it is, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otlp_verifier.sensitive.classes import CLASSES
from otlp_verifier.sensitive.hits import Hit
from otlp_verifier.sensitive.scan import EVERY, Context, context_of, hits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otlp_verifier.sensitive.classes import Class


REDACTED_MAX: Final = 1 << 16  # bytes


def excerpt(text: bytes, kind: Class, hit: Hit) -> bytes:
    """`4111…1111 (credit card number, 16 digits)`: what may be shown of a hit, what it is, and its size."""
    first = text[hit.start : hit.start + hit.first]
    last = text[hit.end - hit.last : hit.end]
    size = hit.size or f"{hit.end - hit.start} characters"
    return first + "…".encode() + last + f" ({kind.title}, {size})".encode()


def excerpts(text: bytes, classes: int, context: Context) -> Iterator[bytes]:
    """Excerpts of what a text has of these classes, of each class the first."""
    for kind, hit in hits(text, classes, context, first=True):
        yield excerpt(text, kind, hit)


def number_excerpts(classes: int) -> Iterator[bytes]:
    """The same of a number whose key says that it is of these classes."""
    for bit, kind in enumerate(CLASSES):
        if classes >> bit & 1:
            yield "…".encode() + f" ({kind.title}, a number)".encode()


def pieces(text: bytes, key: bytes = b"") -> list[tuple[bytes, bool]]:
    """A text with an excerpt in place of each thing that is sensitive, in pieces: which of them are excerpts.

    What is longer than REDACTED_MAX is cut: nobody is shown that much. `key` is the attribute's that has the text.
    """
    text = text[:REDACTED_MAX]
    parts, at = [], 0
    for kind, hit in hits(text, EVERY, context_of(key) if key else Context()):
        if hit.start >= at:
            parts += [(text[at : hit.start], False), (excerpt(text, kind, hit), True)]
        at = max(at, hit.end)
    return [*parts, (text[at:], False)]


def redacted(text: bytes, key: bytes = b"") -> bytes:
    """The same in one."""
    return b"".join(piece for piece, _ in pieces(text, key))


def withheld(key: bytes) -> bytes:
    """What is shown of a number with this key; nothing where the number may be shown itself."""
    return next(number_excerpts(context_of(key).numbers), b"")
