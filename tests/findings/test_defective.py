"""Which parts of a record have a defect: what messages say, and the same from protobuf's own decoding."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otlp_verifier.columns import Columns
from otlp_verifier.findings.batch import Batch
from otlp_verifier.findings.defective import DEFECTS, defective
from otlp_verifier.findings.faulty import key_shown
from otlp_verifier.findings.template import check_messages
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.language.paths import FIELDS
from otlp_verifier.machine.operations import Domain
from otlp_verifier.pipeline import Verifier
from otlp_verifier.registry.opentelemetry import alone
from otlp_verifier.relate.relations import Relations
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.rules.example import read
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.varint import varint
from tests.reference.records import nested, records
from tests.strategies import RANDOMS, requests, spans

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def rule(message: str) -> Rule:
    return Rule(
        id="mine", severity="error", description="Nothing is right.", rule="for each span s require false",
        message=message, file="mine.yaml", line=1, rule_line=1,
    )  # fmt: skip


def said(defect: str, span: str) -> str:
    request = read(yaml.safe_load(f"spans: [{span}]")).request
    [finding] = Verifier([rule(f'{{DefectiveParts(s, "{defect}")}}')]).worker().verify(request).findings(10)
    return finding.message


@pytest.mark.parametrize(
    ("defect", "span", "expected"),
    [
        ("duplicate-key", "{attributes: [[a, 1], [b, 2], [a, 3]]}", "`a` (2 times)"),
        ("duplicate-key", "{attributes: [[a, 1], [b, 2], [b, 3], [a, 4], [b, 5]]}", "`a` (2 times), `b` (3 times)"),
        (
            "duplicate-key",
            "{attributes: [[a, 1], [a, 1], [b, 1], [b, 1], [c, 1], [c, 1], [d, 1], [d, 1]]}",
            "`a` (2 times), `b` (2 times), `c` (2 times) and 1 more",
        ),
        ("duplicate-key", "{attributes: {m: {a: 1, n: {a: 2}}, a: 1, l: [{a: 1}, {a: 1}]}}", "one that was sent again"),
        ("empty-value", "{attributes: {a: null, b: '', c: [null]}}", "`a`"),
        ("too-deep", "{attributes: {a: [[1]], b: {k: 1}, c: [1, 2]}}", "`a` (more than 1 levels)"),
        ("too-deep", "{attributes: {a: {k: []}, b: [[], 1]}}", "`a` (more than 1 levels), `b` (more than 1 levels)"),
        ("not-utf8", '{name: "", raw: "2a 01 ff"}', "`name`"),
        ("not-utf8", '{raw: "4a 08 0a 01 ff 12 03 0a 01 78"}', "attribute `�`"),
        ("not-utf8", '{raw: "4a 0c 0a 01 6b 12 07 2a 05 0a 03 0a 01 ff"}', "attribute `k`"),
        ("not-utf8", '{raw: "4a 0c 0a 01 6b 12 07 32 05 0a 03 0a 01 ff"}', "attribute `k`"),
        ("not-utf8", '{raw: "4a 0b 0a 01 6b 12 06 32 04 0a 02 0a 00"}', "one that was sent again"),
        ("not-utf8", "{attributes: {o: !!binary /wA=}}", "one that was sent again"),
        ("key-and-index", '{raw: "4a 0a 0a 01 61 12 03 0a 01 78 18 03"}', "`a` (index 3)"),
        ("key-and-index", '{raw: "4a 05 18 03 0a 01 61"}', "`a` (index 3)"),
        (
            "key-and-index",
            '{raw: "4a 19 0a 01 61 12 12 32 10 0a 0e 0a 01 6b 18 ff ff ff ff ff ff ff ff ff 01 18 02"}',
            "`a` (index 2), `k` in `a` (index -1)",
        ),
        ("encoding", '{raw: "2a 01 78 32 01 02"}', "a field is sent twice, a field has another wire type"),
        ("encoding", '{raw: "a3 06 a4 06"}', "there is a group"),
    ],
)  # fmt: skip
def test_a_message_names_the_parts(defect: str, span: str, expected: str) -> None:
    assert said(defect, span) == expected


@pytest.mark.parametrize("defect", ["duplicate-key", "empty-value", "key-and-index"])
def test_a_key_that_is_a_secret_is_not_shown(defect: str) -> None:
    both = KeyValue(key=JWT, key_strindex=1).SerializeToString()
    raw = (b"\x4a" + varint(len(both)) + both).hex(" ")
    shown = said(defect, f'{{attributes: [[{JWT}, null], [{JWT}, null]], raw: "{raw}"}}')
    assert JWT not in shown
    assert "JSON web token" in shown


@pytest.mark.parametrize("place", ['s, "duplicate"', "s", 's.name, "encoding"', 't, "encoding"', "s, 7"])
def test_what_cannot_be_named_is_refused(place: str) -> None:
    with pytest.raises(RuleErrors, match=r"expected DefectiveParts|is unknown"):
        check_messages([rule(f"{{DefectiveParts({place})}}")])


def repeated(pairs: Iterable[KeyValue], where: str = "") -> list[str]:
    times = Counter(pair.key for pair in pairs)
    return [f"{key_shown(key.encode())}{where} ({many} times)" for key, many in times.items() if many > 1]


def repeated_within(message: Any) -> Iterator[str]:
    for pair in message.attributes:
        for value in nested(pair.value):
            yield from repeated(value.kvlist_value.values, f" in {key_shown(pair.key.encode())}")


def indexed(message: Any) -> Iterator[str]:
    for pair in message.attributes:
        for key, each in [("", pair), *((pair.key, inner) for inner in pairs_within(pair.value))]:
            if each.key and each.key_strindex:
                where = f" in {key_shown(key.encode())}" if each is not pair else ""
                yield f"{key_shown(each.key.encode())}{where} (index {each.key_strindex})"


def pairs_within(value: AnyValue) -> Iterator[KeyValue]:
    for inner in value.array_value.values:
        yield from pairs_within(inner)
    for pair in value.kvlist_value.values:
        yield pair
        yield from pairs_within(pair.value)


def with_indexes(request: ExportTraceServiceRequest, random: Random) -> ExportTraceServiceRequest:
    for each in chain.from_iterable(records(request).values()):
        for pair in getattr(each.message, "attributes", ()):
            for one in (pair, *pairs_within(pair.value)):
                one.key_strindex = random.choice((0, 0, 1, 300, -1, 2**31 - 1, -(2**31)))
    return request


@pytest.mark.many
@settings(max_examples=150)
@given(st.builds(with_indexes, requests(spans(forged=False), forged=False), RANDOMS))
def test_they_are_those_of_a_walk_through_the_message(request: ExportTraceServiceRequest) -> None:
    columns = Columns()
    columns.load(request.SerializeToString(), Limits(memory_factor=64))
    batch = Batch(columns, Relations(), alone())
    walked = records(request)
    for domain in (Domain.RESOURCE, Domain.SCOPE, Domain.SPAN, Domain.EVENT, Domain.LINK):
        for each in walked[domain.name.lower()]:
            found = {defect: list(defective(batch, each.row, domain, defect)) for defect in DEFECTS}
            pairs = each.message.attributes
            top, within = repeated(pairs), sorted(repeated_within(each.message))
            assert found["duplicate-key"][: len(top)] == top
            assert sorted(found["duplicate-key"][len(top) :]) == within
            empty = [key_shown(pair.key.encode()) for pair in pairs if pair.value.WhichOneof("value") is None]
            assert found["empty-value"] == empty
            assert found["key-and-index"] == list(indexed(each.message))
            has_one = batch.field(each.row, FIELDS[domain]["defects.key_and_index"])
            assert bool(found["key-and-index"]) == has_one
            assert not found["not-utf8"], "protobuf writes no other strings"
            assert not found["encoding"], "protobuf writes each field once"
