"""Typed values while a rule is lowered: which graph nodes carry them and how they may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from otlp_verifier.language.paths import Change, Type
from otlp_verifier.machine.operations import Domain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.plan import CodedText
    from otlp_verifier.wire.values import Plain


INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1


class Row(msgspec.Struct, frozen=True):
    """A row of some domain: `at` is the word that holds its number, None for the row the phase is at."""

    domain: Domain
    at: NodeId | None
    change: Change = Change.NEVER  # GROWS: a row that may still appear


class Condition(msgspec.Struct, frozen=True):
    """Whether something holds, with what is not known about it.

    Attributes:
        flag: it holds whatever the clocks of different hosts show within the assumed skew.
        possible: it may hold; the same node as `flag` where no clocks are compared.
        rises, falls: whether it may turn true, or false, while spans are still arriving.

    """

    flag: NodeId
    possible: NodeId
    rises: bool = False
    falls: bool = False


class Clocks(msgspec.Struct, frozen=True):
    """How often each clock was added to make a time or a duration: what tells how far off a comparison may be.

    Attributes:
        counts: words with the number of a resource, which has one clock, and how often; never 0.
        ahead, behind: how many clocks that cannot be named were added, and taken away.

    """

    counts: tuple[tuple[NodeId, int], ...] = ()
    ahead: int = 0
    behind: int = 0

    def plus(self, other: Clocks, times: int = 1) -> Clocks:
        """Those of a sum; `times` -1: of a difference."""
        counts = dict(self.counts)
        for clock, count in other.counts:
            counts[clock] = counts.get(clock, 0) + times * count
        ahead, behind = (other.ahead, other.behind) if times > 0 else (other.behind, other.ahead)
        kept = tuple(sorted((clock, count) for clock, count in counts.items() if count))
        return Clocks(kept, self.ahead + abs(times) * ahead, self.behind + abs(times) * behind)

    def nameless(self) -> Clocks:
        """The same, of a row that cannot be named: one that an extreme was taken from."""
        added = sum(count for _, count in self.counts if count > 0)
        taken = -sum(count for _, count in self.counts if count < 0)
        return Clocks((), self.ahead + added, self.behind + taken)

    @property
    def apart(self) -> int:
        """How many skews off at most; 0 where it is no difference between clocks."""
        added = self.ahead + sum(count for _, count in self.counts if count > 0)
        taken = self.behind - sum(count for _, count in self.counts if count < 0)
        return added if added == taken else 0


class Made(msgspec.Struct, frozen=True):
    """What functions make of a value of the telemetry.

    Attributes:
        name: how plans call it; equal names are equal functions.
        base: the value: TEXT, DYNAMIC, or INT with `choices`.
        function: what is made of it; it raises `Undefined` where there is no such value, which is nil then.
        of_strings: whether that is so of everything but strings.
        is_whole: whether it is a whole number, where it is anything.
        choices: the strings that numbers stand for; others stand for the empty one.

    """

    name: str
    base: Value
    function: Callable[[Plain], Plain]
    of_strings: bool = False
    is_whole: bool = False
    choices: Mapping[int, str] | None = None


class Value(msgspec.Struct, frozen=True):
    """An expression's value.

    Attributes:
        type: its static type.
        words: what carries it: one word, two for a trace id, none for BOOL, NIL and ROW. For DYNAMIC the attribute's
            row number; for TEXT the offset and length.
        present: whether it is other than nil; None where it always is.
        condition: BOOL only.
        text: TEXT and DYNAMIC: where its dictionary code comes from, with `row`.
        row: ROW: the row; TEXT and DYNAMIC: the owner.
        clocks: TIME and DURATION: the clocks that it was read from, where they may be apart.
        constant: the value, where the rule states it.
        made: MADE only.
        change: how it may change while spans arrive.

    """

    type: Type
    words: tuple[NodeId, ...] = ()
    present: NodeId | None = None
    condition: Condition | None = None
    text: CodedText | None = None
    row: Row | None = None
    clocks: Clocks = Clocks()
    constant: Plain = None
    made: Made | None = None
    change: Change = Change.NEVER


def said_of(flag: NodeId, of: Row | Value) -> Value:
    """Something said of a record or a value: as sure as it is which one that is."""
    unsure = of.change is not Change.NEVER
    return truth(Condition(flag, flag, rises=unsure, falls=unsure))


def truth(condition: Condition) -> Value:
    """A condition as a value."""
    return Value(
        Type.BOOL, condition=condition, change=Change.ANY if condition.rises or condition.falls else Change.NEVER
    )
