"""Memory for what stays: no two arrays share a byte, and what is large begins where a large page does."""

import pytest

from otlp_verifier.wire.memory import UINT8, UINT64, Supply, fresh
from otlp_verifier.wire.origin import ORIGIN


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (4 << 20) - 1, 4 << 20, (5 << 20) + 1])
def test_fresh_memory_can_be_written_to_its_last_byte(size: int) -> None:
    memory = fresh(size)
    assert memory.shape == (size,)
    memory[:] = 7
    assert size < 4 << 20 or memory.ctypes.data % (2 << 20) == 0


def test_arrays_of_a_supply_do_not_share_bytes() -> None:
    supply = Supply()
    sizes = [0, 1, 3, 1 << 16, 70_000, 5, 1 << 20, 9 << 20, 0, 17]
    arrays = [supply.take(size, UINT8) for size in sizes]
    others = [supply.take(count, dtype) for count in (1, 1_000) for dtype in (UINT64, ORIGIN)]
    for number, array in enumerate(arrays):
        array[:] = number
    for other in others:
        other.view(UINT8)[:] = 0xFF
    assert [len(array) for array in arrays] == sizes
    assert all((array == number).all() for number, array in enumerate(arrays))
    assert all(other.ctypes.data % 8 == 0 for other in others)
