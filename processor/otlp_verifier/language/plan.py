"""A compiled set of rules: arrays for the machine and what must be looked up before it runs."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.machine.operations import Domain, NarrowTable, WideTable
from otlp_verifier.machine.program import Program


class CodedText(msgspec.Struct, frozen=True):
    """What the program reads the dictionary code of: a column of the domain, or the value of one of its keys.

    The value counts where it is a string; `is_value`: where it is anything else, with a code among such values.
    """

    domain: Domain
    column: int | None = None  # in the domain's wide table
    key: int | None = None  # slot of the domain's keys
    is_value: bool = False


class Predicate(msgspec.Struct, frozen=True):
    """A condition on one string or another value, evaluated once per distinct one."""

    name: str  # for plans shown to people; equal names are equal predicates
    holds: Callable[[Any], bool]  # of a string's bytes; of a Plain where it is asked of values


class Maker(msgspec.Struct, frozen=True):
    """What is made of one string or another value, as a word; applied once per distinct one."""

    name: str  # for plans shown to people; equal names are equal makers
    word: Callable[[Any], int]  # of a string's bytes; of a Plain where it is applied to values


class Plan(msgspec.Struct, frozen=True):
    """All rules, compiled.

    Attributes:
        batch: the program for batches that may be incomplete: rules whose violations no further span can undo.
        trace: the program for whole traces: all rules.
        domains: per rule, what its findings are rows of.
        final: per rule, whether a violation is final although spans may still arrive.
        constants: uint64 bit patterns.
        keys: per domain, the attribute keys that rules name; a key's index is its slot.
        texts: per domain, the texts to encode; their index is the column of the CODES table.
        asked: per domain, for each of its texts, the predicates that are asked of it.
        made: per domain, for each of its texts, the makers that are applied to it.
        strings: constant strings, whose codes are 0, 1, 2, ... in this order.
        predicates: by number.
        makers: by number, the row of the MADE table.
        bits: of tables that are made of whole records (SENSITIVE, FAULTS), per domain, the bits that are asked for.
        words, flags: registers that the larger program needs.
        results: per domain, how many columns jobs give.
        marks: how many marks shapes have.

    """

    batch: Program
    trace: Program
    domains: tuple[Domain, ...]
    final: tuple[bool, ...]
    constants: NDArray[np.uint64]
    keys: dict[Domain, tuple[bytes, ...]]
    texts: dict[Domain, tuple[CodedText, ...]]
    asked: dict[Domain, tuple[tuple[int, ...], ...]]
    made: dict[Domain, tuple[tuple[int, ...], ...]]
    strings: tuple[bytes, ...]
    predicates: tuple[Predicate, ...]
    makers: tuple[Maker, ...]
    bits: dict[NarrowTable, dict[Domain, int]]
    words: int
    flags: int
    results: dict[Domain, int]
    marks: int

    @property
    def undecided_from(self) -> int:
        """Findings with this number and more say that rule `number - undecided_from` is undecided."""
        return len(self.domains)


WIDE_TABLE_OF: dict[Domain, WideTable] = {
    Domain.RESOURCE: WideTable.RESOURCES,
    Domain.SCOPE: WideTable.SCOPES,
    Domain.SPAN: WideTable.SPANS,
    Domain.EVENT: WideTable.EVENTS,
    Domain.LINK: WideTable.LINKS,
}
