"""Opens a VerifyRequest without a message class, so that a batch is never copied on its way in."""

from typing import NamedTuple

from otlp_verifier.wire._native import ffi, lib


class EnvelopeError(ValueError):
    """A message on the stream is not a VerifyRequest.

    Attributes:
        byte_offset: where in the message the field begins that cannot be read.

    """

    def __init__(self, status: str, byte_offset: int, field: int) -> None:
        self.byte_offset = byte_offset
        super().__init__(
            f"cannot read the VerifyRequest: {status} in field {field} at byte {byte_offset}; "
            "expected a protobuf message as in bridge/proto/verifier.proto"
        )


class Envelope(NamedTuple):
    """What a VerifyRequest says; absent numbers are 0.

    `hello`, `parts` and `otlp` are views of the message, and None where the field is absent. `signal` and
    `completeness` are as sent, so perhaps outside their enums.
    """

    id: int
    signal: int
    completeness: int
    hello: memoryview | None
    parts: memoryview | None
    otlp: memoryview | None


def open_envelope(message: bytes | memoryview) -> Envelope:
    """Read the fields of a serialized VerifyRequest.

    Raises:
        EnvelopeError: `message` is not readable protobuf.

    """
    opened = ffi.new("otlpv_envelope *")
    fault = ffi.new("otlpv_fault *")
    status = lib.otlpv_open_envelope(ffi.from_buffer("uint8_t[]", message), len(message), opened, fault)
    if status != lib.OTLPV_OK:
        name = ffi.string(ffi.cast("enum otlpv_status", status)).removeprefix("OTLPV_").lower().replace("_", " ")
        raise EnvelopeError(name, fault.offset, fault.field)
    view = memoryview(message)
    hello, parts, otlp = opened.hello_offset, opened.parts_offset, opened.otlp_offset
    return Envelope(
        id=opened.id,
        signal=opened.signal,
        completeness=opened.completeness,
        hello=view[hello : hello + opened.hello_length] if opened.has_hello else None,
        parts=view[parts : parts + opened.parts_length] if opened.has_parts else None,
        otlp=view[otlp : otlp + opened.otlp_length] if opened.has_otlp else None,
    )
