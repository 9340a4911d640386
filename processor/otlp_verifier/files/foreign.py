"""Documents of other formats that are JSON too: recognised by their shape, translated, and made parts of."""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
import orjson

from otlp_verifier.files import jaeger, zipkin
from otlp_verifier.files.notes import Format
from otlp_verifier.files.otlp_object import Place, Scoped, grouped
from otlp_verifier.files.reading import Reading
from otlp_verifier.wire.otlp_json import JsonReader, Shape
from otlp_verifier.wire.partition import Part

_ZIPKIN: Final = Shape.HAS_TRACE_ID | Shape.HAS_ID
_JAEGER: Final = Shape.HAS_DATA | Shape.HAS_PROCESSES | Shape.HAS_OPERATION
_TOGETHER: Final = 4_096  # Zipkin spans that are translated at once: those of one service share a resource


def is_foreign(shape: Shape) -> bool:
    """Whether a document without telemetry of OTLP's looks like Jaeger's or Zipkin's."""
    if shape & (Shape.TRACES | Shape.METRICS | Shape.LOGS | Shape.PROFILES):
        return False
    return bool(shape & _JAEGER) or shape & _ZIPKIN == _ZIPKIN


class Foreign:
    """Translates the documents of one file."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._zipkin: list[zipkin.Placed] = []

    def add(self, text: bytes, shape: Shape, place: Place) -> Iterator[Part]:
        """Take a document that is_foreign; gives what has become ready."""
        if not shape & _JAEGER:
            self._zipkin.append((text, place))
            if len(self._zipkin) >= _TOGETHER:
                yield from self.rest()
            return
        where = _Places(text, place)
        if shape & Shape.HAS_DATA:
            spans = jaeger.read_document(text, where, self._complain)
        elif shape & Shape.HAS_PROCESSES:
            spans = jaeger.read_trace(text, where, self._complain)
        else:
            spans = jaeger.read_span(text, where, self._complain)
        yield from self._part(spans, Format.JAEGER)

    def rest(self) -> Iterator[Part]:
        """Give what waited for more of its kind."""
        if not self._zipkin:
            return

        spans = zipkin.read_spans(self._zipkin, self._complain)
        self._zipkin = []
        yield from self._part(spans, Format.ZIPKIN)

    def _complain(self, place: Place, message: str) -> None:
        self._reading.error(place.offset, message, line=place.line, request=place.request)

    def _part(self, spans: list[Scoped], kind: Format) -> Iterator[Part]:
        self._reading.info.format = kind
        if not spans:
            return
        translation = grouped(spans)
        batch = JsonReader(self._reading.number).read(orjson.dumps({"resourceSpans": translation.resource_spans}))
        first = translation.places[0]
        for origins in (batch.resources, batch.scopes):
            origins["offset"], origins["line"], origins["request"] = first
        where = np.array(translation.places, np.uint64)
        batch.spans["offset"], batch.spans["line"], batch.spans["request"] = where.T
        self._reading.info.spans += len(batch.spans)
        yield Part(batch.otlp, (batch.resources, batch.scopes, batch.spans), room=self._reading.room)


class _Places:
    """Tells where in the file a piece of a document stands, pieces in their order."""

    def __init__(self, text: bytes, place: Place) -> None:
        self._text = text
        self._start = _address(text)
        self._place = place
        self._at, self._line = 0, place.line

    def __call__(self, piece: msgspec.Raw | None) -> Place:
        if piece is None:
            return self._place
        # A Raw is a view of the text that it was decoded from.
        at = _address(piece) - self._start
        if self._line:
            self._line += self._text.count(b"\n", self._at, at)
        self._at = at
        return Place(self._place.offset + at, self._line, self._place.request)


def _address(view: bytes | msgspec.Raw) -> int:
    return int(np.frombuffer(memoryview(view), np.uint8).ctypes.data)
