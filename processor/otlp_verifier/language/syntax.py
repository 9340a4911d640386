"""The syntax tree of a rule. Every node knows the offset in the text at which it begins."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: `value` is None for nil; durations are nanoseconds with `is_duration`."""

    value: bool | int | float | str | None
    offset: int
    is_duration: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted path such as `s.status.code`, or a single word: a variable, parameter or enum member."""

    parts: tuple[str, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Index:
    """`base["key"]`."""

    base: Name
    key: str
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
class Join:
    """`with relation variable`."""

    relation: str
    variable: str
    offset: int


@dataclass(frozen=True, slots=True)
class ForEach:
    """`for each domain variable [with relation variable]... [where guard] require requirement`."""

    domain: str
    variable: str
    joins: tuple[Join, ...]
    guard: Expression | None
    requirement: Expression
    offset: int


Expression = Literal | Name | Index | Call | Unary | Binary
