"""A plan for people: its rounds, instruction by instruction, its jobs, and what it looks up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otlp_verifier import columns
from otlp_verifier.machine.operations import MARK_RESULTS, Domain, NarrowTable, Op, WideTable
from otlp_verifier.machine.program import ALWAYS, Function, JobKind
from otlp_verifier.relate.tables import LinkTarget, ResourceClock, ShapeColumn, SpanRelation, SpanTree, TraceRelation

if TYPE_CHECKING:
    from enum import IntEnum

    from otlp_verifier.language.plan import Plan
    from otlp_verifier.machine.program import Job

_SIGNS: Final = {
    Op.EQUAL: "==", Op.LESS_UNSIGNED: "<", Op.AT_MOST_UNSIGNED: "<=", Op.LESS_SIGNED: "<", Op.AT_MOST_SIGNED: "<=",
    Op.EQUAL_FLOAT: "==", Op.LESS_FLOAT: "<", Op.AT_MOST_FLOAT: "<=", Op.EQUAL_K: "==", Op.LESS_UNSIGNED_K: "<",
    Op.AT_MOST_UNSIGNED_K: "<=", Op.LESS_SIGNED_K: "<", Op.AT_MOST_SIGNED_K: "<=", Op.EQUAL_FLOAT_K: "==",
    Op.LESS_FLOAT_K: "<", Op.AT_MOST_FLOAT_K: "<=", Op.BITS_K: "&", Op.GREATER_FLOAT_K: ">", Op.AT_LEAST_FLOAT_K: ">=",
}  # fmt: skip
# {a}, {b}, {c}: the operands; w: word register, f: flag register.
_FORMS: Final = {
    Op.ROW: "w{to} = row",
    Op.WIDE: "w{to} = {wide}",
    Op.NARROW: "w{to} = {narrow}",
    Op.WIDE_AT: "w{to} = {wide} of row w{c}",
    Op.NARROW_AT: "w{to} = {narrow} of row w{c}",
    Op.ROW_AT: "w{to} = {narrow} of row w{c}",
    Op.CONSTANT: "w{to} = {ka}",
    Op.FLAG_CONSTANT: "f{to} = {a}",
    Op.PRESENT: "f{to} = w{a} is a row",
    Op.MARKED: "f{to} = {mark}",
    Op.MARKED_AT: "f{to} = mark {b} of its {domain}",
    Op.NARROW_EQUAL_K: "f{to} = {narrow} == {kc}",
    Op.NARROW_BITS_K: "f{to} = {narrow} & {kc}",
    Op.NARROW_PRESENT: "f{to} = {narrow} is a row",
    Op.SKIP: "unless f{b} is set somewhere, leave out the next {a}",
    Op.AND: "f{to} = f{a} and f{b}",
    Op.OR: "f{to} = f{a} or f{b}",
    Op.NOT: "f{to} = not f{a}",
    Op.AND_NOT: "f{to} = f{a} and not f{b}",
    Op.MASK_K: "w{to} = w{a} & {kb}",
    Op.SHIFT_RIGHT: "w{to} = w{a} >> {b}",
    Op.SELECT: "w{to} = w{b} if f{a} else w{c}",
    Op.KEY: "w{to} = key of w{a}, w{b}, w{c}",
    Op.VALUE_KEY: "w{to} = key of attribute row w{a}, string w{b}; {kc} where it equals nothing",
    Op.HOLDS: "f{to} = {predicate} of string w{b}",
    Op.NARROW_HOLDS: "f{to} = {predicate} of {coded}",
    Op.REPORT: "report {report} where f{b}",
    Op.STORE: "keep w{c} as {domain} word {b}",
    Op.MARK: "keep f{c} as {domain} mark {b}",
}
_WIDE_NAMES: Final[dict[int, type[IntEnum]]] = {
    WideTable.RESOURCES: columns.ResourceWide,
    WideTable.SCOPES: columns.ScopeWide,
    WideTable.SPANS: columns.SpanWide,
    WideTable.EVENTS: columns.EventWide,
    WideTable.LINKS: columns.LinkWide,
    WideTable.ATTRIBUTES: columns.AttributeWide,
}
_NARROW_NAMES: Final[dict[int, type[IntEnum]]] = {
    NarrowTable.RESOURCES: columns.ResourceNarrow,
    NarrowTable.SCOPES: columns.ScopeNarrow,
    NarrowTable.SPANS: columns.SpanNarrow,
    NarrowTable.EVENTS: columns.EventNarrow,
    NarrowTable.LINKS: columns.LinkNarrow,
    NarrowTable.ATTRIBUTES: columns.AttributeNarrow,
    NarrowTable.RESOURCE_CLOCKS: ResourceClock,
    NarrowTable.SPAN_RELATIONS: SpanRelation,
    NarrowTable.TRACES: TraceRelation,
    NarrowTable.SPAN_TREE: SpanTree,
    NarrowTable.LINK_TARGETS: LinkTarget,
    NarrowTable.RESOURCE_CLOCKS: ResourceClock,
    NarrowTable.SHAPES: ShapeColumn,
}
_CHOICES: Final = {
    JobKind.GROUP: "those of one group",
    JobKind.INTERVAL: "those whose position lies in an interval",
    JobKind.PATH: "the ancestors",
    JobKind.SUBTREE: "the descendants",
    JobKind.WINDOW: "where a window of time begins and ends",
    JobKind.SWEEP: "whether one lies in a window of time",
}
_NO_END: Final = 2**63 - 1


def listing(plan: Plan) -> list[str]:
    """The program for whole traces, as lines."""
    lines = []
    for number, each in enumerate(plan.trace.rounds):
        if len(plan.trace.rounds) > 1:
            lines.append(f"round {number + 1}")
        phases = (*plan.trace.shapes, *each.phases) if number == 0 else each.phases
        for domain, first, last, guard in phases:
            where = "" if guard == ALWAYS else f", if some shape has mark {guard}"
            lines.append(f"  each {Domain(domain).name.lower()}{where}:")
            lines.extend(
                f"    {_instruction(plan, [int(n) for n in plan.trace.instructions[i]])}" for i in range(first, last)
            )
        lines.extend(f"  job: {_job(job)}" for job in each.jobs)
    for domain, keys in plan.keys.items():
        lines.append(f"keys looked up in each {domain.name.lower()}: {', '.join(key.decode() for key in keys)}")
    names = (*(each.name for each in plan.predicates), *(each.name for each in plan.makers))
    lines.extend(f"once per distinct value: {name}" for name in names)
    return lines


def _instruction(plan: Plan, numbers: list[int]) -> str:
    op, to, a, b, c = numbers
    form = _FORMS.get(Op(op))
    if Op(op) in _SIGNS:
        form = (
            f"f{to} = w{a} {_SIGNS[Op(op)]} {{kb}}" if Op(op) >= Op.EQUAL_K else f"f{to} = w{a} {_SIGNS[Op(op)]} w{b}"
        )
    if form is None:
        form = f"w{to} = {Op(op).name.lower()} w{a}, w{b}"
    constant = [int(each) for each in plan.constants]
    return form.format(
        to=to, a=a, b=b, c=c,
        ka=constant[a] if "{ka}" in form else "",
        kb=constant[b] if "{kb}" in form else "",
        kc=constant[c] if "{kc}" in form else "",
        wide=_wide(plan, a, b) if "{wide}" in form else "",
        narrow=_narrow(plan, a, b) if "{narrow}" in form else "",
        coded=_narrow(plan, b, c) if "{coded}" in form else "",
        predicate=plan.predicates[a].name if "{predicate}" in form else "",
        mark=f"result {b} of {Domain(a - MARK_RESULTS).name.lower()} questions" if op == Op.MARKED else "",
        report="undecided" if a >= plan.undecided_from else "violated",
        domain=_stored(op, a),
    )  # fmt: skip


def _stored(op: int, table: int) -> str:
    domain = table - WideTable.SCRATCH if op == Op.STORE else table
    return Domain(domain).name.lower() if op in (Op.STORE, Op.MARK, Op.MARKED_AT) else ""


def _wide(plan: Plan, table: int, column: int) -> str:
    if table in _WIDE_NAMES:
        return f"{WideTable(table).name.lower()}.{_WIDE_NAMES[table](column).name.lower()}"
    if table == WideTable.MADE:
        return plan.makers[column].name
    if table < WideTable.SCRATCH:
        return f"result {column} of {Domain(table - WideTable.RESULTS).name.lower()} jobs"
    return f"kept word {column}"


def _narrow(plan: Plan, table: int, column: int) -> str:
    if table in _NARROW_NAMES:
        return f"{NarrowTable(table).name.lower()}.{_NARROW_NAMES[table](column).name.lower()}"
    if NarrowTable.KEYS <= table < NarrowTable.CODES:
        domain = Domain(table - NarrowTable.KEYS)
        return f"{domain.name.lower()} attribute {plan.keys[domain][column].decode()!r}"
    if table == NarrowTable.SPAN_SHAPES:
        return "its shape"
    if table == NarrowTable.SHAPE_KEYS:
        return f"attribute {plan.keys[Domain.SPAN][column].decode()!r} of its first span"
    if table >= NarrowTable.FAULTS:
        what = ("faults of attributes", "version of the conventions in force")[column]
        return f"{what} of the {Domain(table - NarrowTable.FAULTS).name.lower()}"
    if table >= NarrowTable.SENSITIVE:
        return f"classes of sensitive data in the {Domain(table - NarrowTable.SENSITIVE).name.lower()}"
    domain = Domain(table - NarrowTable.CODES)
    return f"{domain.name.lower()} {'value' if plan.texts[domain][column].is_value else 'string'} {column}"


def _job(job: Job) -> str:
    queries = job.queries.name.lower()
    if job.kind in (JobKind.WINDOW, JobKind.SWEEP):
        high = "without end" if job.window_high == _NO_END else f"{job.window_high} ns"
        direction = "after" if job.future else "before"
        unbroken = " with nothing that breaks in between" if job.value >= 0 else ""
        equal = " and an equal key" if job.member_key >= 0 else ""
        number = job.results // 2 if job.kind is JobKind.SWEEP else job.results
        bounds = f"{job.window_low} ns to {high} {direction}"
        return f"result {number}: for each {queries} {_CHOICES[job.kind]}{unbroken}{equal}, {bounds}"
    number = job.results // 2 if job.function is Function.ANY else job.results
    what = "distinct values" if job.function is Function.DISTINCT else job.function.name.lower().split("_")[0]
    key = ", with an equal key" if job.member_key >= 0 else ""
    without = ", without itself" if job.excludes_self else ""
    return (
        f"result {number}: for each {queries} the {what} of {job.members.name.lower()}s: "
        f"{_CHOICES[job.kind]}{key}{without}"
    )
