"""What is said about bytes of an input."""

import re
from typing import Final

import numpy as np

from otlp_verifier.findings import wording
from otlp_verifier.wire.otlp_json import DefectCode, expected_value, key_name, message_name

_SHOWN: Final = 40  # characters of a text in a message
LOOKED_AT: Final = 4096  # bytes: what is sensitive is found as a whole, or not at all
_BARE: Final = re.compile(rb"[^,\]} \t\r\n]*")


def shown(text: bytes, key: bytes = b"") -> str:
    """Bytes for a message: without what is sensitive, short, printable, in backquotes; `key` is an attribute's."""
    written = wording.shown(text, _SHOWN, key)
    return f"`{written}`" if written else "the end of the line"


def described(text: bytes | memoryview, defect: np.void) -> str:
    """Say what is odd about a document; `defect` is an otlpv_json_defect with an offset in `text`."""
    at = int(defect["offset"])
    excerpt = bytes(text[at : at + LOOKED_AT])
    message, key = int(defect["message"]), int(defect["key"])
    of, name = message_name(message), key_name(message, key)
    wanted = expected_value(int(defect["kind"]))
    match DefectCode(int(defect["code"])):
        case DefectCode.KEY_CASE:
            return f"`{_key(excerpt, defect)}` in {of} is ignored by receivers: keys are in lowerCamelCase, `{name}`"
        case DefectCode.KEY_UNKNOWN:
            return f"`{_key(excerpt, defect)}` in {of} is unknown and ignored"
        case DefectCode.KEY_DUPLICATE:
            return f"`{name}` is twice in one {of}; the last one counts"
        case DefectCode.ENUM_NAME:
            return f"`{name}` of {of} is a name; enums are numbers in OTLP/JSON"
        case DefectCode.ID_BASE64:
            return f"`{name}` of {of} is base64; expected are hex digits in OTLP/JSON"
        case DefectCode.SURROGATE:
            return f"`{name}` of {of} has half of a surrogate pair, which is no character; it is read as U+FFFD"
        case DefectCode.NUMBER:
            return f"`{name}` of {of} is {_value(excerpt)}, which is out of range or not whole; expected {wanted}"
        case _:
            return f"`{name}` of {of} is {_value(excerpt)}; expected {wanted}"


def _key(excerpt: bytes, defect: np.void) -> str:
    return shown(excerpt[1 : int(defect["length"]) - 1]).strip("`")


def _value(excerpt: bytes) -> str:
    """A value, as far as it is worth showing."""
    first = excerpt[:1]
    if first == b"{":
        return "an object"
    if first == b"[":
        return "an array"
    end = excerpt.find(b'"', 1) + 1 if first == b'"' else _BARE.match(excerpt).end()  # type: ignore[union-attr]
    return shown(excerpt[: end or len(excerpt)])
