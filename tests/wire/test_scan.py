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
from tests.reference.splice import varint
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
VALID = bytes.fromhex(
    "0a38123612340a10000102030405060708090a0b0c0d0e0f120800010203040506072a026f70300239e80300000000000041d007000000000000"
)
VALID_SPAN = VALID[6:]


def field(number: int, body: bytes, *, wire_type: int = 2) -> bytes:
    head = varint(number << 3 | wire_type)
    return head + varint(len(body)) + body if wire_type == 2 else head + body


def request(*spans: bytes) -> bytes:
    return field(1, field(2, b"".join(field(2, span) for span in spans)))


def with_attribute(value: bytes) -> bytes:
    """The valid span with attribute `k` of that AnyValue."""
    return request(VALID_SPAN + field(9, field(1, b"k") + field(2, value)))


def nested_arrays(levels: int, inner: bytes = b"\x18\x01") -> bytes:
    for _ in range(levels):
        inner = field(5, field(1, inner))
    return inner


def nested_maps(levels: int, inner: bytes = b"\x18\x01") -> bytes:
    for _ in range(levels):
        inner = field(6, field(1, field(1, b"k") + field(2, inner)))
    return inner


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


# name -> (request, defects of its span or, where it has none, of its resource); None: refused
ODD_ENCODINGS: dict[str, tuple[bytes, set[str] | None]] = {
    "plain": (VALID, set()),
    "length of 5 bytes": (b"\x0a\xb8\x80\x80\x80\x00" + VALID[2:], set()),
    "length of 6 bytes": (b"\x0a\xb8\x80\x80\x80\x80\x00" + VALID[2:], None),
    "tag of 5 bytes": (b"\x8a\x80\x80\x80\x00" + VALID[1:], set()),
    "tag of 10 bytes": (b"\x8a" + b"\x80" * 8 + b"\x00\x00", {"ODD_TAG"}),
    "tag of 11 bytes": (b"\x8a" + b"\x80" * 9 + b"\x00\x00", None),
    "tag whose field number is negative": (b"\x82\x80\x80\x80\x40\x00", None),
    "known field behind an odd tag": (request(b"\xaa\x80\x80\x80\x80\x00\x01n"), {"ODD_TAG"}),
    "attributes behind a long tag": (request(b"\xca\x80\x00\x07\x0a\x01k\x12\x02\x18\x05" * 2), {"DUPLICATE_KEY"}),
    "attributes behind long and short tags": (
        request(b"\xca\x00\x07\x0a\x01k\x12\x02\x18\x05" + b"\x4a\x07\x0a\x01l\x12\x02\x18\x05"),
        set(),
    ),
    "name as a number": (request(b"\x28\x01"), {"WRONG_WIRE_TYPE"}),
    "name as a group": (request(b"\x2b\x2c"), {"WRONG_WIRE_TYPE", "GROUP"}),
    "kind as bytes": (request(b"\x32\x01\x02"), {"WRONG_WIRE_TYPE"}),
    "field 17": (request(b"\x88\x01\x00"), {"UNKNOWN_FIELD"}),
    "empty group": (request(b"\x9b\x06\x9c\x06"), {"UNKNOWN_FIELD", "GROUP"}),
    "group cut off": (request(b"\x9b\x06\x08\x01"), {"UNKNOWN_FIELD", "GROUP"}),
    "groups cut off in each other": (request(b"\x9b\x06\xa3\x06\x08\x01"), {"UNKNOWN_FIELD", "GROUP"}),
    "odd tag in a group": (
        request(b"\x9b\x06\x88\x80\x80\x80\x80\x00\x01\x9c\x06"),
        {"UNKNOWN_FIELD", "GROUP", "ODD_TAG"},
    ),
    "group ended by another": (request(b"\x9b\x06\x94\x06"), None),
    "group with a field cut off": (request(b"\x9b\x06\x08"), None),
    "end of no group": (request(b"\x9c\x06"), None),
    "97 groups in a span": (request(b"\x9b\x06" * 97 + b"\x9c\x06" * 97), {"UNKNOWN_FIELD", "GROUP"}),
    "98 groups in a span": (request(b"\x9b\x06" * 98 + b"\x9c\x06" * 98), None),
    "field number 0": (request(b"\x00\x00"), None),
    "field number 0 in two bytes": (request(b"\x80\x00\x00"), None),
    "wire type 6": (request(b"\x2e"), None),
    "wire type 7 in two bytes": (request(b"\xaf\x00"), None),
    "name twice": (request(b"\x2a\x01a\x2a\x01b"), {"REPEATED_FIELD"}),
    "first of two names is not UTF-8": (request(b"\x2a\x01\xff\x2a\x01b"), {"REPEATED_FIELD", "FIELD_UTF8"}),
    "status twice": (request(b"\x7a\x03\x12\x01m\x7a\x02\x18\x02"), {"REPEATED_FIELD"}),
    "status with a code twice": (request(b"\x7a\x04\x18\x01\x18\x02"), {"REPEATED_FIELD"}),
    "status of bad UTF-8": (request(b"\x7a\x03\x12\x01\xff"), {"FIELD_UTF8"}),
    "flags twice": (request(b"\x85\x01\x01\x00\x00\x00" * 2), {"REPEATED_FIELD"}),
    "flags cut off": (request(b"\x85\x01\x01\x00\x00"), None),
    "empty key and no value": (request(b"\x4a\x00"), {"EMPTY_KEY", "EMPTY_VALUE"}),
    "value of no kind": (request(b"\x4a\x05\x0a\x01k\x12\x00"), {"EMPTY_VALUE"}),
    "no value, then what would make one of it": (
        field(1, field(2, field(2, field(9, field(1, b"key") + field(2, b""))) + field(1, field(1, b"n" * 251)))),
        {"EMPTY_VALUE"},
    ),
    "value before key": (request(b"\x4a\x07\x12\x02\x18\x05\x0a\x01k"), set()),
    "key twice": (request(b"\x4a\x0a\x0a\x01k\x0a\x01l\x12\x02\x18\x05"), {"REPEATED_FIELD"}),
    "value twice": (with_attribute(b"\x18\x05\x0a\x01x"), {"REPEATED_FIELD"}),
    "key_strindex": (request(b"\x4a\x09\x0a\x01k\x12\x02\x18\x05\x18\x07"), set()),
    "negative string index": (with_attribute(b"\x40" + b"\xff" * 9 + b"\x01"), set()),
    "bool of 10 bytes": (with_attribute(b"\x10" + b"\x80" * 9 + b"\x01"), set()),
    "bool of 2 bytes": (with_attribute(b"\x10\x80\x01"), set()),
    "bool of 2 bytes, false": (with_attribute(b"\x10\x80\x00"), set()),
    "int of 8 bytes": (with_attribute(b"\x18" + b"\xff" * 7 + b"\x7f"), set()),
    "int of 9 bytes": (with_attribute(b"\x18" + b"\xff" * 8 + b"\x7f"), set()),
    "int of 10 bytes": (with_attribute(b"\x18" + b"\xff" * 9 + b"\x01"), set()),
    "int of 11 bytes": (with_attribute(b"\x18" + b"\xff" * 10 + b"\x01"), None),
    "int cut off": (with_attribute(b"\x18\x80"), None),
    "int, then rubbish in place of its last byte": (with_attribute(b"\x18\x80\x80\x0a"), set()),
    "int with a byte behind it": (with_attribute(b"\x18\x05\x00"), None),
    "double cut off": (with_attribute(b"\x21\0\0\0\0\0\0\0"), None),
    "string longer than its value": (with_attribute(b"\x0a\x05abc"), None),
    "string shorter than its value": (with_attribute(b"\x0a\x01ab\x01"), None),
    "array of unlike kinds": (with_attribute(b"\x2a\x08\x0a\x02\x18\x05\x0a\x02\x10\x01"), {"MIXED_ARRAY"}),
    "array with an empty value": (with_attribute(b"\x2a\x06\x0a\x02\x18\x05\x0a\x00"), set()),
    "array, int, array": (
        with_attribute(b"\x2a\x04\x0a\x02\x18\x01\x18\x01\x2a\x04\x0a\x02\x18\x02"),
        {"REPEATED_FIELD"},
    ),
    "array, mixed, superseded": (
        with_attribute(b"\x2a\x08\x0a\x02\x18\x05\x0a\x02\x10\x01\x18\x01\x2a\x04\x0a\x02\x18\x02"),
        {"REPEATED_FIELD"},
    ),
    "array twice": (with_attribute(b"\x2a\x04\x0a\x02\x18\x01\x2a\x04\x0a\x02\x18\x02"), {"REPEATED_FIELD"}),
    "map with one key twice": (with_attribute(field(6, field(1, b"\x0a\x01k") * 2)), {"NESTED_DUPLICATE_KEY"}),
    "map with one key twice, superseded": (
        with_attribute(field(6, field(1, b"\x0a\x01k") * 2) + b"\x18\x01"),
        {"REPEATED_FIELD"},
    ),
    "map with the key of another map": (with_attribute(nested_maps(3)), set()),
    "map with no key twice": (with_attribute(field(6, field(1, b"") * 2)), {"NESTED_DUPLICATE_KEY"}),
    "array of maps with equal keys": (with_attribute(field(5, field(1, nested_maps(1)) * 2)), set()),
    "forged": (request(field(9, field(1, b"verifier.x") + b"\x12\x02\x18\x05")), {"FORGED"}),
    "forged, short": (request(field(9, field(1, b"verifier.") + b"\x12\x02\x18\x05")), {"FORGED"}),
    "forged, long": (request(field(9, field(1, b"verifier." + b"x" * 60) + b"\x12\x02\x18\x05")), {"FORGED"}),
    "forged, without a value": (request(field(9, field(1, b"verifier."))), {"FORGED", "EMPTY_VALUE"}),
    "not forged": (request(field(9, field(1, b"verifier") + b"\x12\x02\x18\x05")), set()),
    "not forged either": (request(field(9, field(1, b"verifier-x") + b"\x12\x02\x18\x05")), set()),
}


@pytest.mark.parametrize("name", ODD_ENCODINGS)
def test_odd_encodings(name: str) -> None:
    data, defects = ODD_ENCODINGS[name]
    found = check(data)
    assert (None if found is None else all_defects(found)) == defects


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (b"\x7f", True),
        (b"\x80", False),
        (b"\xc1\xbf", False),
        (b"\xc2\x80", True),
        (b"\xdf\xbf", True),
        (b"\xc2", False),
        (b"\xe0\x9f\xbf", False),
        (b"\xe0\xa0\x80", True),
        (b"\xed\x9f\xbf", True),
        (b"\xed\xa0\x80", False),
        (b"\xee\x80\x80", True),
        (b"\xef\xbf\xbf", True),
        (b"\xe1\x80", False),
        (b"\xf0\x8f\xbf\xbf", False),
        (b"\xf0\x90\x80\x80", True),
        (b"\xf4\x8f\xbf\xbf", True),
        (b"\xf4\x90\x80\x80", False),
        (b"\xf5\x80\x80\x80", False),
        (b"\xf1\x80\x80", False),
        (b"\xff", False),
    ],
)
def test_utf8(text: bytes, valid: bool) -> None:
    """At every place of strings of all lengths, in fields, keys, values and nested values."""
    for before, after in (
        (0, 0),
        (1, 0),
        (0, 1),
        (7, 9),
        (15, 0),
        (16, 16),
        (20, 30),
        (63, 1),
        (64, 0),
        (40, 90),
        (200, 5),
    ):
        string = b"a" * before + text + b"b" * after
        for name, defect, data in (
            ("name", "FIELD_UTF8", request(field(5, string))),
            ("key", "ATTRIBUTE_UTF8", request(field(9, field(1, string) + b"\x12\x02\x18\x05"))),
            ("value", "ATTRIBUTE_UTF8", with_attribute(field(1, string))),
            (
                "value of a long key",
                "ATTRIBUTE_UTF8",
                request(field(9, field(1, b"k" * 30) + field(2, field(1, string)))),
            ),
            ("value before its key", "ATTRIBUTE_UTF8", request(field(9, field(2, field(1, string)) + field(1, b"k")))),
            ("element", "ATTRIBUTE_UTF8", with_attribute(nested_arrays(2, field(1, string)))),
            ("key in a map", "ATTRIBUTE_UTF8", with_attribute(field(6, field(1, field(1, string))))),
        ):
            found = check(data)
            assert found is not None
            assert (defect in all_defects(found)) is not valid, (name, before, after)


@pytest.mark.parametrize(
    "value",
    [
        b"\x0a\x03abc",
        b"\x18\x05",
        b"\x10\x01",
        b"\x18\x90\x4e",
        b"\x21" + b"\0" * 8,
        field(1, b"a" * 60),
        field(1, b"a" * 200),
    ],
)
def test_attributes_do_not_reach_beyond_their_record(value: bytes) -> None:
    """The bytes that are missing in the record follow behind it, so only the lengths tell."""
    attribute = field(9, field(1, b"some.key") + field(2, value))
    for cut in range(1, len(attribute)):
        span = b"\x12" + varint(len(attribute) - cut) + attribute
        assert check(field(1, field(2, span))) is None
        event = b"\x5a" + varint(len(attribute) - cut) + b"\x1a" + attribute[1:]
        assert check(request(event)) is None


@pytest.mark.parametrize("value", [b"\x0a\x03abc", b"\x18\x05", b"\x18\x90\x4e", b"\x10\x01", b"\x21" + b"\x12" * 8])
@pytest.mark.parametrize("value_first", [False, True])
def test_every_byte_of_an_attribute_counts(value: bytes, value_first: bool) -> None:
    parts = [field(1, b"key"), field(2, value)]
    attribute = field(9, b"".join(reversed(parts) if value_first else parts))
    for behind in (b"", attribute, field(7, b"", wire_type=1) + b"12345678"):
        for at, old in enumerate(attribute):
            for new in {0, 1, old - 2, old - 1, old + 1, old + 2, old ^ 0x80, 0x0A, 0x12} - {-2, -1}:
                check(request(attribute[:at] + bytes([new]) + attribute[at + 1 :] + behind))


def test_bytes_need_no_utf8() -> None:
    found = check(with_attribute(field(7, b"\xff")) + request(field(1, b"\xff" * 16)))
    assert found is not None
    assert not all_defects(found)


@pytest.mark.parametrize(
    ("level", "around"),
    [
        (0, lambda body: body),
        (1, lambda body: field(1, body)),
        (2, lambda body: field(1, field(1, body))),
        (3, lambda body: field(1, field(1, field(3, body)))),
        (2, lambda body: field(1, field(2, body))),
        (3, lambda body: field(1, field(2, field(1, body)))),
        (3, request),
        (4, lambda body: request(field(15, body))),
        (4, lambda body: request(field(11, body))),
        (4, lambda body: request(field(13, body))),
        (4, lambda body: request(field(9, body))),
        (5, with_attribute),
        (5, lambda body: request(field(11, field(3, body)))),
        (5, lambda body: request(field(13, field(4, body)))),
        (4, lambda body: field(1, field(2, field(1, field(3, body))))),
        (3, lambda body: field(1, field(1, field(1, body)))),
    ],
)
def test_groups_may_fill_up_to_a_hundred_levels(level: int, around: Any) -> None:
    for groups in (100 - level, 101 - level):
        found = check(around(b"\x9b\x06" * groups + b"\x9c\x06" * groups))
        assert (found is not None) == (groups + level == 100)


@pytest.mark.parametrize("nest", [nested_arrays, nested_maps])
@pytest.mark.parametrize("levels", [0, 1, 5])
def test_groups_count_together_with_the_messages_around_them(nest: Any, levels: int) -> None:
    """A request is level 0, an attribute's AnyValue 5; an array adds 2 levels, a map 3: 100 in all."""
    room = 100 - 5 - levels * (2 if nest is nested_arrays else 3)
    for groups in (room, room + 1):
        found = check(with_attribute(nest(levels, b"\x9b\x06" * groups + b"\x9c\x06" * groups)))
        assert (found is not None) == (groups == room)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 15, 16, 17, 254, 255, 256, 300])
def test_ids_of_any_length(length: int) -> None:
    identifier = bytes(range(1, 256)) * 2
    ids = b"".join(field(number, identifier[:length]) for number in (1, 2, 4))
    found = check(request(ids + field(13, field(1, identifier[:length]) + field(2, identifier[:length]))))
    assert found is not None
    span = found[0]["scopes"][0]["spans"][0]
    assert span["parent_span_id"] == (identifier[: min(length, 8)].ljust(8, b"\0"), min(length, 255))


def test_entity_references_are_checked_and_counted() -> None:
    def resource(*references: bytes) -> bytes:
        return field(1, field(1, b"".join(field(3, each) for each in references)))

    whole = field(1, b"url") + field(2, b"host") + field(3, b"a") + field(3, b"b") + field(4, b"c") + field(4, b"d")
    found = check(resource(whole, whole))
    assert found is not None
    assert (found[0]["entity_refs"], found[0]["defects"]) == (2, set())
    assert all_defects(check(resource(field(4, b"\xff"))) or []) == {"FIELD_UTF8"}
    assert all_defects(check(resource(field(2, b"a") * 2)) or []) == {"REPEATED_FIELD"}
    assert check(resource(b"\x0a\x05")) is None


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
