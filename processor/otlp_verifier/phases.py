"""Which of a program's phases a batch asks for: those that report wait for marks of its shapes."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.kernels.chain import Step
from otlp_verifier.lookups import Lookups, Wanted
from otlp_verifier.machine.guards import meet_guards
from otlp_verifier.machine.program import Phases, Program, Reads, reads_of

_CHOSEN_MAX: Final = 256  # choices that are kept; the batches of one pipeline ask for few


class _Chosen(msgspec.Struct, frozen=True):
    """What is run of a program's last round, int64 (phases, 3), and what all rounds read that is looked up before."""

    phases: NDArray[np.int64]
    wanted: Wanted


class PreparedProgram:
    """A program with its phases as the interpreter has them, int64 (phases, 3).

    Attributes:
        program: as it is.
        shapes: of the shapes.
        rounds: of each round but the last.
        last: of the last round, those that are run for the batch in hand, then empty ones.

    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.shapes = _bounds(program.shapes)
        *self.rounds, self._every = (_bounds(each.phases) for each in program.rounds)
        self.last = np.zeros_like(self._every)
        self._guards = np.array([phase.guard for phase in program.rounds[-1].phases], np.int64)
        self._runs = np.zeros(len(self._guards), np.bool_)
        self._chosen: dict[bytes, _Chosen] = {}
        self._key = b""

    def step(self, marks: NDArray[np.uint8], shape_rows: NDArray[np.uint32]) -> Step:
        """The step that finds out which phases are run for a batch.

        Args:
            marks: uint8 (marks, >= shapes), those of its shapes.
            shape_rows: uint32 (1,): how many shapes there are.

        """
        return Step(meet_guards, (marks, shape_rows, self._guards, self._runs.view(np.uint8)))

    def choose(self, lookups: Lookups) -> None:
        """Have that run, and looked up before, which the batch asks for that the step has seen."""
        key = self._runs.tobytes()
        if (chosen := self._chosen.get(key)) is None:
            if len(self._chosen) == _CHOSEN_MAX:
                self._chosen.clear()
            chosen = self._chosen[key] = _Chosen(self._every[self._runs], lookups.wanted(self._reads(self._runs)))
        lookups.want(chosen.wanted)
        if key != self._key:
            self._key = key
            self.last.fill(0)
            self.last[: len(chosen.phases)] = chosen.phases

    def _reads(self, runs: NDArray[np.bool_]) -> Reads:
        *rounds, last = self.program.rounds
        read = [phase for each in rounds for phase in each.phases]
        read += [phase for phase, is_run in zip(last.phases, runs.tolist(), strict=True) if is_run]
        reads = Reads()
        for phase in read:
            reads |= reads_of(self.program.instructions[phase.first : phase.last])
        return reads


def _bounds(phases: Phases) -> NDArray[np.int64]:
    return np.array([phase[:3] for phase in phases], np.int64).reshape(-1, 3)
