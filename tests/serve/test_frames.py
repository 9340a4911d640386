"""Messages on a socket, however they are cut on their way."""

import socket
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp_verifier.serve.frames import FrameError, framed, frames


class Pieces:
    """A socket from which comes what a test says, in pieces."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        self._data = data
        self._cuts = cuts

    def recv_into(self, room: memoryview) -> int:
        assert len(room) > 0, "nothing could ever come"
        size = min(self._cuts.pop(0) if self._cuts else 1 << 30, len(room), len(self._data))
        room[:size] = self._data[:size]
        self._data = self._data[size:]
        return size


def read(data: bytes, cuts: list[int], bytes_max: int = 1 << 24) -> list[bytes]:
    return [bytes(message) for message in frames(Pieces(data, cuts), bytes_max)]  # type: ignore[arg-type]


LENGTHS = st.lists(st.integers(0, 300) | st.sampled_from([65_531, 65_532, 65_533, 200_000, 5 << 20]), max_size=12)


@settings(max_examples=200, deadline=None)
@given(LENGTHS, st.lists(st.integers(1, 70_000), max_size=60))
def test_any_lengths_in_any_pieces(lengths: list[int], cuts: list[int]) -> None:
    messages = [bytes([number]) * length for number, length in enumerate(lengths)]
    assert read(b"".join(map(framed, messages)), cuts) == messages


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(1, 20)))
def test_hostile_bytes(data: bytes, cuts: list[int]) -> None:
    """Messages, then the end, or an error that says why: what a reader with the whole in hand would find."""
    expected, rest = [], data
    while len(rest) >= 4 and struct.unpack_from("<I", rest)[0] <= min(100, len(rest) - 4):
        end = 4 + struct.unpack_from("<I", rest)[0]
        expected.append(rest[4:end])
        rest = rest[end:]
    got: list[bytes] = []

    def collect() -> None:
        for message in frames(Pieces(data, cuts), 100):  # type: ignore[arg-type]
            got[len(got) :] = [bytes(message)]

    if rest:
        with pytest.raises(FrameError):
            collect()
    else:
        collect()
    assert got == expected


def test_over_a_real_socket() -> None:
    ours, theirs = socket.socketpair()
    messages = [b"a" * size for size in (0, 1, 1 << 20, 3)]

    def send() -> None:
        with theirs:
            for message in messages:
                theirs.sendall(framed(message))

    sender = threading.Thread(target=send)
    sender.start()
    with ours:
        assert [bytes(message) for message in frames(ours, 1 << 20)] == messages
    sender.join()
