"""Findings judged again, one by one, by the walk: nothing that the two disagree on is published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from otlp_verifier.columns import Columns
from otlp_verifier.findings.witness.data import Witness
from otlp_verifier.language.parser import parse_rule
from otlp_verifier.language.syntax import ForEach
from otlp_verifier.machine.operations import Domain
from otlp_verifier.rules.catalogue import Rule

if TYPE_CHECKING:
    from otlp_verifier.findings.witness.evaluate import Walk
    from otlp_verifier.findings.witness.rows import Rows
    from otlp_verifier.registry.model import Registries
    from otlp_verifier.relate.relations import Relations

# Of each rule in one check, beyond which its findings are published as they are: some seconds.
STEPS_PER_RULE_MAX: Final = 500_000


class _Checked(msgspec.Struct):
    """A rule, and how many steps it has taken."""

    rule: Rule
    final: bool
    tree: ForEach | None = None
    steps: int = 0


class Rechecker:
    """For one set of rules, over all batches of a check. Not for use by two threads at once.

    Args:
        rules: a rule's number in findings is its index here.
        final: of each, whether no further span can undo a violation, which is decided when rules are compiled.
        registries: which attributes there are.

    """

    def __init__(self, rules: Sequence[Rule], final: Sequence[bool], registries: Registries) -> None:
        self._registries = registries
        self._rules = [_Checked(rule, is_final) for rule, is_final in zip(rules, final, strict=True)]

    def on(self, columns: Columns, relations: Relations) -> Witnesses:
        """For the batch that `columns` and `relations` hold."""
        return Witnesses(self._rules, columns, relations, self._registries)


class Witnesses(msgspec.Struct):
    """Of the findings in one batch; valid until its columns are loaded again."""

    _rules: Sequence[_Checked]
    _columns: Columns
    _relations: Relations
    _registries: Registries
    _rows: Rows | None = None
    _walks: dict[int, Walk] = msgspec.field(default_factory=dict)

    def of(self, number: int, row: int) -> Witness | None:
        """Why rule `number` is violated in a row of its domain; None where the walk says that it is not."""
        # Here, as a check without findings needs nothing of it.
        from otlp_verifier.findings.witness.evaluate import Walk  # noqa: PLC0415
        from otlp_verifier.findings.witness.explain import Explanation  # noqa: PLC0415
        from otlp_verifier.findings.witness.rows import Rows  # noqa: PLC0415
        from otlp_verifier.findings.witness.values import CannotTellError  # noqa: PLC0415

        if self._rows is None:
            self._rows = Rows(self._columns, self._relations, self._registries)
        checked = self._rules[number]
        if checked.tree is None:
            checked.tree = parse_rule(checked.rule.rule)
        walk = self._walks.get(number)
        if walk is None:
            walk = self._walks[number] = Walk(checked.tree, checked.rule.parameters, self._rows)
        record = self._rows.found(Domain[checked.tree.domain.upper()], row)
        if checked.steps > STEPS_PER_RULE_MAX:
            return Explanation(walk, record).unchecked("many findings of this rule were re-checked before it")
        walk.steps = 0
        try:
            is_violated = walk.violated(record, final=checked.final) is True
        except CannotTellError as error:
            return Explanation(walk, record).unchecked(str(error))
        finally:
            checked.steps += walk.steps
        if not is_violated:
            return None
        walk.steps = 0
        witness = Explanation(walk, record).witness()
        checked.steps += walk.steps
        return witness
