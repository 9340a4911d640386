"""What a rule costs at most, from what its operations and jobs were measured to cost.

    python -m perf language --details

writes the figures of JOBS (`language.*`) and OPERATIONS (`language.operation_*`);
those below are its results on one core of an idle machine, rounded up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otlp_verifier.machine.operations import Op
from otlp_verifier.machine.program import Function, JobKind

if TYPE_CHECKING:
    from otlp_verifier.language.plan import Plan

# ns per row
_COLUMN, _AT, _COMPUTE, _STRING, _KEEP = 0.4, 1.0, 0.3, 1.5, 0.5
OPERATIONS: Final = {
    **dict.fromkeys(Op, _COMPUTE),
    **dict.fromkeys((Op.WIDE, Op.NARROW, Op.ROW), _COLUMN),
    **dict.fromkeys((Op.WIDE_AT, Op.NARROW_AT, Op.ROW_AT), _AT),
    Op.HOLDS: _STRING,
    **dict.fromkeys((Op.STORE, Op.MARK, Op.REPORT), _KEEP),
    Op.CONSTANT: 0.1,
    Op.FLAG_CONSTANT: 0.1,
}
# ns per member and query together: without and with keys that must be equal
JOBS: Final = {
    JobKind.GROUP: (2.0, 30.0),
    JobKind.INTERVAL: (6.0, 60.0),
    JobKind.PATH: (6.0, 40.0),
    JobKind.WINDOW: (8.0, 8.0),
}
_DISTINCT_NS: Final = 30.0
KEY_LOOKUP_NS: Final = 3.0  # an attribute key, per span
TREE_NS: Final = 40.0  # parents, depth and time order of all spans: once, whatever the number of rules


def worst_ns_per_span(plan: Plan) -> float:
    """The most that a whole trace costs, in ns per span, if each span has one resource, scope, event and link.

    What all rules share, scan, relations and tree, is not in it.
    """
    total = sum(OPERATIONS[Op(int(op))] for op in plan.trace.instructions[:, 0])
    for each in plan.trace.rounds:
        for job in each.jobs:
            plain, keyed = JOBS[job.kind]
            keyed = _DISTINCT_NS if job.function is Function.DISTINCT else keyed
            total += keyed if job.member_key >= 0 or job.function is Function.DISTINCT else plain
    return total + KEY_LOOKUP_NS * sum(map(len, plan.keys.values()))
