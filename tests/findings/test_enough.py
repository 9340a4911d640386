"""What a witness names is enough: the trace cut down to it still breaks the rule, where that can be so.

Where it cannot, docs/decisions/0006-witnesses.md says why. Nothing is assumed, as much is missing then.
"""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.findings.witness import Witness
from tests.findings.judged import Found, judged, worker
from tests.language.contracts import Contract, Monotone, Row
from tests.language.judging import refusal
from tests.reference.records import records
from tests.strategies import all_spans, batches, request_of_resources

pytestmark = pytest.mark.many
SEEDS = st.integers(0, 2**32)
Batch = list[tuple[int, Span]]


class Cut:
    """Rules on a batch, and on parts of it."""

    def __init__(self, texts: list[str], spans: Batch) -> None:
        request = request_of_resources(spans)
        self.texts = texts
        self._of = worker(texts)
        self._sent, self._rows = all_spans(request), records(request)["span"]
        self._resources = {(span.trace_id, span.span_id): resource for resource, span in spans}
        self.found: Found = judged(self._of, request.SerializeToString())

    def breaks(self, number: int, row: int, kept: Iterable[int]) -> bool:
        """Whether a span breaks a rule in a batch of these rows alone."""
        few = [self._sent[at] for at in sorted(kept)]
        left = request_of_resources([(self._resources[span.trace_id, span.span_id], span) for span in few])
        place = all_spans(left).index(self._sent[row])
        return any(found[:2] == (number, place) for found in judged(self._of, left.SerializeToString()))

    def named(self, witness: Witness) -> list[list[int]]:
        """The rows of each span that a witness names: copies are one span."""
        ids = [span.span_id for span in witness.spans]
        return [[one.row for one in self._rows if one.message.span_id.hex() == own] for own in ids]

    def with_what_they_hang_on(self, rows: Iterable[int]) -> set[int]:
        """Conditions on a named span may be about its parent, or about spans that links lead to."""
        todo, kept = [self._rows[row] for row in rows], set[int]()
        while todo:
            one = todo.pop()
            if one.row not in kept:
                kept.add(one.row)
                todo += [*one.ancestors, *one.targets, *one.sources]
        return kept


def suffice(texts: list[str], spans: Batch) -> None:
    cut = Cut([text for text in texts if not refusal(text)], spans)
    for number, row, witness in cut.found:
        assert witness is not None
        if not witness.left_out:
            kept = cut.with_what_they_hang_on(at for rows in cut.named(witness) for at in rows)
            assert cut.breaks(number, row, kept), cut.texts[number]


@given(SEEDS, batches(unique=True, missing=False))
def test_what_is_broken_by_what_is_there(seed: int, spans: Batch) -> None:
    """Rules whose violation no further span undoes."""
    rng = Random(seed)
    suffice([f"assume nothing {Monotone(rng).text}" for _ in range(6)], spans)


def test_what_makes_a_counted_span_count_is_named_too() -> None:
    counted = "count(span v where v.kind == 1 and exists span y where y.kind == 3)"
    text = f"assume nothing for each span s require {counted} < 1"
    one, other = (
        Span(trace_id=b"t" * 16, span_id=bytes([kind] * 8), kind=kind, start_time_unix_nano=9, end_time_unix_nano=9)
        for kind in (1, 3)
    )
    suffice([text], [(0, one), (0, other)])
    assert len(Cut([text], [(0, one), (0, other)]).found) == 2


@given(SEEDS, batches(unique=True, missing=False))
def test_what_is_broken_by_what_is_absent(seed: int, spans: Batch) -> None:
    """Rules whose violation no span undoes that goes."""
    rng = Random(seed)
    suffice([Monotone(rng, universal=False).text for _ in range(4)], spans)


@given(SEEDS, batches(unique=True, missing=False))
def test_no_named_span_is_superfluous(seed: int, spans: Batch) -> None:
    """Of one quantifier: with the subject each breaks the rule by itself. Of a count: as many as it must not have."""
    rng = Random(seed)
    maker, bounds = Contract(rng, depth=0, universal=True), [rng.randrange(3) for _ in range(2)]
    relations = ("child", "span")
    conditions = [f"not exists {one} x where {maker.atom(Row('x', 'span'))}" for one in relations]
    conditions += [f"forall {one} x require {maker.atom(Row('x', 'span'))}" for one in relations]
    conditions += [
        f"count({one} x where {maker.atom(Row('x', 'span'))}) <= {bound}"
        for one, bound in zip(relations, bounds, strict=True)
    ]
    cut = Cut([f"assume nothing for each span s require {one}" for one in conditions], spans)
    for number, row, witness in cut.found:
        assert witness is not None
        subject, *others = cut.named(witness)
        if number < len(conditions) - len(bounds):
            for one in others:
                assert cut.breaks(number, row, [*subject, *one]), conditions[number]
            continue
        bound = bounds[number - len(conditions)]  # the last ones are the counts
        enough, too_few = ([*subject, *(at for one in others[:most] for at in one)] for most in (bound + 1, bound - 1))
        assert cut.breaks(number, row, enough), conditions[number]
        assert bound == 0 or not cut.breaks(number, row, too_few), conditions[number]
