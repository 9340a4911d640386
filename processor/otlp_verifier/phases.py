"""Which of a program's phases a batch asks for: those that report wait for marks of its shapes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.lookups import Lookups, Wanted
from otlp_verifier.machine.program import ALWAYS, Phases, Program, Reads, reads_of

_CHOSEN_MAX: Final = 256  # choices that are kept; the batches of one pipeline ask for few


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is run of a program's last round, int64 (phases, 3), and what all rounds read that is looked up before."""

    phases: NDArray[np.int64]
    wanted: Wanted


class PreparedProgram:
    """A program with its phases as the interpreter has them, int64 (phases, 3).

    Attributes:
        program: as it is.
        shapes: of the shapes.
        rounds: of each round but the last.

    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.shapes = _bounds(program.shapes)
        *self.rounds, self._last = (_bounds(each.phases) for each in program.rounds)
        guards = np.array([phase.guard for phase in program.rounds[-1].phases], np.int64)
        self._always = guards == ALWAYS
        self._guards = np.where(self._always, 0, guards)
        self._chosen: dict[bytes, Chosen] = {}

    def choose(self, marks: NDArray[np.uint8], lookups: Lookups) -> Chosen:
        """What to run for a batch; `marks`, uint8 (marks, shapes), are those of its shapes."""
        runs = self._always
        if len(marks):
            is_met: NDArray[np.bool_] = np.any(marks, axis=1)
            runs = runs | is_met[self._guards]
        key = runs.tobytes()
        if (chosen := self._chosen.get(key)) is None:
            if len(self._chosen) == _CHOSEN_MAX:
                self._chosen.clear()
            chosen = self._chosen[key] = Chosen(self._last[runs], lookups.wanted(self._reads(runs)))
        return chosen

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
