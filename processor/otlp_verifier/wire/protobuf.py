"""What is left to protobuf's own classes: the one small message with which a stream begins."""

from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError

from otlp_verifier.contract.verifier_pb2 import Hello


class ProtobufError(RuntimeError):
    """Protobuf runs in an implementation that hostile input can hurt."""


def require_upb() -> None:
    """Refuse protobuf's pure Python implementation, which recurses without a limit and is hundreds of times slower.

    Raises:
        ProtobufError: protobuf does not run on upb.

    """
    if (kind := api_implementation.Type()) != "upb":
        raise ProtobufError(
            f"protobuf runs as `{kind}`, expected `upb`: unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION, "
            "or install protobuf from its binary wheel"
        )


def read_hello(message: memoryview) -> Hello:
    """Decode what a stream's first request carries.

    Raises:
        ValueError: `message` is not a Hello.

    """
    try:
        return Hello.FromString(bytes(message))
    except DecodeError as error:
        raise ValueError(f"cannot read hello: {error}") from error
