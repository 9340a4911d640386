"""Rows by number, while a set of rules is put together: those that were linked, then those that are added.

They are looked at one by one: so they are lists of plain ints here, and arrays again once all are there.
"""

from typing import Final

import numpy as np
from msgspec.structs import replace

from otlp_verifier.language.assembly import JOB, NONE, WIDTH
from otlp_verifier.language.fragment import Part
from otlp_verifier.language.link import Linked

Inputs = tuple[int, ...]
Numbers = tuple[int, int, int]
NO_NUMBERS: Final[Numbers] = (0, 0, 0)


class Rows:
    """All rows; an added one is there once.

    Args:
        linked: those that are there already. They are not known by what they are unless `know` is told of them.

    Attributes:
        domains, ops, numbers: per row, as in `linked`.
        inputs: per row, those that it reads in registers: what a job and its results read is there before.

    """

    def __init__(self, linked: Linked) -> None:
        self._linked = linked
        domains, ops, inputs = linked.rows[:, Part.DOMAIN], linked.rows[:, Part.OP], linked.rows[:, Part.INPUTS :]
        self.domains: list[int] = domains.tolist()
        self.ops: list[int] = ops.tolist()
        self.numbers: list[Numbers] = list(zip(*linked.numbers.T.tolist(), strict=True))
        are_read = (inputs != NONE) & (ops < JOB)[:, None]
        flat, ends = tuple(inputs[are_read].tolist()), np.cumsum(np.count_nonzero(are_read, axis=1)).tolist()
        self.inputs: list[Inputs] = [flat[first:last] for first, last in zip([0, *ends], ends, strict=False)]
        self._known: dict[tuple[int, int, Inputs, Numbers], int] = {}

    def know(self, row: int) -> None:
        """Have a linked row instead of one that is added and is the same."""
        self._known[self.domains[row], self.ops[row], self.inputs[row], self.numbers[row]] = row

    def add(self, domain: int, op: int, inputs: Inputs, numbers: Numbers = NO_NUMBERS) -> int:
        """The number of this row, added where it is not known."""
        key = domain, op, inputs, numbers
        row = self._known.get(key)
        if row is None:
            row = self._known[key] = len(self.ops)
            self.domains.append(domain)
            self.ops.append(op)
            self.inputs.append(inputs)
            self.numbers.append(numbers)
        return row

    def joined(self) -> Linked:
        """All rows as arrays."""
        linked, first = self._linked, len(self._linked.rows)
        added = self.inputs[first:]
        rows = np.full((len(added), WIDTH), NONE, np.uint64)
        rows[:, : Part.INPUTS] = 0
        rows[:, Part.DOMAIN], rows[:, Part.OP] = self.domains[first:], self.ops[first:]
        are_read = np.arange(WIDTH - Part.INPUTS) < np.array([len(each) for each in added])[:, None]
        rows[:, Part.INPUTS :][are_read] = [row for each in added for row in each]
        numbers = np.array(self.numbers[first:], np.uint32).reshape(-1, 3)
        levels: list[int] = linked.levels.tolist()
        for inputs in added:
            levels.append(max([levels[row] for row in inputs], default=0))
        return replace(
            linked,
            rows=np.concatenate([linked.rows, rows]),
            levels=np.array(levels, np.uint32),
            numbers=np.concatenate([linked.numbers, numbers]),
        )
