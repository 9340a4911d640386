"""A verdict to what is written: a sparse answer for the collector's processor, or the batch's bytes with edits."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import Columns, Defect, ResourceNarrow, ScopeNarrow, SpanNarrow, Table
from otlp_verifier.policy import Severity
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.verdict import VERDICT_NAMES, Verdict
from otlp_verifier.wire import answer
from otlp_verifier.wire.splicer import Patches, patch, splice

_FORGED = np.uint32(Defect.FORGED)
_CACHE_MAX = 4096  # distinct combinations of rules kept encoded; real traffic has dozens


class _Encoded(msgspec.Struct, frozen=True):
    annotation: bytes  # for a sparse answer
    patch: bytes  # for the splicer


class Annotator:
    """Encodes verdicts; the encoding of each combination of rules is kept."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._encoded: dict[bytes, _Encoded] = {}

    def sparse(self, request_id: int, verdict: Verdict, columns: Columns) -> bytes:
        """The VerifyResponse for a batch, by position; `unchanged` when there is nothing to say."""
        if not verdict.changes:
            return answer.unchanged(request_id)
        spans, scopes, resources = verdict.written
        spans_forged, scopes_forged, resources_forged = verdict.forged
        return answer.sparse(
            request_id,
            [encoded.annotation for encoded in self._patterns(verdict)],
            records=spans[0],
            record_annotations=spans[1],
            scopes=scopes[0],
            scope_annotations=scopes[1],
            resources=resources[0],
            resource_annotations=resources[1],
            strip_records=_forged(columns.spans, SpanNarrow.DEFECTS, spans_forged),
            strip_scopes=_forged(columns.scopes, ScopeNarrow.DEFECTS, scopes_forged),
            strip_resources=_forged(columns.resources, ResourceNarrow.DEFECTS, resources_forged),
            drop_records=np.flatnonzero(verdict.drop).astype(np.uint32) if verdict.dropped else answer.NONE,
        )

    def spliced(self, verdict: Verdict, columns: Columns) -> bytes | memoryview:
        """The batch's bytes with the verdict in them; the very same object when there is nothing to say."""
        if not verdict.changes:
            return columns.buffer
        return splice(
            columns,
            Patches([encoded.patch for encoded in self._patterns(verdict)]),
            span_patch=verdict.spans,
            scope_patch=verdict.scopes,
            resource_patch=verdict.resources,
            span_drop=verdict.drop,
        )

    def attributes(self, pattern: NDArray[np.uint64]) -> dict[str, str | list[str]]:
        """The attributes that one of a verdict's patterns stands for."""
        verdict, words = int(pattern[0]), pattern[1:]
        bits = np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little")
        violated = [self._rules[number] for number in np.flatnonzero(bits).tolist()]
        attributes: dict[str, str | list[str]] = {}
        if violated:
            worst = max(Severity[rule.severity.upper()] for rule in violated)
            attributes["verifier.severity"] = worst.name.lower()
        if VERDICT_NAMES[verdict]:
            attributes["verifier.trace.verdict"] = VERDICT_NAMES[verdict]
        if violated:
            attributes["verifier.violations"] = sorted({rule.id for rule in violated})  # a rule may have several parts
        return attributes

    def _patterns(self, verdict: Verdict) -> list[_Encoded]:
        if len(self._encoded) > _CACHE_MAX:
            self._encoded.clear()
        patterns = verdict.patterns
        content, width = patterns.tobytes(), patterns.itemsize * patterns.shape[1]
        known = self._encoded
        keys = [content[at : at + width] for at in range(0, len(content), width)]
        return [known.get(key) or self._encode(key) for key in keys]

    def _encode(self, pattern: bytes) -> _Encoded:
        attributes = self.attributes(np.frombuffer(pattern, np.uint64))
        encoded = self._encoded[pattern] = _Encoded(answer.annotation(attributes), patch(attributes))
        return encoded


def _forged(table: Table, defects: int, count: int) -> NDArray[np.uint32]:
    if not count:
        return answer.NONE
    return np.flatnonzero(table.narrow[defects, : table.rows] & _FORGED).astype(np.uint32)
