"""Bytes as text that may be printed anywhere."""


def clean(text: bytes, length_max: int) -> str:
    """Decode a string, escape what does not print, and cut it to so many characters."""
    # A character has at most four bytes: no more of a huge string is looked at.
    decoded = text[: 4 * length_max + 4].decode("utf-8", "replace")
    shown = decoded[: length_max + 1]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    return shown if len(shown) <= length_max else shown[: length_max - 1] + "…"
