"""What must be so for a verdict to stand: assumptions, written in the language itself."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from otlp_verifier.language import resolve
from otlp_verifier.language.cursor import Cursor
from otlp_verifier.language.expressions import ExpressionParser
from otlp_verifier.language.paths import STEPS
from otlp_verifier.language.values import Condition, Row
from otlp_verifier.machine.operations import Domain, NarrowTable, Op
from otlp_verifier.relate.tables import SpanRelation, SpanState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.syntax import Assumption, Expression

# Which span says that data is missing from its trace. A sampling threshold of zero (th:0) means that nothing was left
# out (specification/trace/tracestate-handling.md, sampling threshold value).
MISSING: Final = {
    "complete": (
        "(parent_span_id != nil and parent == nil) or dropped_attributes_count > 0 "
        "or dropped_events_count > 0 or dropped_links_count > 0"
    ),
    "unsampled": r'IsMatch(trace_state, "(^|,)[ \t]*ot=([^,]*;)?th:0*[1-9a-f]")',
}


def certain(lowering: Lowering, assumptions: Sequence[Assumption], *, final: bool) -> Condition:
    """That nothing makes a violation doubtful.

    A rule that states no assumption and whose violation a further span could undo assumes that traces are complete
    and unsampled: absence counts only where nothing says that data is missing.
    """
    stated = {assumption.name for assumption in assumptions} - {"skew"}
    if not stated and not final:
        stated = set(MISSING)
    condition = lowering.known(True)
    if lowering.scope.domain in (Domain.RESOURCE, Domain.SCOPE):
        return condition
    # The rule's variables mean nothing here: one may be called as a field is.
    with lowering.within(replace(lowering.scope, rows={})):
        lowering.outer = frozenset()
        names = tuple(sorted(stated & set(MISSING)))
        if names:
            condition = lowering.negate(lowering.condition(_missing(names)))
    return condition


@functools.cache
def _missing(names: tuple[str, ...]) -> Expression:
    """That something is missing in any of these ways: one question to the trace, not one for each."""
    return ExpressionParser(Cursor("exists span where " + " or ".join(MISSING[name] for name in names))).expression()


def counted(lowering: Lowering) -> Condition:
    """That the row in hand is not of an exact duplicate: those are removed before rows are looked at together."""
    main = lowering.scope.main
    if "span" in STEPS[main.domain]:
        main = resolve.step(lowering, main, "span")
    if main.domain is not Domain.SPAN:
        return lowering.known(True)
    flag = lowering.graph.negate(repeated(lowering, main))
    return Condition(flag, flag)


def repeated(lowering: Lowering, span: Row) -> NodeId:
    """The flag of a span that repeats another one exactly."""
    graph = lowering.graph
    state = resolve.load_narrow(lowering, span, NarrowTable.SPAN_RELATIONS, SpanRelation.STATE)
    return graph.node(Op.BITS_K, state, numbers=(SpanState.COPY,))
