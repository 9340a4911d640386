"""The hand-made reader of VerifyRequest against the generated class."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp_verifier.contract import verifier_pb2 as contract
from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.envelope import Envelope, EnvelopeError, open_envelope
from otlp_verifier.wire.scanner import MalformedRequest

NUMBERS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 127, 128, 2**32 - 1, 2**32])


def view(part: memoryview | None) -> bytes | None:
    return None if part is None else bytes(part)


@settings(max_examples=200, deadline=None)
@given(NUMBERS, st.integers(-(2**31), 2**31 - 1), st.integers(0, 3), st.none() | st.text(), st.binary(max_size=300))
def test_same_fields_as_the_generated_class(
    number: int, signal: int, completeness: int, profile: str | None, otlp: bytes
) -> None:
    message = contract.VerifyRequest(id=number, signal=signal, completeness=completeness, otlp=otlp)
    if profile is not None:
        message.hello.profile = profile
    opened = open_envelope(message.SerializeToString())
    assert (opened.id, opened.signal, opened.completeness) == (number, signal % 2**32, completeness)
    assert view(opened.otlp) == (otlp or None), "proto3 does not send empty bytes"
    assert (opened.hello is None) == (profile is None)
    if opened.hello is not None:
        assert contract.Hello.FromString(bytes(opened.hello)) == message.hello


FIELDS = [
    b"\x08\x07",  # id
    b"\x08\xff\x01",
    b"\x10\x01",  # signal
    b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # -1: ten bytes
    b"\x18\x02",  # completeness
    b"\x98\x00\x02",  # its tag in two bytes
    b"\x22\x00",  # hello
    b"\x2a\x03xyz",  # parts
    b"\x2a\x00",
    b"\x29" + bytes(8),  # parts with another wire type
    b"\x7a\x03abc",  # otlp
    b"\x7a\x83\x00abd",  # its length in two bytes
    b"\x7a\x00",
    b"\x0a\x01x",  # id with another wire type
    b"\x20\x05",  # hello with another wire type
    b"\x79" + bytes(8),  # otlp with another wire type
    b"\x9a\x06\x02zz",  # unknown ones
    b"\x9d\x06" + bytes(4),
    b"\x9b\x06\x08\x01\x9c\x06",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(FIELDS)))
def test_any_order_repetition_and_encoding(parts: list[bytes]) -> None:
    message = b"".join(parts)
    expected = contract.VerifyRequest.FromString(message)
    opened = open_envelope(message)
    parts, otlp = bytes(opened.parts or b""), bytes(opened.otlp or b"")
    assert (opened.id, opened.signal, opened.completeness, parts, otlp) == (
        expected.id,
        expected.signal % 2**32,
        expected.completeness,
        expected.parts,
        expected.otlp,
    )
    assert (opened.hello is not None) == expected.HasField("hello")


def test_nothing_is_copied() -> None:
    message = contract.VerifyRequest(id=1, otlp=b"x" * 100).SerializeToString()
    opened = open_envelope(message)
    assert opened.otlp is not None
    assert opened.otlp.obj is message


def test_the_empty_request() -> None:
    assert open_envelope(b"") == Envelope(0, 0, 0, None, None, None)


WHOLE = contract.VerifyRequest(
    id=300, signal=contract.SIGNAL_TRACES, hello=contract.Hello(profile="p"), otlp=b"abcd"
).SerializeToString()
BOUNDARIES = {0, 3, 5, 10, len(WHOLE)}  # between fields


@pytest.mark.parametrize("length", range(len(WHOLE) + 1))
def test_truncation_at_every_byte(length: int) -> None:
    if length in BOUNDARIES:
        open_envelope(WHOLE[:length])
        return
    with pytest.raises(EnvelopeError, match="truncated in field") as caught:
        open_envelope(WHOLE[:length])
    assert caught.value.byte_offset == max(boundary for boundary in BOUNDARIES if boundary < length)


@pytest.mark.parametrize(
    ("message", "trouble"),
    [
        (b"\x10\x01\x00\x00", "bad tag in field 0 at byte 2"),
        (b"\x0e\x00", "bad wire type in field 1 at byte 0"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "bad varint in field 1 at byte 0"),
        (b"\x9b\x06\x0c", "bad group in field 99 at byte 0"),
        (b"\x7a\x05abcd", "truncated in field 15 at byte 0"),
    ],
)
def test_errors_name_what_and_where(message: bytes, trouble: str) -> None:
    with pytest.raises(EnvelopeError, match=trouble):
        open_envelope(message)


def test_a_fault_is_in_the_envelope_and_not_in_what_it_holds() -> None:
    fault = ffi.new("otlpv_fault *")
    lib.otlpv_open_envelope(b"\x7a\x05abcd", 6, ffi.new("otlpv_envelope *"), fault)
    assert fault.message == lib.OTLPV_MESSAGE_ENVELOPE
    assert "VerifyRequest" in str(MalformedRequest(lib.OTLPV_TRUNCATED, fault))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_accepts_whatever_protobuf_accepts(message: bytes) -> None:
    """And more: like the collector it takes tags of up to ten bytes and groups that are cut off."""
    try:
        expected = contract.VerifyRequest.FromString(message)
    except DecodeError:
        return
    opened = open_envelope(message)
    assert (opened.id, bytes(opened.otlp or b"")) == (expected.id, expected.otlp)
