"""What Python may hand a compiled kernel, what it gets back, and which code runs."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from otlp_verifier import kernels
from otlp_verifier.kernels import _library, library
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.exists import any_of_group
from otlp_verifier.machine.groups import group
from otlp_verifier.machine.program import Function
from tests.machine import programs

pytestmark = pytest.mark.skipif(kernels.UNCOMPILED, reason="is about the compiled ones")

NO_ROW = 0xFFFFFFFF
EMPTY = np.empty(0, np.uint64)


def arguments() -> list[object]:
    """Of `any_of_group`: three members of groups 0, 1 and 1, of which the second counts."""
    at = np.array([0, 1, 1], np.uint64)
    return [3, 3, 2, np.array([0, 1, 0], np.uint8), at, EMPTY, at.copy(), EMPTY, np.empty(3, np.uint8)]


def test_it_is_what_the_sources_say() -> None:
    assert library.stale() == []
    assert "machine.exists.any_of_group" in kernels.declared


def test_a_call_writes_its_result() -> None:
    given = arguments()
    assert any_of_group(*given) is None
    assert np.asarray(given[-1]).tolist() == [0, 1, 1]


def test_numbers_may_be_of_numpy() -> None:
    given = arguments()
    any_of_group(np.int64(3), np.uint32(3), *given[2:])
    assert np.asarray(given[-1]).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("place", "wrong", "error", "match"),
    [
        (0, 1.5, TypeError, "float"),
        (0, None, TypeError, "NoneType"),
        (0, 1 << 63, OverflowError, "int too big"),
        (3, np.zeros(3, np.uint64), TypeError, r"any_of_group: argument 3 has to be an array of B in 1 dim.* not of L"),
        (3, np.zeros((1, 3), np.uint8), TypeError, "in 1 dimensions, not of B in 2"),
        (3, np.zeros(3, np.bool_), TypeError, "not of [?]"),
        (4, np.zeros(6, np.uint64)[::2], ValueError, "contiguous"),
        (4, np.frombuffer(bytes(24), np.uint64), ValueError, "read-only"),
        (4, [0, 1, 1], TypeError, "bytes-like"),
        (4, np.zeros(3, ">u8"), TypeError, "not of >Q"),
        (8, np.zeros(3, [("a", "u1")]), TypeError, "argument 8"),
    ],
)
def test_what_is_of_another_type_or_layout_is_refused(
    place: int, wrong: object, error: type[Exception], match: str
) -> None:
    given = arguments()
    given[place] = wrong
    with pytest.raises(error, match=match):
        any_of_group(*given)


@pytest.mark.parametrize("count", [0, 8, 10])
def test_another_number_of_arguments_is_refused(count: int) -> None:
    with pytest.raises(TypeError, match=f"machine.exists.any_of_group takes 9 arguments, not {count}"):
        any_of_group(*[*arguments(), None][:count])


def test_after_a_refusal_nothing_holds_the_arrays() -> None:
    given = arguments()
    array = given[3]
    assert isinstance(array, np.ndarray)
    given[3] = view = memoryview(array)
    any_of_group(*given)
    with pytest.raises(TypeError):
        any_of_group(*given[:-1], None)
    view.release()  # refuses while its memory is lent


def test_an_allocation_that_fails_is_an_error() -> None:
    """Groups up to 2**62: more cells than there is memory."""
    given = arguments()
    given[2] = 1 << 62
    with pytest.raises(MemoryError):
        any_of_group(*given)
    any_of_group(*arguments())


def test_an_exception_in_a_kernel_is_an_error() -> None:
    given = arguments()
    given[2] = -5  # an array of negative length
    with pytest.raises(RuntimeError, match="any_of_group raised an exception; OTLP_VERIFIER_UNCOMPILED=1"):
        any_of_group(*given)


def test_there_is_no_kernel_of_another_type_or_name() -> None:
    name = "machine.exists.any_of_group"
    declared = kernels.declared[name]
    assert _library.kernel(name, declared.signature.code) is not None
    changed = kernels.Declared(ty.void(ty.int64), declared.function)
    with pytest.raises(
        ImportError, match=f"no {name} of type 0q0; build the package again: `make setup` in a checkout"
    ):
        library.Library().kernel(name, changed)
    with pytest.raises(ImportError, match=r"no nowhere"):
        library.Library().kernel("nowhere", declared)


def test_types_are_written_as_c_reads_them() -> None:
    assert ty.Several(8)(ty.boolean, ty.uint32[:, ::1], ty.read_only_bytes, ty.uint64).code == "8?0I2BrQ0"
    assert ty.int64(ty.int32[::1]).code == "1i1"


@pytest.fixture
def best() -> Iterator[str]:
    kinds: list[str] = _library.kinds()
    yield kinds[-1]
    _library.use(kinds[-1])


def test_each_kind_of_processor_finds_the_same(best: str) -> None:
    random = Random(7)
    members = 3_000
    at = np.array([random.randrange(40) for _ in range(members)], np.uint64)
    values = np.array([random.getrandbits(64) for _ in range(members)], np.uint64)
    mask = np.array([random.random() < 0.7 for _ in range(members)], np.uint8)
    rows = 700
    described = [
        (programs.random_memory(Random(seed), rows), programs.random_program(Random(seed), 60)) for seed in range(9)
    ]
    results: list[tuple[str, object]] = []
    for kind in _library.kinds():
        _library.use(kind)
        out = np.zeros((2, members), np.uint64)
        for function in (Function.SUM, Function.DISTINCT, Function.MAX_SIGNED):
            group(members, members, 40, int(function), True, mask, values, at, EMPTY, at, EMPTY, 5, out[0], out[1])
            results.append((kind, out.tolist()))
        results += [(kind, (found.findings, found.counts)) for found in (m.run(p, rows) for m, p in described)]
    for number, (_, found) in enumerate(results):
        assert found == results[number % (len(results) // len(_library.kinds()))][1]


def test_no_other_kind_can_be_chosen(best: str) -> None:
    with pytest.raises(ValueError, match="this processor is no z80"):
        _library.use("z80")
    with pytest.raises(TypeError):
        _library.use(1)


def test_a_kernel_runs_without_the_interpreters_lock() -> None:
    """This thread gets a turn while another one's call is under way, although nobody is asked to hand the lock over."""
    members = 4_000_000
    at, mask, out = np.zeros(members, np.uint64), np.ones(members, np.uint8), np.empty(members, np.uint8)
    turns: list[int] = []

    def call() -> None:
        for _ in range(5):
            any_of_group(members, members, 1, mask, at, EMPTY, at, EMPTY, out)
        turns.append(-1)

    switching = sys.getswitchinterval()
    sys.setswitchinterval(100)
    try:
        thread = threading.Thread(target=call)
        thread.start()
        while thread.is_alive():
            turns.append(1)
            time.sleep(0)
        thread.join()
    finally:
        sys.setswitchinterval(switching)
    assert turns.index(-1) > 1


def test_where_it_runs_numba_is_not_loaded() -> None:
    program = (
        "import sys; from otlp_verifier.kernels.library import stale; stale(); "
        "import otlp_verifier.worker, otlp_verifier.sensitive.records, otlp_verifier.serve.engine; "
        "sys.exit(bool({'numba', 'llvmlite'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
