"""Pieces of requests as bytes, for tests that choose the encoding themselves."""

from tests.reference.splice import varint

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
