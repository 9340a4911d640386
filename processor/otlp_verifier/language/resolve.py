"""Paths to columns: what a name means in a scope, and the nodes that load it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from otlp_verifier.columns import NO_ROW, AttributeNarrow, AttributeWide, ValueType
from otlp_verifier.language.errors import RuleError, nearest
from otlp_verifier.language.paths import ATTRIBUTES, ENUMS, FIELDS, KIND_STRINGS, STEPS, Change, Field, Type
from otlp_verifier.language.plan import CodedText
from otlp_verifier.language.syntax import Index, Name
from otlp_verifier.language.values import Clocks, Condition, Made, Row, Value
from otlp_verifier.machine.operations import Domain, NarrowTable, Op, WideTable
from otlp_verifier.relate.tables import ResourceClock

if TYPE_CHECKING:
    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.paths import Step

TYPE, VALUE = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_EMPTY = int(ValueType.EMPTY)
STRING = int(ValueType.STRING)
_IMPLICIT = {
    "span": Domain.SPAN, "resource": Domain.RESOURCE, "scope": Domain.SCOPE, "instrumentation_scope": Domain.SCOPE,
    "trace": Domain.TRACE,
}  # fmt: skip


def name(lowering: Lowering, tree: Name) -> Value:
    """A path, a parameter or an enum member."""
    if len(tree.parts) == 1 and tree.parts[0] not in lowering.scope.rows:
        single = tree.parts[0]
        if single in lowering.parameters:
            value, is_duration = lowering.parameters[single]
            return lowering.constant(value, Type.DURATION if is_duration else Type.INT)
        if single == "skew":
            return lowering.constant(lowering.skew_ns, Type.DURATION)
        if single in ENUMS:
            return lowering.constant(ENUMS[single], Type.INT)
    row, rest = _walk(lowering, tree)
    if not rest:
        present = None if row.at is None else lowering.graph.node(Op.PRESENT, row.at)
        return Value(Type.ROW, row=row, present=present, change=row.change)
    path = ".".join(rest)
    found = FIELDS[row.domain].get(path)
    if found is not None:
        return field(lowering, row, found, offset=tree.offset)
    if path == "duration" and row.domain is Domain.SPAN:
        end, start = (field(lowering, row, FIELDS[Domain.SPAN][each]) for each in ("end", "start"))
        word = lowering.graph.node(Op.TIME_MINUS_TIME, end.words[0], start.words[0])
        return Value(Type.DURATION, (word,), present=end.present, change=end.change)
    if path in KIND_STRINGS and row.domain is Domain.SPAN:
        base = field(lowering, row, FIELDS[Domain.SPAN]["kind"])
        made = Made(path, base, lambda word: word, choices=KIND_STRINGS[path])
        return Value(Type.MADE, row=row, change=base.change, made=made)
    id_ = FIELDS[row.domain].get(path.removesuffix(".string"))
    if id_ is not None and id_.type is Type.ID:
        return replace(field(lowering, row, id_), type=Type.ID_TEXT)
    if row.domain is Domain.RESOURCE and len(tree.parts) > 1:
        # As in TraceQL: resource.service.name is the attribute of that name.
        return _attribute(lowering, row, path)
    known = [*FIELDS[row.domain], *STEPS[row.domain]]
    raise lowering.error(f"{a(row.domain)} has no `{path}`{nearest(path, known)}", tree.offset)


def attribute(lowering: Lowering, tree: Index) -> Value:
    """`path.attributes["key"]`."""
    row, rest = _walk(lowering, tree.base)
    if rest != ("attributes",) or row.domain not in ATTRIBUTES:
        path = ".".join(rest) or "row"
        raise lowering.error(f'{a(row.domain)} has no `{path}[...]`; expected attributes["..."]', tree.offset)
    return _attribute(lowering, row, tree.key)


def step(lowering: Lowering, row: Row, relation: str) -> Row:
    """The row that stands in a relation to `row`."""
    to = STEPS[row.domain][relation]
    at = _before(lowering, row, to) if to.before else load_narrow(lowering, row, to.table, to.column, is_row=True)
    return Row(to.domain, at, to.change if row.change is Change.NEVER else Change.ANY)


def _before(lowering: Lowering, row: Row, to: Step) -> NodeId:
    """The row before a row, where both have the same number in a column; NO_ROW where not."""
    graph, none = lowering.graph, lowering.graph.word(NO_ROW)
    own = graph.node(Op.ROW) if row.at is None else row.at
    is_first = graph.node(Op.EQUAL_K, own, numbers=(0,))
    is_none = graph.either(is_first, graph.negate(graph.node(Op.PRESENT, own)))
    before = graph.node(Op.SELECT, is_none, none, graph.node(Op.SUBTRACT, own, graph.word(1)))
    here = load_narrow(lowering, row, to.table, to.column)
    there = graph.node(Op.NARROW_AT, before, numbers=(to.table, to.column))
    return graph.node(Op.SELECT, graph.node(Op.EQUAL, *sorted((here, there))), before, none)


def exists(lowering: Lowering, row: Row) -> Condition:
    """That there is such a row."""
    if row.at is None:
        return lowering.known(True)
    flag = lowering.graph.node(Op.PRESENT, row.at)
    return Condition(flag, flag, rises=row.change is not Change.NEVER, falls=row.change is Change.ANY)


def load_narrow(lowering: Lowering, row: Row, table: int, column: int, *, is_row: bool = False) -> NodeId:
    """The node that loads a 32-bit column of a row."""
    if row.at is None:
        return lowering.graph.node(Op.NARROW, numbers=(table, column))
    return lowering.graph.node(Op.ROW_AT if is_row else Op.NARROW_AT, row.at, numbers=(table, column))


def load_wide(lowering: Lowering, row: Row, table: int, column: int) -> NodeId:
    """The node that loads a 64-bit column of a row."""
    if row.at is None:
        return lowering.graph.node(Op.WIDE, numbers=(table, column))
    return lowering.graph.node(Op.WIDE_AT, row.at, numbers=(table, column))


def field(lowering: Lowering, row: Row, what: Field, *, offset: int = 0) -> Value:
    """A field of a row."""
    graph = lowering.graph
    if what.is_clock and lowering.skew_ns:
        raise lowering.error(
            "a number of nanoseconds does not say whose clock it is; with `assume skew` write `start`, `end` or `time`",
            offset,
        )
    words = tuple(
        load_wide(lowering, row, table, column)
        if isinstance(table, WideTable)
        else load_narrow(lowering, row, table, column)
        for table, column in what.columns
    )
    # A row that may be absent makes every field nil there.
    present, change = None, what.change
    if row.at is not None and row.change is not Change.NEVER:
        present, change = graph.node(Op.PRESENT, row.at), Change.ANY
    if what.type is Type.BOOL:
        flag = graph.node(Op.BITS_K, words[0], numbers=(what.mask or 0,))
        if what.known is not None:
            known = graph.node(Op.BITS_K, words[0], numbers=(what.known,))
            present = known if present is None else graph.both(present, known)
        condition = Condition(flag, flag, rises=change is not Change.NEVER, falls=change is Change.ANY)
        return Value(Type.BOOL, condition=condition, present=present, change=change)
    if what.shift:
        words = (graph.node(Op.SHIFT_RIGHT, words[0], numbers=(what.shift,)),)
    if what.mask is not None:
        words = (graph.node(Op.MASK_K, words[0], numbers=(what.mask,)),)
    if what.signed:
        words = (graph.node(Op.SIGN_32, words[0]),)
    text = CodedText(row.domain, column=what.columns[0][1]) if what.type is Type.TEXT else None
    clocks = Clocks()
    if what.type is Type.TIME and lowering.skew_ns:
        clocks = Clocks(((clock(lowering, row), 1),))
    return Value(what.type, words, present=present, text=text, row=row, clocks=clocks, change=change)


def clock(lowering: Lowering, row: Row) -> NodeId:
    """The word with the clock of a span or an event: one resource, however often it comes, has one."""
    span = step(lowering, row, "span") if "span" in STEPS[row.domain] else row
    resource = step(lowering, span, "resource")
    return load_narrow(lowering, resource, NarrowTable.RESOURCE_CLOCKS, ResourceClock.FIRST, is_row=True)


def _attribute(lowering: Lowering, row: Row, key: str) -> Value:
    slot = lowering.symbols.key(row.domain, key)
    found = load_narrow(lowering, row, NarrowTable.KEYS + row.domain, slot, is_row=True)
    kind = lowering.graph.node(Op.NARROW_AT, found, numbers=(NarrowTable.ATTRIBUTES, TYPE))
    # An attribute without a value is nil, as in the collector; a missing one has type 0 too.
    present = lowering.graph.negate(lowering.graph.node(Op.EQUAL_K, kind, numbers=(_EMPTY,)))
    text = CodedText(row.domain, key=slot)
    change = Change.NEVER if row.change is Change.NEVER else Change.ANY
    return Value(Type.DYNAMIC, (found,), present=present, text=text, row=row, change=change)


def _walk(lowering: Lowering, tree: Name) -> tuple[Row, tuple[str, ...]]:
    """The row that a path starts from, after all steps between rows, and what is left of the path."""
    first, *rest = tree.parts
    row = lowering.scope.rows.get(first)
    if row is None and first in _IMPLICIT:
        row = _implicit(lowering, first, tree.offset)
    if row is None:
        row, rest = _bare(lowering, tree), list(tree.parts)
    while rest and (following := _follow(lowering, row, rest[0])) is not None:
        row = following
        rest.pop(0)
    return row, tuple(rest)


def _follow(lowering: Lowering, row: Row, word: str) -> Row | None:
    """The row that a path's next name leads to; None where the name is none of another row."""
    if word == "instrumentation_scope":  # what OTTL calls a scope too
        word = "scope"
    if word in STEPS[row.domain]:
        return step(lowering, row, word)
    # What a span belongs to, its events and links belong to.
    if "span" in STEPS[row.domain] and word in ("resource", "scope", "trace"):
        return step(lowering, step(lowering, row, "span"), word)
    return None


def a(domain: Domain) -> str:
    """A domain's name with its article."""
    return f"an {domain.name.lower()}" if domain is Domain.EVENT else f"a {domain.name.lower()}"


_PATHS: Final = {domain: (*FIELDS[domain], *STEPS[domain], "duration", "attributes") for domain in FIELDS}
_FIRST_WORDS: Final = {domain: frozenset(path.partition(".")[0] for path in paths) for domain, paths in _PATHS.items()}


def _bare(lowering: Lowering, tree: Name) -> Row:
    """The row that a path without a variable belongs to: the innermost one, if it has such a path."""
    main, first = lowering.scope.main, tree.parts[0]
    if first in _FIRST_WORDS[main.domain]:
        return main
    known = [*lowering.scope.rows, *_IMPLICIT, *lowering.parameters, *ENUMS, *_PATHS[main.domain]]
    if first in lowering.outer:
        raise unreachable(lowering, tree)
    raise lowering.error(f"`{first}` is unknown{nearest(first, known)}", tree.offset)


def unreachable(lowering: Lowering, tree: Name) -> RuleError:
    """What is said of a row too many."""
    return lowering.error(
        f"`{tree.parts[0]}` cannot be reached here: a condition may speak of two rows, the one it chooses and the one "
        "before it; compare in two steps",
        tree.offset,
    )


def _implicit(lowering: Lowering, word: str, offset: int) -> Row:
    """`resource`, `scope`, `span` or `trace` of the row in hand."""
    main = lowering.scope.main
    if _IMPLICIT[word] is main.domain:
        return main
    row = _follow(lowering, main, word)
    if row is None:
        raise lowering.error(f"{a(main.domain)} belongs to no single {word}", offset)
    return row
