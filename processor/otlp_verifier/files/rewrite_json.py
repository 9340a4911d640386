"""Verdicts into JSON text: attributes written between the bytes that are there, which stay as they are."""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import NO_ROW
from otlp_verifier.files.foreign import is_foreign
from otlp_verifier.files.verdicts import KINDS, Attributes, Kind, Verdicts, plain
from otlp_verifier.wire.otlp_json import DocumentEnd, JsonBatch, Shape

_FORGED: Final = "verifier."
_MEMBERS: Final[dict[Kind, bytes]] = {"resources": b"resource", "scopes": b"scope", "spans": b""}
_BLANK_BYTES: Final = (b" ", b"\t", b"\r", b"\n")


class Edit(NamedTuple):
    """Bytes of a text, from `start` to before `end`, and what takes their place."""

    start: int
    end: int
    new: bytes


class JsonRewriter:
    """Writes the verdicts on one file into its texts, and takes out what others have written in their place.

    Args:
        verdicts: all of the run.
        file: which one, as origins have it.

    Attributes:
        rewritten: documents of other formats in which spans are not byte for byte as they were beside what is written.

    """

    def __init__(self, verdicts: Verdicts, file: int) -> None:
        self._verdicts = verdicts
        self._file = file
        self._attributes = [_encoded(attributes) for attributes in verdicts.patterns]
        self.rewritten = 0

    def rewrite(self, text: bytes, offset: int, batch: JsonBatch) -> bytes:
        """Return a text, which stands at `offset` of the file, with what is to be written on its records."""
        assert batch.places is not None  # noqa: S101  # the reader was told to give them
        first, last = batch.first_request, batch.first_request + len(batch.documents) - 1
        removed = _Removed(text, batch.forged, offset)
        edits = list(removed.edits)
        for kind, places in zip(KINDS, batch.places, strict=True):
            origins = getattr(batch, kind)
            patterns = self._verdicts.within(kind, self._file, first, last).by_row(origins)
            for row in np.flatnonzero(patterns != NO_ROW).tolist():
                place = [int(places[field][row]) - offset for field in ("attributes", "owner", "container")]
                edits.append(_insertion(text, place, self._attributes[patterns[row]], _MEMBERS[kind], removed))
        for number, document in enumerate(batch.documents):
            if not document["status"] and is_foreign(Shape(int(document["shape"]))):
                edits += self._foreign(text, offset, document, first + number)
        return _applied(text, edits)

    def _foreign(self, text: bytes, offset: int, document: np.void, request: int) -> list[Edit]:
        """Spans of Jaeger and Zipkin, encoded anew with the attributes as tags."""
        written = self._verdicts.within("spans", self._file, request, request)
        edits = []
        for at, pattern in zip(written.offsets.tolist(), written.patterns.tolist(), strict=True):
            start, end = at - offset, DocumentEnd()
            if not int(document["start"]) <= start < int(document["end"]) or end.look(text, start) != DocumentEnd.ENDS:
                continue
            span = _loaded(text[start : start + end.scanned])
            _tag(span, plain(self._verdicts.patterns[pattern]))
            edits.append(Edit(start, start + end.scanned, _dumped(span)))
        self.rewritten += bool(edits)
        return edits


class _Removed:
    """Forged attributes of a text, and the commas that go with them."""

    def __init__(self, text: bytes, forged: NDArray[np.void], offset: int) -> None:
        self.edits: list[Edit] = []
        self._text = text
        self._start_of: dict[int, int] = {}  # by the end of what is removed
        leading = False  # whether everything from the list's bracket to here is removed
        for start, end in zip(
            (forged["start"] - np.uint64(offset)).tolist(), (forged["end"] - np.uint64(offset)).tolist(), strict=True
        ):
            before = _before(text, start)
            follows = bool(self.edits) and before == self.edits[-1].end - 1
            leading = leading if follows else text[before : before + 1] == b"["
            if leading:
                after = _not_blank(text, end)
                cut = Edit(start, after + 1 if text[after : after + 1] == b"," else end, b"")
            else:
                cut = Edit(before, end, b"")
            self.edits.append(cut)
            self._start_of[cut.end] = cut.start

    def leaves_none(self, end: int) -> bool:
        """Whether the list whose closing bracket is at `end` has no elements but removed ones."""
        at = _before(self._text, end)
        while at + 1 in self._start_of:
            at = _before(self._text, self._start_of[at + 1])
        return self._text[at : at + 1] == b"["


def _insertion(text: bytes, place: Sequence[int], attributes: bytes, member: bytes, removed: _Removed) -> Edit:
    """Write attributes: into the list that ends at place[0], else into the owner that ends at place[1], else into a new
    owner, in the container that ends at place[2]. Positions that are not positive are not there.

    A new member goes to the end of an object, where it counts even if there is one of its name.
    """  # noqa: D205  # the places are best explained together
    end, owner, container = place
    if end > 0:
        return Edit(end, end, (b"" if removed.leaves_none(end) else b",") + attributes)
    listed = b'"attributes":[' + attributes + b"]"
    if owner > 0:
        return Edit(owner, owner, _comma(text, owner) + listed)
    return Edit(container, container, _comma(text, container) + b'"' + member + b'":{' + listed + b"}")


def _comma(text: bytes, at: int) -> bytes:
    """What separates a new member in front of a closing brace from the one before, if there is one."""
    before = _before(text, at)
    return b"" if text[before : before + 1] == b"{" else b","


def _before(text: bytes, at: int) -> int:
    """The position of the last byte in front that is not white space."""
    at -= 1
    while text[at : at + 1] in _BLANK_BYTES:
        at -= 1
    return at


def _not_blank(text: bytes, at: int) -> int:
    while text[at : at + 1] in _BLANK_BYTES:
        at += 1
    return at


def _applied(text: bytes, edits: Sequence[Edit]) -> bytes:
    pieces = []
    at = 0
    for edit in sorted(edits):
        pieces += [text[at : edit.start], edit.new]
        at = edit.end
    return b"".join([*pieces, text[at:]])


def _encoded(attributes: Attributes) -> bytes:
    """Members of an `attributes` list."""
    listed = []
    for key, value in attributes.items():
        if isinstance(value, str):
            encoded: dict[str, Any] = {"stringValue": value}
        else:
            encoded = {"arrayValue": {"values": [{"stringValue": text} for text in value]}}
        listed.append(_dumped({"key": key, "value": encoded}))
    return b",".join(listed)


def _loaded(text: bytes) -> Any:
    """Parse JSON; bytes that are no UTF-8 come through."""
    return json.loads(text.decode("utf-8", "surrogateescape"))


def _dumped(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair, which can only be written escaped
        return json.dumps(value, separators=(",", ":")).encode()


def _is_forged(element: Any) -> bool:
    return isinstance(element, dict) and str(element.get("key", "")).startswith(_FORGED)


def _tag(span: dict[str, Any], attributes: dict[str, str]) -> None:
    """Write tags on a span of Zipkin, where they are an object, or of Jaeger, where they are a list."""
    tags = span.get("tags")
    if "traceId" in span:
        span["tags"] = {key: tag for key, tag in (tags or {}).items() if not key.startswith(_FORGED)} | attributes
    else:
        kept = [tag for tag in tags or [] if not _is_forged(tag)]
        span["tags"] = kept + [{"key": key, "type": "string", "value": value} for key, value in attributes.items()]
