"""Bytes as text that may be printed anywhere."""

from typing import Final

from otlp_verifier.sensitive.masking import pieces

EXCERPT_MAX: Final = 240  # characters of what is said of something sensitive


def clean(text: bytes, length_max: int) -> str:
    """Decode a string, escape what does not print, and cut it to so many characters."""
    # A character has at most four bytes: no more of a huge string is looked at.
    decoded = text[: 4 * length_max + 4].decode("utf-8", "replace")
    shown = decoded[: length_max + 1]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    return shown if len(shown) <= length_max else shown[: length_max - 1] + "…"


def masked(text: bytes, length_max: int, key: bytes = b"") -> str:
    """`clean` with an excerpt in place of each thing that is sensitive; `key` is the attribute's that has the text.

    It is masked before it is cut: the beginning of a secret is no longer known as one. An excerpt at the cut is shown
    whole, as half of it would not say what it stands for.
    """
    written = ""
    parts = [(piece, is_excerpt) for piece, is_excerpt in pieces(text, key) if piece]
    for left, (piece, is_excerpt) in zip(reversed(range(len(parts))), parts, strict=True):
        if len(written) >= length_max and (left or is_excerpt):
            return written.removesuffix("…") + "…"
        # At least one: a last quote is no longer than the sign that it is left out.
        written += clean(piece, EXCERPT_MAX if is_excerpt else max(1, length_max - len(written)))
    return written
