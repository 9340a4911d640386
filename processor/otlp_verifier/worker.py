"""The stages, composed: bytes in; findings, a verdict, and bytes or a sparse answer out."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.effects import CompiledPolicy
from otlp_verifier.findings import Finding, Renderer
from otlp_verifier.language.plan import Plan
from otlp_verifier.policy import Completeness
from otlp_verifier.registry.model import Registries
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.verdict import Judge, Verdict
from otlp_verifier.verify import Engine, FindingRows
from otlp_verifier.wire.limits import Limits

if TYPE_CHECKING:
    from otlp_verifier.annotate import Annotator

# More than any request needs: what has been admitted is not refused because a few of its bytes are gone.
_MEMORY_FACTOR_OF_ADMITTED = 1 << 10


class Outcome(msgspec.Struct):
    """What came of one batch; valid until its worker verifies the next.

    Attributes:
        spans: in the batch.
        verdict: what is to be changed.

    """

    spans: int
    verdict: Verdict
    _rows: FindingRows
    _worker: "Worker"

    @property
    def findings_by_rule(self) -> NDArray[np.uint32]:
        """How many findings, uint32 (rules,)."""
        return self._rows.counts

    @property
    def undecided_by_rule(self) -> NDArray[np.uint32]:
        """Rows where an assumption of the rule does not hold, uint32 (rules,)."""
        return self._rows.undecided

    @property
    def changed(self) -> bool:
        """Whether anything is written, removed or dropped."""
        return self.verdict.changes

    @property
    def annotated(self) -> int:
        """Spans that are written on."""
        return self.verdict.annotated

    @property
    def dropped(self) -> int:
        """Spans that are left out."""
        return self.verdict.dropped

    @property
    def stripped(self) -> int:
        """Spans that lose forged `verifier.*` attributes."""
        return self.verdict.forged[0]

    def response(self, request_id: int) -> bytes:
        """The VerifyResponse for the collector's processor."""
        return self._worker.annotator.sparse(request_id, self.verdict, self._worker.engine.columns)

    def spliced(self) -> bytes | memoryview:
        """The batch's bytes with the verdict in them; the same object when nothing changes."""
        return self._worker.annotator.spliced(self.verdict, self._worker.engine.columns)

    def findings(self, most: int) -> list[Finding]:
        """The first findings, rendered for people."""
        return self._worker.renderer.render(
            self._rows, self._worker.engine.columns, self._worker.engine.relations, most
        )


class Worker:
    """One thread's arena: verifies one batch after another.

    Args:
        rules: what is checked.
        plan: the same, compiled.
        policies: by profile name.
        limits: on each request.
        registries: which attributes there are.

    """

    def __init__(
        self,
        rules: Sequence[Rule],
        plan: Plan,
        policies: Mapping[str, CompiledPolicy],
        limits: Limits,
        registries: Registries,
    ) -> None:
        self.rules = rules
        self.plan = plan
        self.rule_ids = tuple(rule.id for rule in rules)
        self.registries = registries
        self.engine = Engine(plan, registries)
        self.renderer = Renderer(rules, plan.domains, registries)
        self._judge = Judge(rules, plan.domains)
        self._policies = policies
        self._limits = limits
        self._limits_of_admitted = msgspec.structs.replace(limits, memory_factor=_MEMORY_FACTOR_OF_ADMITTED)

    @functools.cached_property
    def annotator(self) -> "Annotator":
        """Writes verdicts."""
        from otlp_verifier.annotate import Annotator  # noqa: PLC0415  # most checks of files write nothing back

        return Annotator(self.rules)

    def verify(
        self,
        buffer: bytes | memoryview,
        *,
        completeness: Completeness = Completeness.BATCH,
        profile: str = "",
        allow_drop: bool = False,
    ) -> Outcome:
        """Verify an ExportTraceServiceRequest.

        Raises:
            MalformedRequest: the bytes are not a readable request.
            RequestOverLimit: one of the limits is passed.
            KeyError: there is no policy of that name.

        """
        policy = self._policies[profile]
        engine = self.engine
        rows = engine.run(buffer, completeness, self._limits)
        verdict = self._judge.judge(rows, engine.columns, engine.relations, policy, completeness, allow_drop=allow_drop)
        if any(verdict.forged):
            # Judged is what goes on, not what is removed: nobody upstream can sway a verdict by writing one, and what
            # has been verified is judged as it was before (of two equal spans only one may have been written on).
            rows = engine.run_without_forged(completeness, self._limits_of_admitted)
            verdict = self._judge.judge(
                rows, engine.columns, engine.relations, policy, completeness, allow_drop=allow_drop
            )
        return Outcome(engine.columns.spans.rows, verdict, rows, self)
