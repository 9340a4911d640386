"""Rows that violate rules, as findings for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import Columns
from otlp_verifier.findings.batch import Batch
from otlp_verifier.findings.template import template
from otlp_verifier.findings.wording import shown
from otlp_verifier.language.paths import FIELDS, STEPS, Step
from otlp_verifier.machine.operations import Domain, NarrowTable
from otlp_verifier.policy import SeverityName
from otlp_verifier.relate.tables import TraceRelation
from otlp_verifier.rules.catalogue import Rule

if TYPE_CHECKING:
    from otlp_verifier.registry.model import Registries
    from otlp_verifier.relate.relations import Relations

NAME_MAX: Final = 256  # characters of a span's or service's name
_FIRST_SPAN: Final = Step(Domain.SPAN, NarrowTable.TRACES, TraceRelation.FIRST_SPAN)
_SPAN: Final = FIELDS[Domain.SPAN]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One violation, ready to be shown. Texts are bounded, on one line, and valid UTF-8.

    Attributes:
        rule: the rule's id.
        severity: the rule's.
        signal: what kind of telemetry it is in.
        trace_id, span_id: hex digits; of the span itself, of the one that holds the event or link, or of the trace's
            first in the batch. Empty for a resource or scope, and where the id is zero. Ids of a wrong length are
            padded or cut to the right one.
        span: that span's name.
        service: the resource's service.name, where that is text.
        message: what is wrong, with the record's values in it.
        help: a link to where the promise is made; empty where the rule has none.

    """

    rule: str
    severity: SeverityName
    signal: Literal["traces"] = "traces"
    trace_id: str = ""
    span_id: str = ""
    span: str = ""
    service: str = ""
    message: str
    help: str = ""


class FoundRows(Protocol):
    """Findings as arrays: uint32, the rule's number and the row in the table of the rule's domain."""

    @property
    def rules(self) -> NDArray[np.uint32]: ...  # noqa: D102  # the class says what it is
    @property
    def rows(self) -> NDArray[np.uint32]: ...  # noqa: D102


class Renderer:
    """Renders findings of one set of rules.

    Args:
        rules: a rule's number in findings is its index here.
        domains: per rule, what its findings are rows of.
        registries: which attributes there are.

    """

    def __init__(self, rules: Sequence[Rule], domains: Sequence[Domain], registries: Registries) -> None:
        self._rules = tuple(rules)
        self._domains = tuple(domains)
        self._registries = registries

    def render(self, found: FoundRows, columns: Columns, relations: Relations, most: int) -> list[Finding]:
        """Make the first `most` findings of the batch that `columns` and `relations` still hold."""
        batch = Batch(columns, relations, self._registries)
        return [
            self._finding(batch, int(rule), int(row))
            for rule, row in zip(found.rules[:most], found.rows[:most], strict=True)
        ]

    def _finding(self, batch: Batch, number: int, row: int) -> Finding:
        rule, domain = self._rules[number], self._domains[number]
        span = _span(batch, domain, row)
        if domain is Domain.RESOURCE:
            resource: int | None = row
        elif domain is Domain.SCOPE:
            resource = batch.step(row, STEPS[Domain.SCOPE]["resource"])
        else:
            resource = batch.step(span, STEPS[Domain.SPAN]["resource"])
        name = batch.field(span, _SPAN["name"])
        service = batch.attribute(resource, Domain.RESOURCE, b"service.name")
        return Finding(
            rule=rule.id,
            severity=rule.severity,
            trace_id=str(batch.field(span, _SPAN["trace_id"]) or ""),
            span_id=str(batch.field(span, _SPAN["span_id"]) or ""),
            span=shown(name, NAME_MAX) if isinstance(name, bytes) else "",
            service=shown(service, NAME_MAX) if isinstance(service, bytes) else "",
            message=template(rule).fill(batch, row),
            help=rule.link,
        )


def _span(batch: Batch, domain: Domain, row: int) -> int | None:
    """The row of the span that a finding is shown with."""
    if domain is Domain.SPAN:
        return row
    if domain in (Domain.EVENT, Domain.LINK):
        return batch.step(row, STEPS[domain]["span"])
    return batch.step(row, _FIRST_SPAN) if domain is Domain.TRACE else None
