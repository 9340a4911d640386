"""Chains run their steps in order, stop where one asks, and are made again when something has moved."""

import gc
import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from otlp_verifier import kernels
from otlp_verifier.kernels import Native, chain, link
from otlp_verifier.kernels.chain import BATCH, Chain, Step
from otlp_verifier.machine.exists import any_of_group
from otlp_verifier.wire._native import ffi
from otlp_verifier.wire.dictionary import Dictionary
from otlp_verifier.wire.sources import TextSources
from otlp_verifier.wire.steps import step

compiled = pytest.mark.skipif(kernels.UNCOMPILED, reason="is about the compiled ones")
EMPTY = np.empty(0, np.uint64)


class Owner:
    """Of arrays that have moved so often."""

    generation = 0


def anywhere(members: int, at: NDArray[np.uint64], out: NDArray[np.uint8]) -> Step:
    """A step that says of each member whether one of its group counts, which all do."""
    arguments = (members, members, len(at) or 1, np.ones(len(at), np.uint8), at, EMPTY, at, EMPTY, out)
    return Step(any_of_group, arguments)


def count_of(dictionary: Dictionary, known: NDArray[np.uint32], told: list[int], *, again: bool = False) -> Step:
    """A step that tells how many codes there are when that is news."""

    def ask(count: int) -> bool:
        told.append(count)
        if again:
            known[0] = count
        return again

    return dictionary.more_than(known, ask)


def test_steps_run_in_order_and_python_answers_in_between() -> None:
    dictionary, told = Dictionary([b"a", b"b"]), list[int]()
    out = np.zeros((2, 3), np.uint8)
    at = np.zeros(3, np.uint64)
    known = np.zeros(1, np.uint32)
    steps = [
        anywhere(3, at, out[0]),
        count_of(dictionary, np.zeros(1, np.uint32), told),
        count_of(dictionary, known, told, again=True),
        anywhere(3, at, out[1]),
    ]
    Chain(lambda: steps, [Owner()]).run(b"")
    assert told == [2, 2]
    assert known[0] == 2
    assert out.all()


def test_what_has_moved_is_told_again_also_amid_a_batch() -> None:
    owner, made = Owner(), list[int]()
    dictionary, known = Dictionary([b"a"]), np.zeros(1, np.uint32)
    outs = [np.zeros(2, np.uint8) for _ in range(3)]

    def ask(count: int) -> bool:
        owner.generation += 1
        known[0] = count
        return True

    def make() -> Sequence[Step]:
        made.append(owner.generation)
        return [dictionary.more_than(known, ask), anywhere(2, np.zeros(2, np.uint64), outs[owner.generation])]

    linked = Chain(make, [owner])
    linked.run(b"")
    linked.run(b"")
    assert made == [0, 1]
    owner.generation += 1
    linked.run(b"")
    assert made == [0, 1, 2]
    assert [out.tolist() for out in outs] == [[0, 0], [1, 1], [1, 1]]


@pytest.mark.parametrize("buffer", [b"ab", bytearray(b"ab"), memoryview(b"xabx")[1:3]])
def test_the_bytes_are_those_of_each_run(buffer: bytes | memoryview) -> None:
    codes, texts = np.zeros(2, np.uint32), np.array([0 << 32 | 1, 1 << 32 | 1], np.uint64)
    dictionary, sources = Dictionary([b"b", b"a"]), TextSources(1)
    sources.point(0, texts, codes, np.array([2], np.uint32))
    steps = [dictionary.step(lambda: buffer, sources)]
    Chain(lambda: steps, [Owner()]).run(buffer)
    assert codes.tolist() == [1, 0]


def test_an_answer_that_raises_ends_the_run() -> None:
    def ask(count: int) -> bool:
        raise KeyError(count)

    out = np.zeros(1, np.uint8)
    steps = [Dictionary([b"a"]).more_than(np.zeros(1, np.uint32), ask), anywhere(1, np.zeros(1, np.uint64), out)]
    linked = Chain(lambda: steps, [Owner()])
    for _ in range(2):
        with pytest.raises(KeyError):
            linked.run(b"")
    assert not out.any()


def test_nobody_waits_for_an_answer_that_no_step_gives() -> None:
    asking = Dictionary([b"a"]).more_than(np.zeros(1, np.uint32), lambda _: False)
    steps = [Step(asking.call, asking.arguments)]
    with pytest.raises(AssertionError, match="step 0 gave 1, and nobody waits"):
        Chain(lambda: steps, [Owner()]).run(b"")


@compiled
@pytest.mark.parametrize(
    ("made", "error", "match"),
    [
        ((any_of_group, (1, 2)), TypeError, "any_of_group takes 9 arguments, not 2"),
        ((any_of_group, (*anywhere(1, np.zeros(1, np.uint64), np.zeros(1, np.uint8)).arguments[:-1], BATCH)),
         TypeError, "bytes-like"),
        (step("count_codes", *range(100)), ValueError, "100 words: a step has at most 96"),
        (step("encode", BATCH, BATCH), ValueError, "told of the bytes once"),
        ((Native(0, sum, ()), ()), ValueError, "a step without a function"),
        (step("count_codes", 1 << 70), OverflowError, "too big"),
    ],
)  # fmt: skip
def test_arguments_are_looked_at_when_it_is_made(made: object, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        link([made])  # type: ignore[list-item]  # what is wrong is the point


@compiled
@pytest.mark.parametrize(("arguments", "error"), [((), TypeError), ((b"",), TypeError), ((b"", -1), TypeError),
                                                  ((b"", "0"), TypeError), (("", 0), TypeError)])  # fmt: skip
def test_it_is_called_with_bytes_and_a_step(arguments: tuple[object, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        link([])(*arguments)  # type: ignore[arg-type]  # what is wrong is the point


@compiled
def test_arrays_are_held_as_long_as_it_lives() -> None:
    out = np.zeros(1, np.uint8)
    before = sys.getrefcount(out)
    linked = link([(made.call, made.arguments) for made in [anywhere(1, np.zeros(1, np.uint64), out)]])
    assert sys.getrefcount(out) > before
    assert linked(b"", 0) is None
    assert linked(b"", 5) is None, "there is nothing behind the last step"
    assert out.all()
    del linked, out
    gc.collect()


@compiled
def test_two_threads_cannot_run_one_at_once() -> None:
    members = 8_000_000
    at, out = np.zeros(members, np.uint64), np.zeros(members, np.uint8)
    made = anywhere(members, at, out)
    linked = link([(made.call, made.arguments)] * 4)
    refused: list[str] = []

    def run(first: int) -> None:
        try:
            linked(b"", first)
        except RuntimeError as error:
            refused.append(str(error))

    thread = threading.Thread(target=run, args=(0,))
    thread.start()
    while thread.is_alive() and not refused:  # either of the two may come second
        run(4)
    thread.join()
    assert set(refused) == {"a chain is used by two threads at once"}


def test_a_chain_that_could_not_be_made_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    out, owner = np.zeros(1, np.uint8), Owner()
    made = Chain(lambda: [anywhere(1, np.zeros(1, np.uint64), out)], [owner])

    def fail(_: object) -> None:
        raise MemoryError

    for _ in range(2):
        out.fill(0)
        with monkeypatch.context() as patched:
            patched.setattr(chain, "link", fail)
            with pytest.raises(MemoryError):
                made.run(b"")
        made.run(b"")
        assert out.all()
        owner.generation += 1


def test_a_c_function_is_called_by_the_same_words_from_python() -> None:
    known = ffi.new("uint32_t *", 0)
    native, words = step("count_codes", Dictionary([b"a", b"b", b"c"])._native, known)
    assert None not in words
    assert native.call([word for word in words if word is not None]) == 3
