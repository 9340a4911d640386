"""Rules and policies, compiled: what every worker works by."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from otlp_verifier.effects import compile_policy
from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.policy import Completeness, Policy
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.wire.limits import Limits

if TYPE_CHECKING:
    from otlp_verifier.registry.model import Registries
    from otlp_verifier.worker import Worker


class Verifier:
    """A set of rules and policies, compiled. Immutable; threads share it, each with a worker of its own.

    Args:
        rules: what is checked; a rule's number in findings is its index here.
        policies: by profile name; the empty name is the default and must be there.
        limits: on each request.
        registries: which attributes there are; without any, OpenTelemetry's alone.

    Raises:
        RuleErrors: rules that cannot be compiled, all of them; else messages that cannot be filled, of users' rules:
            those of the package are looked at when they are needed.
        ValueError: a policy names a rule that is not among `rules`.

    """

    def __init__(
        self,
        rules: Sequence[Rule],
        policies: Mapping[str, Policy] | None = None,
        limits: Limits | None = None,
        registries: "Registries | None" = None,
    ) -> None:
        self.rules = tuple(rules)
        self.rule_ids = tuple(rule.id for rule in self.rules)
        self.rule_count = len(set(self.rule_ids))  # a rule with several formulas has as many numbers
        self.limits = limits or Limits()
        self.plan = compile_rules([Source(rule.id, rule.rule, rule.parameters) for rule in self.rules])
        if own := [rule for rule in self.rules if not rule.family]:
            from otlp_verifier.findings.template import check_messages  # noqa: PLC0415  # a tenth of a start

            check_messages(own)
        named = policies or {"": Policy()}
        self.policies = {name: compile_policy(policy, self.rules) for name, policy in named.items()}
        self.fingerprint = _fingerprint(self.rules, registries)
        self._registries = registries

    @property
    def registries(self) -> "Registries":
        """Which attributes there are; OpenTelemetry's are read when somebody asks for the first time."""
        if self._registries is None:
            from otlp_verifier.registry.opentelemetry import alone  # noqa: PLC0415  # a table of 300 KB

            self._registries = alone()
        return self._registries

    def worker(self) -> "Worker":
        """Make an arena for one thread at a time. The first one loads what rules call for."""
        from otlp_verifier.worker import Worker  # noqa: PLC0415  # compiling rules needs no engine

        return Worker(self.rules, self.plan, self.policies, self.limits, self.registries)

    def warm_up(self) -> None:
        """Load what rules call for, so that no request waits for it."""
        worker = self.worker()
        for completeness in Completeness:
            worker.verify(b"", completeness=completeness).response(0)


def _fingerprint(rules: Sequence[Rule], registries: "Registries | None") -> str:
    """Changes when any rule that is checked does, or a registry of one's own."""
    digest = hashlib.sha256()
    for rule in rules:
        digest.update(repr((rule.id, rule.severity, rule.rule, sorted(rule.parameters.items()))).encode())
    own = registries.all[:-1] if registries is not None else ()  # the last one is the package's
    digest.update(repr([sorted(map(repr, each.attributes.values())) for each in own]).encode())
    return digest.hexdigest()[:16]
