"""The scanner reads what protobuf reads, as protobuf reads it; what only the collector reads, it keeps and reports."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError

from otlp_verifier.columns import Columns
from otlp_verifier.wire import scanner
from otlp_verifier.wire.limits import Limits
from tests.reference.scan_protobuf import from_protobuf
from tests.wire.encoding import VALID, VALID_SPAN, field, nested_arrays, nested_maps, request, with_attribute
from tests.wire.scanning import all_defects, check, one_pass, same_columns, two_passes
from tests.wire.trees import from_columns

# The wire vectors that upb refuses and the collector accepts, and how the scanner reports them.
COLLECTOR_ALONE = {
    20: "ODD_TAG",
    22: "ODD_TAG",
    26: None,  # an unknown field of the request, which has no record to report it on
    32: "GROUP",
    56: "FIELD_UTF8",
    57: "ATTRIBUTE_UTF8",
    58: "ATTRIBUTE_UTF8",
    59: "FIELD_UTF8",
    60: "FIELD_UTF8",
    70: "TOO_DEEP",
    71: "TOO_DEEP",
    72: "TOO_DEEP",
}
BUILT = {
    71: with_attribute(nested_arrays(1000)),
    74: request(VALID_SPAN + b"\x9b\x06" * 20_000 + b"\x9c\x06" * 20_000),
}


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[int, dict[str, Any]]:
    return {vector["id"]: vector for vector in json.loads((shared / "wire-vectors.json").read_text())["vectors"]}


def bytes_of(vector: dict[str, Any]) -> bytes:
    data = bytes.fromhex(vector["hex"]) if "hex" in vector else BUILT[vector["id"]]
    assert len(data) == vector.get("length", len(data))
    return data


def test_every_wire_vector_is_read_as_protobuf_reads_it(vectors: dict[int, dict[str, Any]]) -> None:
    assert len(vectors) == 86
    for number, vector in vectors.items():
        found = check(bytes_of(vector), depth=32)
        if number in COLLECTOR_ALONE:
            assert vector["upb"] == "reject"
            assert found is not None, vector["name"]
            defect = COLLECTOR_ALONE[number]
            assert (defect in all_defects(found)) if defect else not found, vector["name"]
        else:
            assert (found is not None) == (vector["upb"] == "accept"), vector["name"]


def test_wire_vectors_decode_to_the_fields_they_list(vectors: dict[int, dict[str, Any]]) -> None:
    for vector in vectors.values():
        if "spans" not in vector:
            continue
        found = check(bytes_of(vector)) or []
        spans = [span for resource in found for scope in resource["scopes"] for span in scope["spans"]]
        assert [
            {
                "trace_id": span["trace_id"][0][: span["trace_id"][1]].hex(),
                "span_id": span["span_id"][0][: span["span_id"][1]].hex(),
                "parent_span_id": span["parent_span_id"][0][: span["parent_span_id"][1]].hex(),
                "name": span["name"].decode(),
                "kind": span["kind"] - 2**32 if span["kind"] >= 2**31 else span["kind"],
                "start": span["start"],
                "end": span["end"],
                "dropped_attributes_count": span["dropped_attributes"],
                "status": [span["status"][0], span["status"][1].decode()],
                "attribute_keys": [key.decode() for key, _ in span["attributes"]],
            }
            for span in spans
        ] == [{**span, "trace_id": span["trace_id"][:32]} for span in vector["spans"]], vector["name"]


def test_children_stay_together_when_fields_are_interleaved() -> None:
    """Attributes between events, resources and scopes in two parts, around their children."""
    attribute = b"\x0a\x01%c\x12\x02\x18\x05"
    event, link = field(11, field(3, attribute % b"e")), field(13, field(4, attribute % b"l"))
    span = b"".join(field(9, attribute % bytes([97 + i])) + event + link for i in range(4))
    scope = [field(1, field(3, attribute % b"s") + field(1, b"name")), field(1, field(3, attribute % b"t"))]
    scope_spans = scope[0] + field(2, span) + scope[1] + field(2, span)
    resource = [field(1, field(1, attribute % b"r")), field(1, field(1, attribute % b"q"))]
    found = check(field(1, resource[0] + field(2, scope_spans) + resource[1] + field(2, scope_spans)) * 2)
    assert found is not None
    assert [key for key, _ in found[1]["attributes"]] == [b"r", b"q"]
    assert [key for key, _ in found[1]["scopes"][1]["attributes"]] == [b"s", b"t"]
    assert [key for key, _ in found[1]["scopes"][1]["spans"][1]["attributes"]] == [b"a", b"b", b"c", b"d"]


def test_requests_end_to_end_are_one_request() -> None:
    rich = with_attribute(nested_arrays(3))
    assert check(rich + VALID + rich) == (check(rich) or []) + (check(VALID) or []) + (check(rich) or [])


@pytest.mark.parametrize("nest", [nested_arrays, nested_maps])
@pytest.mark.parametrize("levels", [0, 1, 2, 31, 32, 33, 46, 47, 48, 99, 100, 101, 1000])
def test_deep_values_are_kept(nest: Any, levels: int) -> None:
    for depth in (1, 32, 100):
        found = check(with_attribute(nest(levels)), depth=depth)
        assert found is not None
        assert ("TOO_DEEP" in all_defects(found)) == (levels > depth)


def test_a_value_that_is_too_deep_is_not_looked_into() -> None:
    rubbish = b"\xff" * 100
    columns = two_passes(with_attribute(nested_arrays(2, field(5, rubbish))), Limits(depth=2))
    assert columns.nested.rows == 2
    assert columns.text(columns.nested.wide[-1, 1]) == rubbish
    with pytest.raises(scanner.MalformedRequest):
        two_passes(with_attribute(nested_arrays(2, field(5, rubbish))), Limits(depth=3))


def test_a_million_levels_of_nesting() -> None:
    levels, inner = 1_000_000, b"\x18\x01"
    heads = np.empty((2 * levels, 6), np.uint8)  # tag, and a length of five bytes whatever its value
    heads[0::2, 0], heads[1::2, 0] = 0x0A, 0x2A
    sizes = len(inner) + 6 * np.arange(2 * levels)
    for group in range(5):
        heads[:, 1 + group] = sizes >> 7 * group & 0x7F | (0x80 if group < 4 else 0)
    columns = Columns()
    columns.load(with_attribute(heads[::-1].tobytes() + inner), Limits())
    assert all_defects(from_columns(columns)) == {"TOO_DEEP"}


def test_hashes_alone_depend_on_the_seed() -> None:
    data = with_attribute(nested_maps(3)) + VALID
    first, second, again = (two_passes(data, seed=seed) for seed in (1, 2, 1))
    assert same_columns(first, again)
    assert not same_columns(first, second)
    assert from_columns(first, 1) == from_columns(second, 2)


def test_protobuf_agrees_that_the_valid_request_is_valid() -> None:
    assert len(from_protobuf(VALID)) == 1
    with pytest.raises(DecodeError):
        from_protobuf(VALID[:-1])


def test_one_pass_gives_up_where_there_is_too_little_room() -> None:
    many = VALID * 200
    columns = Columns()
    columns.load(many, Limits())
    assert columns.spans.rows == 200
    assert one_pass(many, Limits(spans=199, memory_factor=64)) is None
    assert one_pass(many, Limits(memory_factor=64)) is not None
