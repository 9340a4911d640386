"""Messages on a socket, each after its length: uint32, little-endian."""

import socket
import struct
from collections.abc import Iterator
from typing import Final

_LENGTH: Final = struct.Struct("<I")
_ROOM_BYTES: Final = 64 << 10
# Larger messages are rare: what they took is given back.
_KEPT_BYTES_MAX: Final = 4 << 20


class FrameError(ValueError):
    """What comes over a socket is no message after its length."""


def framed(message: bytes) -> bytes:
    """A message as it goes over the socket."""
    return _LENGTH.pack(len(message)) + message


def frames(connection: socket.socket, bytes_max: int) -> Iterator[memoryview]:
    """The messages that come, until the socket ends; each is valid until the next is asked for.

    Raises:
        FrameError: a message has more than `bytes_max`, or ends before it is complete.
        OSError: from the socket.

    """
    incoming = _Incoming(connection)
    while incoming.has(_LENGTH.size):
        (length,) = _LENGTH.unpack(incoming.take(_LENGTH.size))
        if length > bytes_max:
            raise FrameError(f"a message of {length} bytes; at most {bytes_max} are read")
        if not incoming.has(length):
            raise FrameError(f"the end came within a message of {length} bytes")
        yield incoming.take(length)


class _Incoming:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._room = memoryview(bytearray(_ROOM_BYTES))
        self._begin = self._end = 0

    def has(self, length: int) -> bool:
        """Wait until so many bytes are there; False where the socket ends before."""
        if len(self._room) - self._begin < length or self._begin == self._end:
            self._make_room(length)
        while self._end - self._begin < length:
            got = self._connection.recv_into(self._room[self._end :])
            if got == 0:
                if self._begin < self._end:
                    raise FrameError(f"the end came after {self._end - self._begin} of {length} bytes")
                return False
            self._end += got
        return True

    def take(self, length: int) -> memoryview:
        begin, self._begin = self._begin, self._begin + length
        return self._room[begin : self._begin]

    def _make_room(self, length: int) -> None:
        rest = bytes(self._room[self._begin : self._end])
        if length > len(self._room) or len(self._room) > _KEPT_BYTES_MAX >= length:
            self._room = memoryview(bytearray(max(length, _ROOM_BYTES)))
        self._begin, self._end = 0, len(rest)
        self._room[: self._end] = rest
