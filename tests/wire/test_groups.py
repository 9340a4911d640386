"""Protobuf groups that the end of their message cuts off: upb refuses them, the collector reads on inside.

Nothing may hide there: what the collector finds, the verifier must find too.
"""

import pytest

from otlp_verifier.columns import Defect, SpanNarrow
from otlp_verifier.wire.scanner import MalformedRequest
from otlp_verifier.wire.splicer import Patches, patch, splice
from tests.reference.splice import attribute
from tests.wire.batches import key_values, loaded
from tests.wire.test_splice_cases import field, key_value, only, request

START, END = b"\x9b\x06", b"\x9c\x06"  # of group 99
OTHER_START, OTHER_END = b"\x93\x06", b"\x94\x06"  # of group 98
INSIDE = b"\x08\x01"  # the first field in the group
FORGED = key_value("verifier.severity")
NAME = field(5, b"name")

CUT_OFF = {
    "a number": START + INSIDE,
    "a fixed number": START + b"\x0d1234",
    "a length-delimited field": START + field(9, b"\xff"),
    "an empty group inside": START + OTHER_START + OTHER_END + INSIDE,
    "a group inside that is cut off too": START + OTHER_START + INSIDE,
    "one after the other": (START + INSIDE) * 8,
    "whole groups behind it": START + INSIDE + (OTHER_START + INSIDE + OTHER_END) * 2,
}


@pytest.mark.parametrize("group", CUT_OFF.values(), ids=CUT_OFF)
def test_forged_attributes_behind_the_first_field_are_removed(group: bytes) -> None:
    def batch_with(*forged: int) -> bytes:
        resource, scope, span = (field(n, FORGED) if n in forged else b"" for n in (1, 3, 9))
        scope_spans = field(1, group + scope), field(2, group + span + NAME)
        return request(field(1, group + resource) + field(2, *scope_spans))

    batch = loaded(batch_with(1, 3, 9))
    assert batch.spans.narrow[SpanNarrow.DEFECTS, 0] & Defect.FORGED
    assert batch.spans.narrow[SpanNarrow.DEFECTS, 0] & Defect.GROUP
    assert splice(batch) == batch_with()


@pytest.mark.parametrize("group", CUT_OFF.values(), ids=CUT_OFF)
def test_spans_behind_the_first_field_are_rows(group: bytes) -> None:
    inner = group + field(2, group + field(2, NAME))
    assert loaded(request(inner)).spans.rows == 1
    assert loaded(group + request(inner)).spans.rows == 1


def test_the_key_behind_the_first_field_decides() -> None:
    hidden = field(1, b"harmless") + START + INSIDE + field(1, b"verifier.severity")
    assert splice(loaded(request(field(2, field(2, field(9, hidden)))))) == request(field(2, field(2)))


def test_the_first_field_itself_belongs_to_the_group() -> None:
    batch = loaded(request(field(2, field(2, START + field(9, FORGED)))))
    assert batch.attributes.rows == 0
    assert splice(batch) is batch.buffer


def test_a_patch_behind_such_a_group_is_found_again() -> None:
    attributes = {"verifier.trace.verdict": "violated"}
    body = START + INSIDE + NAME
    result = splice(loaded(request(field(2, field(2, body)))), Patches([patch(attributes)]), span_patch=only(0))
    assert result == request(field(2, field(2, body, *(attribute(9, each) for each in key_values(attributes)))))
    assert splice(loaded(result)) == request(field(2, field(2, body)))


@pytest.mark.parametrize(
    "body",
    [
        START + OTHER_START + INSIDE + OTHER_END,
        START + INSIDE + OTHER_START + INSIDE + END,
        START * 9 + INSIDE,
        (START + INSIDE) * 9,
        START * 9,
    ],
    ids=["the end of an inner one comes later", "ends as another one", "nested", "one after the other", "empty"],
)
def test_broken_groups_and_more_than_eight_cut_off_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="is a group that"):
        loaded(request(field(2, field(2, body))))
