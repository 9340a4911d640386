"""Memory that a sender on this host shares: a batch is copied out of it before anybody looks at it.

It is read as a file, never mapped: what is not there is a short read where a mapping would end the process, and the
interpreter is left to others during the copy, which costs 25 ns a span.
"""

import os
import struct
import sys
from typing import Final

if sys.platform == "linux":
    import fcntl

AVAILABLE: Final = sys.platform == "linux"
PARTS_MAX: Final = 1_024  # of one request, as in bridge/proto/verifier.proto
_PART: Final = struct.Struct("<4Q")  # position, length, where the generation stands, generation
# Larger requests are rare: what they took is given back.
_KEPT_BYTES_MAX: Final = 4 << 20


class PartsError(ValueError):
    """Memory, or parts of it, that are not as the contract says."""


class Memory:
    """The memory behind one descriptor, which it owns.

    Raises (from the constructor):
        PartsError: the descriptor is no memfd, or one that may still shrink.

    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._room = bytearray()
        self._generation = bytearray(8)
        try:
            os.set_inheritable(descriptor, False)
            if not _sealed(descriptor):
                raise PartsError("the memory is not sealed against shrinking and growing")
            self._size = os.fstat(descriptor).st_size
        except BaseException:
            self.close()
            raise

    def locate(self, parts: memoryview) -> list[tuple[int, int, int, int]]:
        """The parts of a request; all of them lie within the memory.

        Raises:
            PartsError: they do not, or they cannot be read.

        """
        if len(parts) % _PART.size or len(parts) > PARTS_MAX * _PART.size:
            raise PartsError(
                f"parts have {len(parts)} bytes; expected {_PART.size} for each of at most {PARTS_MAX} parts"
            )
        located = list(_PART.iter_unpack(parts))
        for position, length, cell, _ in located:
            if position + length > self._size or cell + len(self._generation) > self._size:
                raise PartsError(
                    f"a part of {length} bytes at {position}, its generation at {cell}: the memory has {self._size}"
                )
        return located

    def copy(self, located: list[tuple[int, int, int, int]]) -> memoryview:
        """The bytes of these parts, joined; valid until the next call.

        Raises:
            PartsError: a part was given up by its sender while it was copied, or before.
            OSError: the memory cannot be read.

        """
        size = sum(part[1] for part in located)
        if len(self._room) < size or len(self._room) > _KEPT_BYTES_MAX >= size:
            self._room = bytearray(size)
        room, end = memoryview(self._room), 0
        for position, length, cell, generation in located:
            begin, end = end, end + length
            complete = _read(self._descriptor, room[begin:end], position)
            complete = complete and _read(self._descriptor, self._generation, cell)
            if not complete or int.from_bytes(self._generation, "little") != generation:
                raise PartsError(f"the part at {position} is not of generation {generation} any more")
        return room[:size]

    def close(self) -> None:
        """Let go of the memory; once the sender has too, it is free."""
        os.close(self._descriptor)


def _sealed(descriptor: int) -> bool:
    wanted = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & wanted == wanted
    except OSError as error:
        raise PartsError("the descriptor is no memfd") from error


def _read(descriptor: int, room: memoryview | bytearray, position: int) -> bool:
    return os.preadv(descriptor, [room], position) == len(room)
