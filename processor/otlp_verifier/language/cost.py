"""What a rule costs at most, from what its operations and jobs were measured to cost.

    python -m perf language --details

prints what each class of operator takes on traces of 10 to 100,000 spans. The
figures below are fitted to those of one core that others were using too, and
rounded up until no rule measured took more than its estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otlp_verifier.machine.operations import Op
from otlp_verifier.machine.program import Function, JobKind

if TYPE_CHECKING:
    from otlp_verifier.language.plan import Plan

# ns per row
_COLUMN, _AT, _COMPUTE, _STRING, _KEEP = 1.2, 2.0, 1.0, 2.0, 1.2
OPERATIONS: Final = {
    **dict.fromkeys(Op, _COMPUTE),
    **dict.fromkeys((Op.WIDE, Op.NARROW, Op.ROW, Op.MARKED), _COLUMN),
    **dict.fromkeys((Op.WIDE_AT, Op.NARROW_AT, Op.ROW_AT, Op.MARKED_AT), _AT),
    Op.HOLDS: _STRING,
    Op.VALUE_KEY: 6.0,
    **dict.fromkeys((Op.STORE, Op.MARK, Op.REPORT), _KEEP),
    Op.CONSTANT: 0.1,
    Op.FLAG_CONSTANT: 0.1,
}
# ns per member and query together: without and with keys that must be equal
JOBS: Final = {
    JobKind.GROUP: (16.0, 35.0),
    JobKind.INTERVAL: (15.0, 50.0),
    JobKind.PATH: (12.0, 35.0),
    JobKind.SUBTREE: (15.0, 15.0),
    JobKind.WINDOW: (30.0, 30.0),
    JobKind.SWEEP: (20.0, 40.0),
}
_EXTREME_NS: Final = 30.0  # a smallest or largest one costs that much more than a count
_DISTINCT_NS: Final = 40.0
_START_NS: Final = 6.0  # of columns that no other rule has read yet
KEY_LOOKUP_NS: Final = 3.0  # an attribute key, per span
VALUE_NS: Final = 30.0  # a value of an attribute that is asked about also where it is no string
TREE_NS: Final = 140.0  # parents, depth and time order of all spans: once, whatever the number of rules


def worst_ns_per_span(plan: Plan) -> float:
    """The most that a whole trace costs, in ns per span, if each span has one resource, scope, event and link.

    What all rules share, scan, relations and tree, is not in it.
    """
    total = _START_NS + sum(OPERATIONS[Op(int(op))] for op in plan.trace.instructions[:, 0])
    for each in plan.trace.rounds:
        for job in each.jobs:
            plain, keyed = JOBS[job.kind]
            if job.function is Function.DISTINCT:
                plain = keyed = _DISTINCT_NS
            total += plain if job.member_key < 0 else keyed
            total += _EXTREME_NS if job.function >= Function.MIN_SIGNED and job.function < Function.DISTINCT else 0
    values = sum(text.is_value for texts in plan.texts.values() for text in texts)
    return total + KEY_LOOKUP_NS * sum(map(len, plan.keys.values())) + VALUE_NS * values
