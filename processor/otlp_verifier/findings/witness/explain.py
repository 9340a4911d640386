"""Why a rule is violated, from the walk of its tree: the spans that decide it, and what came closest.

`why` goes down a condition that is not as it should be, along the parts that are to blame.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from otlp_verifier.findings.witness.data import (
    COUNTED_MAX,
    NAME_MAX,
    Measure,
    NearMiss,
    Witness,
    WitnessSpan,
    bounded,
    cut,
)
from otlp_verifier.findings.witness.evaluate import Walk
from otlp_verifier.findings.witness.expressions import Scope
from otlp_verifier.findings.witness.rows import Record, Rows
from otlp_verifier.findings.witness.trees import conjuncts, looks_across, names_in, points_of
from otlp_verifier.findings.witness.values import CannotTellError, Duration, Time
from otlp_verifier.findings.wording import duration, shown
from otlp_verifier.language import syntax
from otlp_verifier.language.formatter import expression_text
from otlp_verifier.language.plain import raw
from otlp_verifier.language.syntax import Aggregate, Binary, Expression, Points, Unary
from otlp_verifier.machine.operations import Domain

_FIRST: Final = "first span of the trace"
_QUOTED_MAX: Final = 64
_ORDERS: Final = ("<", "<=", ">", ">=")
_OPPOSITE: Final = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


class _Near(msgspec.Struct, frozen=True):
    record: Record | None
    how: Literal["close", "broke"]
    text: str
    slack_ns: int | None = None


class Explanation:
    """Of one finding.

    Args:
        walk: of the finding's rule, on its batch.
        record: what the finding is about.

    """

    def __init__(self, walk: Walk, record: Record) -> None:
        self._walk = walk
        self._record = record
        self._roles: dict[Record, str] = {}  # of spans, in the order in which they were met
        self._near: _Near | None = None
        self._measure: Measure | None = None
        self._left_out = 0
        if record.domain not in (Domain.RESOURCE, Domain.SCOPE):
            whole = {Domain.SPAN: "subject", Domain.TRACE: _FIRST}
            self._add(record, whole.get(record.domain, f"span of the {record.domain.name.lower()}"))

    def witness(self) -> Witness:
        """What is known of a verdict that both agree on; less where that would take too long."""
        scope = self._walk.scope(self._record)
        try:
            if scope is not None:
                for join in self._walk.tree.joins:
                    self._add(scope.variables[join.variable], f"{join.relation} {join.variable}")
                self.why(self._walk.tree.requirement, scope, wanted=True)
        except CannotTellError:
            return self._made(rechecked=True, left_out=1)
        return self._made(rechecked=True)

    def unchecked(self, reason: str) -> Witness:
        """What is known without a second verdict."""
        return self._made(rechecked=False, reason=reason)

    # Down the tree

    def why(self, tree: Expression, scope: Scope, *, wanted: bool) -> None:
        """Say why a condition is not as it is wanted."""
        match tree:
            case Unary(operator="not"):
                self.why(tree.operand, scope, wanted=not wanted)
            case Binary(operator="and" | "or"):
                for side in (tree.left, tree.right):
                    if (self._walk.truth(side, scope) is True) is not wanted:
                        self.why(side, scope, wanted=wanted)
            case Binary(operator="==" | "!=" | "<" | "<=" | ">" | ">="):
                self._compared(tree, scope, wanted=wanted)
            case syntax.Quantified():
                self._quantified(tree, scope, wanted=wanted)
            case syntax.Structure():
                self._structure(tree, scope, wanted=wanted)
            case syntax.Temporal():
                self._temporal(tree, scope, wanted=wanted)
            case syntax.TemporalPair():
                self._pair(tree, scope, wanted=wanted)
            case _:
                self._mention(tree, scope)

    def _quantified(self, tree: syntax.Quantified, scope: Scope, *, wanted: bool) -> None:
        points = tree.points
        rows = list(self._walk.chosen(points, scope))
        if tree.quantifier == "exists" and wanted:
            self._closest(points, [inner for _, inner in rows])
        elif tree.quantifier == "exists":
            found = [inner for chosen, inner in rows if chosen is True]
            self._broken(found, _role(points), "must not be there")
            if points.condition is not None:
                self.why(points.condition, found[0], wanted=False)
        elif wanted:
            requirement = tree.requirement
            assert requirement is not None  # noqa: S101  # the parser wants one of forall
            broken = [
                inner for chosen, inner in rows if chosen is True and self._walk.truth(requirement, inner) is not True
            ]
            self._broken(broken, _role(points), f"lacks `{expression_text(requirement)}`")
            for inner in broken[:1]:
                self.why(requirement, inner, wanted=True)

    def _structure(self, tree: syntax.Structure, scope: Scope, *, wanted: bool) -> None:
        is_negated = tree.operator.startswith("!")
        for holds, inner, left in self._walk.structured(tree, scope):
            if holds is not True:
                continue
            others = [other for chosen, other in self._walk.chosen(left, inner) if chosen is True]
            if wanted is not (bool(others) is not is_negated):
                is_one = "".join(
                    f"its {left.relation} is `{cut(_name(self._walk.rows, other.main), 64)}`" for other in others[:1]
                )
                text = is_one or f"it has no such {left.relation}"
                self._broken([inner], f"right of {tree.operator}", text, how="close" if wanted else "broke")
                for other in others[:1]:
                    self._add(other.main, f"left of {tree.operator}")
                return

    def _temporal(self, tree: syntax.Temporal, scope: Scope, *, wanted: bool) -> None:
        walk, points, window = self._walk, points_of(tree.operand), tree.window
        future, is_some = tree.operator in ("eventually", "always"), tree.operator in ("once", "eventually")
        among = walk.among(points, scope)
        inside = [one for one in among if walk.inside(one, points, window, scope, future=future) is True]
        if is_some and wanted:
            self._outside(tree.operand, among, window, scope, role=tree.operator, future=future)
            if self._near is None and isinstance(tree.operand, Points):
                self._closest(tree.operand, [scope.of(one, tree.operand) for one in inside], role=tree.operator)
        elif is_some is not wanted:
            found = [one for one in inside if (walk.holds_at(tree.operand, one, scope) is True) is is_some]
            self._at(found, points, scope, role=tree.operator, future=future)
            for one in found[:1]:
                self._why_at(tree.operand, one, scope, wanted=wanted)

    def _why_at(self, operand: Expression, point: Record, scope: Scope, *, wanted: bool) -> None:
        match operand:
            case Points() if operand.condition is not None:
                self.why(operand.condition, scope.of(point, operand), wanted=wanted)
            case Unary():
                self._why_at(operand.operand, point, scope, wanted=not wanted)

    def _pair(self, tree: syntax.TemporalPair, scope: Scope, *, wanted: bool) -> None:
        walk, happens, future = self._walk, points_of(tree.right), tree.operator == "until"
        among = walk.among(happens, scope)
        found = [
            one
            for one in among
            if walk.inside(one, happens, tree.window, scope, future=future) is True
            and walk.holds_at(tree.right, one, scope) is True
        ]
        nearest = sorted(found, key=lambda one: walk.place(one, happens), reverse=not future)
        if not wanted:
            self._at(nearest[:1], happens, scope, role=tree.operator, future=future)
            return
        broken = walk.breaking(tree, scope)
        if found and broken is not None:
            self._add(nearest[0], tree.operator)
            self._at([broken], points_of(tree.left), scope, role=f"left of {tree.operator}", future=future)
        else:
            self._outside(tree.right, among, tree.window, scope, role=tree.operator, future=future)
            if self._near is None and isinstance(tree.right, Points):
                self._closest(tree.right, [scope.of(one, tree.right) for one in among], role=tree.operator)

    # What came close

    def _closest(self, points: Points, rows: list[Scope], role: str = "") -> None:
        """Of rows that lack something the one that lacks least."""
        if not rows:
            self._offer(_Near(None, "close", f"there is no {points.relation if not role else 'span in its window'}"))
            return
        wanted = conjuncts(points.condition)
        lacking = [([each for each in wanted if self._walk.truth(each, inner) is not True], inner) for inner in rows]
        least = min(len(lacks) for lacks, _ in lacking)
        best: _Near | None = None
        for lacks, inner in lacking:
            if len(lacks) != least or (best is not None and least > 1):
                continue
            slack = self._slack(lacks[0], inner, wanted=True) if least == 1 else None
            if slack is not None and (best is None or best.slack_ns is None or slack[0] < best.slack_ns):
                best = _Near(inner.main, "close", slack[1], slack[0])
            elif best is None and least < len(wanted):
                all_but = f"all but `{expression_text(lacks[0])}` holds"
                text = all_but if least == 1 else f"{len(wanted) - least} of {len(wanted)} conditions hold"
                best = _Near(inner.main, "close", text)
        if best is not None and best.record is not None:
            self._add(best.record, role or _role(points))
            self._offer(best)

    def _outside(
        self,
        operand: Expression,
        among: list[Record],
        window: syntax.Window | None,
        scope: Scope,
        *,
        role: str,
        future: bool,
    ) -> None:
        """Of points that are as they should be, but not in the window, the nearest to it."""
        points, best = points_of(operand), None
        low, high = (0, None) if window is None else (window.low, window.high)
        for one in among:
            if self._walk.holds_at(operand, one, scope) is not True:
                continue
            distance = self._walk.distance(one, points, scope, future=future)
            is_beyond = high is not None and distance > high
            slack = distance - high if high is not None and is_beyond else max(0, low - distance)
            late = "late" if is_beyond is future else "early"
            text = f"{duration(slack)} too {late}" if slack else "at the same time, and on the other side"
            if best is None or best.slack_ns is None or slack < best.slack_ns:
                best = _Near(one, "close", text, slack)
        if best is not None and best.record is not None:
            self._add(best.record, role)
            self._offer(best)

    def _at(self, found: list[Record], points: Points, scope: Scope, *, role: str, future: bool) -> None:
        """What stands at a point of time where it must not."""
        for one in found[:COUNTED_MAX]:
            self._add(one, role)
        for one in found[:1]:
            distance = self._walk.distance(one, points, scope, future=future)
            text = f"{duration(distance)} {'after' if future else 'before'}" if distance else "at the same time"
            self._offer(_Near(one, "broke", text))

    def _broken(self, rows: Iterable[Scope], role: str, text: str, *, how: Literal["close", "broke"] = "broke") -> None:
        for at, inner in enumerate(rows):
            if at < COUNTED_MAX:
                self._add(inner.main, role)
            else:
                self._left_out += 1
            if at == 0:
                self._offer(_Near(inner.main, how, text))

    def _compared(self, tree: Binary, scope: Scope, *, wanted: bool) -> None:
        self._mention(tree, scope)
        sign = tree.operator if wanted else _OPPOSITE[tree.operator]
        if isinstance(tree.left, Aggregate):
            self._counted(tree.left, tree.right, sign, scope)
        elif isinstance(tree.right, Aggregate):
            self._counted(tree.right, tree.left, _flipped(sign), scope)
        slack = self._slack(tree, scope, wanted=wanted)
        if slack is not None:
            self._offer(_Near(slack[2], "close", slack[1], slack[0]))

    def _counted(self, tree: Aggregate, other: Expression, sign: str, scope: Scope) -> None:
        """Name what was counted; the sum only where it says nothing of attributes."""
        counted = self._walk.counted(tree, scope)
        for inner in counted[:COUNTED_MAX]:
            self._add(inner.main, _role(tree.points))
        self._left_out += max(0, len(counted) - COUNTED_MAX)
        if tree.points.condition is not None and looks_across(tree.points.condition):
            near = self._near  # what came close is the number, not what made a span count
            for inner in counted[:COUNTED_MAX]:
                self.why(tree.points.condition, inner, wanted=False)
            self._near = near
        value, bound = self._walk.operand(tree, scope), self._walk.operand(other, scope)
        is_told = tree.value is None or tree.function == "distinct" or isinstance(value, Duration)
        is_field = isinstance(other, syntax.Name) and not self._walk.is_dynamic(other, scope)
        is_constant = self._walk.is_stated(other) or is_field
        if is_told and is_constant and type(value) in (int, Duration) and type(bound) in (int, float, Duration):
            measure = Measure(
                what=cut(expression_text(tree)),
                value=int(value),
                operator=sign,
                bound=_plain(bound),
                unit="ns" if isinstance(value, Duration) else "",
            )
            self._measure = self._measure or measure

    def _slack(self, tree: Expression, scope: Scope, *, wanted: bool) -> tuple[int, str, Record | None] | None:
        """By how much a comparison of times or durations is missed, in words, and the row that is to blame."""
        if isinstance(tree, Unary) and tree.operator == "not":
            return self._slack(tree.operand, scope, wanted=not wanted)
        if not isinstance(tree, Binary) or tree.operator not in (*_ORDERS, "==") or self._walk.is_stated(tree):
            return None
        left, right = self._walk.operand(tree.left, scope), self._walk.operand(tree.right, scope)
        is_time = isinstance(left, Time) and isinstance(right, Time)
        if not is_time and not (isinstance(left, Duration) or isinstance(right, Duration)):
            return None
        if not isinstance(left, int) or not isinstance(right, int) or (tree.operator == "==" and not wanted):
            return None
        sign = tree.operator if wanted else _OPPOSITE[tree.operator]
        is_left = not self._walk.is_stated(tree.left)
        side = tree.left if is_left else tree.right
        is_large = (sign[0] == "<" or (sign == "==" and left > right)) is is_left
        words = ("late", "early") if is_time else ("long", "short")
        slack = abs(int(left) - int(right))
        text = (
            f"`{cut(expression_text(side), _QUOTED_MAX)}` is {duration(slack)} too {words[0] if is_large else words[1]}"
        )
        return slack, text, self._owner(side, scope)

    def _owner(self, tree: Expression, scope: Scope) -> Record | None:
        """The row whose value an expression is; of an extreme the row that has it."""
        if isinstance(tree, Aggregate) and tree.value is not None and tree.function in ("min", "max"):
            value = self._walk.operand(tree, scope)
            for inner in self._walk.counted(tree, scope):
                if self._walk.operand(tree.value, inner) == value:
                    return inner.main
        for name in names_in(tree):
            record, _ = self._walk.walked(name, scope)
            if record is not None and record.domain not in (Domain.RESOURCE, Domain.SCOPE, Domain.TRACE):
                return record
        return None

    # What is noted

    def _mention(self, tree: Expression, scope: Scope) -> None:
        """Note the spans that paths lead to."""
        for name in names_in(tree):
            record, rest = self._walk.walked(name, scope)
            if record is not None and record.domain is Domain.SPAN and len(rest) < len(name.parts) - 1:
                self._add(record, name.parts[len(name.parts) - len(rest) - 1])

    def _offer(self, near: _Near) -> None:
        """Take a near miss unless there is a better one: the first, but rather one that says by how much."""
        if self._near is None or (self._near.slack_ns is None and near.slack_ns is not None):
            if near.record is not None:
                self._add(near.record, "span")
            self._near = near

    def _add(self, record: Record, role: str) -> None:
        if record.domain not in (Domain.RESOURCE, Domain.SCOPE):
            span = self._walk.rows.span_of(record)
            if self._roles.get(span, _FIRST) == _FIRST:  # of a trace's spans the first says nothing by itself
                self._roles[span] = role

    def _made(self, *, rechecked: bool, reason: str = "", left_out: int = 0) -> Witness:
        near, rows, walk = self._near, list(self._roles), self._walk
        miss = None
        if near is not None:
            span = None if near.record is None else rows.index(walk.rows.span_of(near.record))
            miss = NearMiss(span=span, how=near.how, text=cut(near.text), slack_ns=near.slack_ns)
        spans = tuple(_shown(walk.rows, span, role) for span, role in self._roles.items())
        return bounded(
            Witness(
                rechecked=rechecked,
                reason=reason,
                spans=spans,
                left_out=self._left_out + left_out,
                near_miss=miss,
                measure=self._measure,
            )
        )


def _name(rows: Rows, span: Record) -> str:
    return shown(raw(rows.value(span, "name", with_clock=False)), NAME_MAX)


def _shown(rows: Rows, span: Record, role: str) -> WitnessSpan:
    service = rows.service(span)
    return WitnessSpan(
        role=role,
        span_id=rows.id_digits(span, "span_id") if rows.value(span, "span_id", with_clock=False) else "",
        name=_name(rows, span),
        service=shown(raw(service), NAME_MAX) if isinstance(service, str) else "",
        start=str(int(rows.value(span, "start", with_clock=False))),
        end=str(int(rows.value(span, "end", with_clock=False))),
    )


def _role(points: Points) -> str:
    return f"{points.relation} {points.variable}".strip()


def _plain(value: float) -> float:
    return float(value) if isinstance(value, float) else int(value)


def _flipped(sign: str) -> str:
    return sign.translate(str.maketrans("<>", "><"))
