"""Encodings that no SDK sends: read as protobuf reads them, kept where only the collector reads them, and reported."""

from typing import Any

import pytest

from tests.reference.splice import varint
from tests.wire.encoding import VALID, field, nested_arrays, nested_maps, request, with_attribute
from tests.wire.scanning import all_defects, check

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
    "key_strindex": (request(b"\x4a\x09\x0a\x01k\x12\x02\x18\x05\x18\x07"), {"STRING_INDEX", "KEY_AND_INDEX"}),
    "key_strindex of 0": (request(b"\x4a\x09\x0a\x01k\x12\x02\x18\x05\x18\x00"), set()),
    "key_strindex alone": (request(b"\x4a\x06\x12\x02\x18\x05\x18\x07"), {"EMPTY_KEY", "STRING_INDEX"}),
    "negative string index": (with_attribute(b"\x40" + b"\xff" * 9 + b"\x01"), {"STRING_INDEX"}),
    "string index, then a string": (with_attribute(b"\x40\x05\x0a\x01x"), {"REPEATED_FIELD"}),
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
