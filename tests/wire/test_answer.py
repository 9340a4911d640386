"""Answers written by hand against the generated class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp_verifier.contract import verifier_pb2 as contract
from otlp_verifier.wire import answer

IDS = st.integers(0, 2**64 - 1)
POSITIONS = st.lists(st.integers(0, 2**32 - 1), unique=True, max_size=200).map(sorted)
ANNOTATIONS = [
    {"verifier.violations": ["a", "b"], "verifier.severity": "error"},
    {"verifier.trace.verdict": "violated"},
    {"verifier.violations": []},
    {},
    {"verifier.note": "x" * 200},
]


def as_message(attributes: dict[str, str | list[str]]) -> contract.Annotation:
    message = contract.Annotation()
    for key, value in attributes.items():
        if isinstance(value, str):
            message.attributes.add(key=key, text=value)
        else:
            message.attributes.add(key=key, list=contract.TextList(values=value))
    return message


@given(IDS)
def test_unchanged(number: int) -> None:
    expected = contract.VerifyResponse(id=number, unchanged=contract.Unchanged())
    assert contract.VerifyResponse.FromString(answer.unchanged(number)) == expected


def test_unchanged_is_a_few_bytes() -> None:
    assert len(answer.unchanged(1000)) == 5


@pytest.mark.parametrize("attributes", ANNOTATIONS)
def test_annotation(attributes: dict[str, str | list[str]]) -> None:
    assert list(contract.Sparse.FromString(answer.annotation(attributes)).annotations) == [as_message(attributes)]


LISTS = [field.name for field in contract.Sparse.DESCRIPTOR.fields if field.name != "annotations"]
PAIRS = {"records": "record_annotations", "resources": "resource_annotations", "scopes": "scope_annotations"}


@settings(max_examples=100, deadline=None)
@given(IDS, st.data())
def test_sparse(number: int, data: st.DataObject) -> None:
    lists = {name: data.draw(POSITIONS, label=name) for name in LISTS if name not in PAIRS.values()}
    for positions, annotations in PAIRS.items():
        lists[annotations] = [position % len(ANNOTATIONS) for position in lists[positions]]
    written = answer.sparse(
        number,
        [answer.annotation(attributes) for attributes in ANNOTATIONS],
        **{name: np.array(values, np.uint32) for name, values in lists.items()},
    )
    expected = contract.VerifyResponse(
        id=number, sparse=contract.Sparse(annotations=[as_message(each) for each in ANNOTATIONS], **lists)
    )
    assert contract.VerifyResponse.FromString(written) == expected


def test_sparse_with_nothing_in_it_is_still_sparse() -> None:
    assert contract.VerifyResponse.FromString(answer.sparse(1)).WhichOneof("answer") == "sparse"


def test_sparse_takes_columns_that_are_not_contiguous() -> None:
    column = np.arange(10, dtype=np.uint32)[::2]
    written = contract.VerifyResponse.FromString(answer.sparse(1, drop_records=column))
    assert list(written.sparse.drop_records) == column.tolist()


def test_lists_that_belong_together_have_one_length() -> None:
    three, two = np.zeros(3, np.uint32), np.zeros(2, np.uint32)
    for positions, annotations in PAIRS.items():
        with pytest.raises(ValueError, match="3 positions, but 2 annotations"):
            answer.sparse(1, **{positions: three, annotations: two})
    with pytest.raises(ValueError, match="drop_records must be uint32, not int64"):
        answer.sparse(1, drop_records=np.zeros(3, np.int64))


def test_error() -> None:
    written = answer.error(
        7, contract.CODE_OVERLOADED, "64 requests in flight, at most 64", retry_after_ms=50, byte_offset=3
    )
    assert contract.VerifyResponse.FromString(written) == contract.VerifyResponse(
        id=7,
        error=contract.Error(
            code=contract.CODE_OVERLOADED,
            message="64 requests in flight, at most 64",
            retry_after_ms=50,
            byte_offset=3,
        ),
    )


def test_welcome() -> None:
    written = answer.welcome("0.1.0", max_request_bytes=2**26, max_requests_in_flight=64)
    assert contract.VerifyResponse.FromString(written) == contract.VerifyResponse(
        welcome=contract.Welcome(
            verifier_version="0.1.0",
            max_request_bytes=2**26,
            max_requests_in_flight=64,
            transport=contract.TRANSPORT_MESSAGE,
        )
    )
