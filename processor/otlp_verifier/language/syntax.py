"""The syntax tree of a rule. Every node knows the offset in the text at which it begins."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: `value` is None for nil; durations are nanoseconds with `is_duration`."""

    value: bool | int | float | str | bytes | None
    offset: int
    is_duration: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted path such as `s.status.code`, or a single word: a variable, parameter or enum member."""

    parts: tuple[str, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Index:
    """`base["key"]`: an attribute."""

    base: Name
    key: str
    offset: int


@dataclass(frozen=True, slots=True)
class Item:
    """`base["key"]` or `base[0]`: what a map or list holds, an attribute's or one that a function gives."""

    base: Expression
    key: str | int
    offset: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[value, ...]`: constants, but as the first argument of Concat."""

    items: tuple[Expression, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{"key": value, ...}`, of constants."""

    keys: tuple[str, ...]
    items: tuple[Expression, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """`Function(argument, ...)`."""

    function: str
    arguments: tuple[Expression, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`not operand` or `-operand`."""

    operator: str
    operand: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`; `offset` is the operator's."""

    operator: str
    left: Expression
    right: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Window:
    """`[low, high]` in nanoseconds; `high` None: without end."""

    low: int
    high: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class Points:
    """`relation [variable] [at end] [where condition]`: rows that stand in a relation to the row in hand.

    As an operand of a temporal operator the relation is `span` or `link from span`. It says which points of the trace
    the operator ranges over, all or those whose links point to the row in hand, and holds at those that fulfil the
    condition.
    """

    relation: str
    variable: str  # empty: the condition's bare paths are the row's
    at_end: bool
    condition: Expression | None
    offset: int


@dataclass(frozen=True, slots=True)
class Quantified:
    """`exists points`, or `forall points require requirement`."""

    quantifier: str
    points: Points
    requirement: Expression | None
    offset: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count(points)`, `min|max|sum|distinct(points : value)`."""

    function: str
    points: Points
    value: Expression | None
    offset: int


@dataclass(frozen=True, slots=True)
class Temporal:
    """`once|historically|eventually|always [window] operand`."""

    operator: str
    window: Window | None
    operand: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class TemporalPair:
    """`left since|until [window] right`."""

    operator: str
    window: Window | None
    left: Expression
    right: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Structure:
    """`{ left } operator { right }` with TraceQL's > >> < << ~ and their negations: some span fulfils both sides."""

    operator: str
    left: Expression
    right: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Join:
    """`with relation variable`."""

    relation: str
    variable: str
    offset: int


@dataclass(frozen=True, slots=True)
class Assumption:
    """`assume complete`, `assume unsampled`, `assume skew <= duration`, `assume nothing`."""

    name: str
    skew_ns: int
    offset: int


@dataclass(frozen=True, slots=True)
class ForEach:
    """`[assume ...] for each domain variable [at end] [with relation variable]... [where guard] require requirement`.

    A rule without `for each` is one about the trace.
    """

    domain: str
    variable: str
    joins: tuple[Join, ...]
    guard: Expression | None
    requirement: Expression
    offset: int
    at_end: bool = False
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """`name: value` in a block; the value is a word or a string."""

    name: str
    value: str
    offset: int


@dataclass(frozen=True, slots=True)
class RuleBlock:
    """`rule id { property: value ... body }`; the body's text is from `begin` to before `end`."""

    id: str
    properties: tuple[Property, ...]
    body: ForEach
    offset: int
    begin: int = 0
    end: int = 0


Expression = (
    Literal
    | Name
    | Index
    | Item
    | ListOf
    | MapOf
    | Call
    | Unary
    | Binary
    | Points
    | Quantified
    | Aggregate
    | Temporal
    | TemporalPair
    | Structure
)
