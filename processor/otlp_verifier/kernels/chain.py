"""Chains: kernels and C functions one after another in one call.

Between two kernels Python takes longer than a small kernel does, and with several workers each call that gives the
interpreter's lock away has to get it back. So what a batch goes through is written down as steps, with all that they
are told, and run in one; Python is asked where a step finds something new.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from otlp_verifier.kernels import Link, Native, link

BATCH: Final = None  # among a step's arguments: the bytes of the batch

Ask: TypeAlias = Callable[[int], bool]


class Owner(Protocol):
    """Has arrays that steps are told of; `generation` goes up when one of them has moved."""

    @property
    def generation(self) -> int:
        """How often."""


class Step(msgspec.Struct, frozen=True):
    """A kernel that gives a number or nothing, or a C function, with its arguments.

    Attributes:
        call: the kernel or function.
        arguments: arrays, numbers, and BATCH for bytes that are only read.
        ask: what is done when it gives anything but 0, which it is told; whether the step is to be run again.

    """

    call: Callable[..., Any] | Native
    arguments: tuple[Any, ...]
    ask: Ask | None = None


class Chain:
    """Steps that are made again when an array has moved. Not for use by two threads at once.

    Args:
        make: gives the steps; always the same number, in the same order.
        owners: of the arrays that the steps are told of.

    """

    def __init__(self, make: Callable[[], Sequence[Step]], owners: Sequence[Owner]) -> None:
        self._make = make
        self._owners = owners
        self._generations: list[int] = []
        self._steps: Sequence[Step] = ()
        self._call: Link = link([])

    def run(self, buffer: bytes | memoryview) -> None:
        """Run all steps on a batch.

        Raises:
            MemoryError: a kernel had none.
            Exception: what an answer raises; the rest is not run then.

        """
        self._place()
        stopped = self._call(buffer, 0)
        while stopped is not None:
            at, result = stopped
            ask = self._steps[at].ask
            if ask is None:
                raise AssertionError(f"step {at} gave {result}, and nobody waits for it")
            is_again = ask(result)
            self._place()
            stopped = self._call(buffer, at if is_again else at + 1)

    def _place(self) -> None:
        if self._generations != [owner.generation for owner in self._owners]:
            steps = self._make()
            generations = [owner.generation for owner in self._owners]  # making steps may move arrays
            call = link([(step.call, step.arguments) for step in steps])
            # Together: the call needs what the steps keep alive, and is to be made again if it was not made.
            self._steps, self._call, self._generations = steps, call, generations
