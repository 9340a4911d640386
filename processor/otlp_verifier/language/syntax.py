"""The syntax tree of a rule. Every node knows the offset in the text at which it begins.

Nodes are structs, as all records are: a dataclass takes half a millisecond and more to make, and every start
would make them all.
"""

from __future__ import annotations

from msgspec import Struct


class Node(Struct, frozen=True):
    """What trees are made of; `__struct_fields__` are the names of a node's fields."""


class Literal(Node, frozen=True):
    """A constant: `value` is None for nil; durations are nanoseconds with `is_duration`."""

    value: bool | int | float | str | bytes | None
    offset: int
    is_duration: bool = False


class Name(Node, frozen=True):
    """A dotted path such as `s.status.code`, or a single word: a variable, parameter or enum member."""

    parts: tuple[str, ...]
    offset: int


class Index(Node, frozen=True):
    """`base["key"]`: an attribute."""

    base: Name
    key: str
    offset: int


class Item(Node, frozen=True):
    """`base["key"]` or `base[0]`: what a map or list holds, an attribute's or one that a function gives."""

    base: Expression
    key: str | int
    offset: int


class ListOf(Node, frozen=True):
    """`[value, ...]`: constants, but as the first argument of Concat."""

    items: tuple[Expression, ...]
    offset: int


class MapOf(Node, frozen=True):
    """`{"key": value, ...}`, of constants."""

    keys: tuple[str, ...]
    items: tuple[Expression, ...]
    offset: int


class Call(Node, frozen=True):
    """`Function(argument, ...)`."""

    function: str
    arguments: tuple[Expression, ...]
    offset: int


class Unary(Node, frozen=True):
    """`not operand` or `-operand`."""

    operator: str
    operand: Expression
    offset: int


class Binary(Node, frozen=True):
    """`left operator right`; `offset` is the operator's."""

    operator: str
    left: Expression
    right: Expression
    offset: int


class Window(Node, frozen=True):
    """`[low, high]` in nanoseconds; `high` None: without end."""

    low: int
    high: int | None
    offset: int


class Points(Node, frozen=True):
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


class Quantified(Node, frozen=True):
    """`exists points`, or `forall points require requirement`."""

    quantifier: str
    points: Points
    requirement: Expression | None
    offset: int


class Aggregate(Node, frozen=True):
    """`count(points)`, `min|max|sum|distinct(points : value)`."""

    function: str
    points: Points
    value: Expression | None
    offset: int


class Temporal(Node, frozen=True):
    """`once|historically|eventually|always [window] operand`."""

    operator: str
    window: Window | None
    operand: Expression
    offset: int


class TemporalPair(Node, frozen=True):
    """`left since|until [window] right`."""

    operator: str
    window: Window | None
    left: Expression
    right: Expression
    offset: int


class Structure(Node, frozen=True):
    """`{ left } operator { right }` with TraceQL's > >> < << ~ and their negations: some span fulfils both sides."""

    operator: str
    left: Expression
    right: Expression
    offset: int


class Join(Node, frozen=True):
    """`with relation variable`."""

    relation: str
    variable: str
    offset: int


class Assumption(Node, frozen=True):
    """`assume complete`, `assume unsampled`, `assume skew <= duration`, `assume nothing`."""

    name: str
    skew_ns: int
    offset: int


class ForEach(Node, frozen=True):
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


class Property(Node, frozen=True):
    """`name: value` in a block; the value is a word or a string."""

    name: str
    value: str
    offset: int


class RuleBlock(Node, frozen=True):
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
