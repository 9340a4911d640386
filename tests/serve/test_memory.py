"""Memory that a sender shares, and may change: what is copied is what was named, or an error."""

import os
import socket
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if sys.platform != "linux":
    pytest.skip("shared memory needs Linux", allow_module_level=True)

from otlp_verifier.serve.memory import PARTS_MAX, Memory, PartsError
from tests.serve.sharing import GENERATION, SEALS, Shared, parts

SIZE = 1 << 16


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    shared = Shared(SIZE)
    shared.data[:] = bytes(range(256)) * (SIZE // 256)
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def memory(shared: Shared) -> Iterator[Memory]:
    memory = Memory(os.dup(shared.descriptor))
    yield memory
    memory.close()


NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, SIZE + 20) | st.sampled_from([SIZE - 8, SIZE, 2**63, 2**64 - 1])
PART = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS)


def read(memory: Memory, *located: tuple[int, int, int, int]) -> bytes:
    return bytes(memory.copy(memory.locate(memoryview(parts(*located)))))


@settings(max_examples=500, deadline=None)
@given(st.lists(PART, max_size=4), st.booleans())
def test_any_parts(shared: Shared, memory: Memory, located: list[tuple[int, int, int, int]], honest: bool) -> None:
    """The bytes that a slice has, or an error: of the place, or of the generation."""
    if honest:  # at least about the generation
        located = [
            (position, length, cell, int.from_bytes(shared.data[cell : cell + 8], "little"))
            for position, length, cell, _ in located
        ]
    inside = all(position + length <= SIZE and cell + 8 <= SIZE for position, length, cell, _ in located)
    current = all(
        int.from_bytes(shared.data[cell : cell + 8], "little") == generation for _, _, cell, generation in located
    )
    if inside and current:
        expected = b"".join(shared.data[position : position + length] for position, length, _, _ in located)
        assert read(memory, *located) == expected
        return
    with pytest.raises(PartsError):
        read(memory, *located)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_parts(memory: Memory, data: bytes) -> None:
    if len(data) % 32:
        with pytest.raises(PartsError, match="expected 32 for each"):
            memory.locate(memoryview(data))


def test_too_many_parts(memory: Memory) -> None:
    one = parts((0, 0, 0, 0))
    assert len(memory.locate(memoryview(one * PARTS_MAX))) == PARTS_MAX
    with pytest.raises(PartsError, match="at most 1024"):
        memory.locate(memoryview(one * (PARTS_MAX + 1)))


def test_parts_that_overlap(shared: Shared, memory: Memory) -> None:
    generation = int.from_bytes(shared.data[0:8], "little")
    assert read(memory, (0, 100, 0, generation), (50, 100, 0, generation)) == shared.data[0:100] + shared.data[50:150]


def test_a_copy_stays_as_it_was() -> None:
    shared = Shared(SIZE)
    memory = Memory(os.dup(shared.descriptor))
    copy = memory.copy(memory.locate(memoryview(parts(shared.put(b"before")))))
    shared.put(b"behind")
    assert bytes(copy) == b"before"
    memory.close()
    shared.close()


def test_a_part_given_up_by_its_sender() -> None:
    shared = Shared(SIZE)
    memory = Memory(os.dup(shared.descriptor))
    located = memory.locate(memoryview(parts(shared.put(b"batch"))))
    shared.data[0:8] = (GENERATION + 1).to_bytes(8, "little")
    with pytest.raises(PartsError, match="not of generation 7 any more"):
        memory.copy(located)
    memory.close()
    shared.close()


def test_room_follows_the_batches() -> None:
    shared = Shared(8 << 20)
    memory = Memory(os.dup(shared.descriptor))
    for size in (10, 6 << 20, 10, 1 << 20, 0):
        assert len(memory.copy(memory.locate(memoryview(parts((8, size, 0, 0)))))) == size
    assert len(memory._room) <= 4 << 20
    memory.close()
    shared.close()


@pytest.mark.parametrize("kind", ["unsealed", "may shrink", "pipe", "socket", "file", "directory"])
def test_what_is_no_sealed_memory(kind: str) -> None:
    with open(__file__, "rb") as file, socket.socket() as plain:
        reading, writing = os.pipe()
        folder = os.open("/", os.O_RDONLY)
        unsealed = Shared(SIZE, seals=0)
        growing = Shared(SIZE, seals=SEALS & ~2)
        descriptors = {
            "unsealed": unsealed.descriptor,
            "may shrink": growing.descriptor,
            "pipe": reading,
            "socket": plain.fileno(),
            "file": file.fileno(),
            "directory": folder,
        }
        passed = os.dup(descriptors[kind])
        with pytest.raises(PartsError):
            Memory(passed)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(passed)
        for descriptor in (reading, writing, folder):
            os.close(descriptor)
        unsealed.close()
        growing.close()
