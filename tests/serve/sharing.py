"""A sender that shares memory, for tests: what a collector's processor does, and what none should."""

import fcntl
import mmap
import os
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from otlp_verifier.contract import verifier_pb2 as contract
from otlp_verifier.serve.desk import SUFFIX
from tests.serve.client import PATIENCE_S, Client

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
GENERATION = 7


class Shared:
    """Memory with one batch in it: its generation first, the bytes at once behind it."""

    def __init__(self, size: int = 1 << 20, seals: int = SEALS) -> None:
        self.descriptor = os.memfd_create("shared", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, size)
        if seals:
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, seals)
        self.data = mmap.mmap(self.descriptor, size)

    def put(self, otlp: bytes, at: int = 0) -> tuple[int, int, int, int]:
        """Lay a batch down; where it lies."""
        self.data[at : at + 8] = GENERATION.to_bytes(8, "little")
        self.data[at + 8 : at + 8 + len(otlp)] = otlp
        return at + 8, len(otlp), at, GENERATION

    def close(self) -> None:
        self.data.close()
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def parts(*located: Sequence[int]) -> bytes:
    return b"".join(struct.pack("<4Q", *part) for part in located)


def hand_over(path: str, ticket: bytes, descriptors: Sequence[int]) -> socket.socket:
    """Connect to the desk beside a socket, and show a ticket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_S)
    connection.connect(path + SUFFIX)
    socket.send_fds(connection, [ticket], descriptors)
    return connection


def ended(connection: socket.socket) -> bool:
    """Whether the verifier ends the conversation; waits for it."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


class Sharer:
    """A stream, and the conversation that goes on beside it."""

    def __init__(self, address: str, **hello: Any) -> None:
        self.client = Client(address)
        self.memory = Shared()
        offered = [contract.TRANSPORT_SHARED_MEMORY, contract.TRANSPORT_MESSAGE]
        welcome = self.client.greet(transports=offered, **hello)
        assert welcome.transport == contract.TRANSPORT_SHARED_MEMORY
        self.ticket = welcome.ticket
        self.path = address.removeprefix("unix://")
        self.connection = hand_over(self.path, self.ticket, [self.memory.descriptor])
        assert self.receive().welcome.transport == contract.TRANSPORT_SHARED_MEMORY

    def send(self, message: contract.VerifyRequest | bytes) -> None:
        wire = message if isinstance(message, bytes) else message.SerializeToString()
        self.connection.sendall(struct.pack("<I", len(wire)) + wire)

    def receive(self) -> contract.VerifyResponse:
        (length,) = struct.unpack("<I", self._exactly(4))
        return contract.VerifyResponse.FromString(self._exactly(length))

    def ask(self, message: contract.VerifyRequest | bytes) -> contract.VerifyResponse:
        self.send(message)
        return self.receive()

    def verify(self, otlp: bytes, request_id: int = 1, **fields: Any) -> contract.VerifyResponse:
        """Ask about a batch that lies in memory."""
        return self.locate(self.memory.put(otlp), request_id=request_id, **fields)

    def locate(self, *located: Sequence[int], request_id: int = 1, **fields: Any) -> contract.VerifyResponse:
        fields = {"signal": contract.SIGNAL_TRACES, **fields}
        return self.ask(contract.VerifyRequest(id=request_id, parts=parts(*located), **fields))

    def _exactly(self, length: int) -> bytes:
        got = b""
        while len(got) < length:
            more = self.connection.recv(length - len(got))
            if not more:
                raise EOFError(f"the end after {len(got)} of {length} bytes")
            got += more
        return got

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        self.memory.close()
        self.client.__exit__(kind, error, trace)
