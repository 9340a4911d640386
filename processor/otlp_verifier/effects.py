"""A policy applied to a set of rules: what their findings do, as numbers."""

from collections.abc import Sequence
from enum import IntFlag
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.policy import Action, Policy, Severity

if TYPE_CHECKING:  # compiling kernels needs no rules
    from otlp_verifier.rules.catalogue import Rule


class Effect(IntFlag):
    """What a policy makes of a rule's findings."""

    WRITE = 1  # the finding
    VIOLATES = 2  # the trace is violated
    DROP_SPAN = 4
    DROP_TRACE = 8
    UNDECIDED = 16  # the trace is left undecided


class CompiledPolicy(msgspec.Struct, frozen=True):
    """A policy applied to a set of rules.

    Attributes:
        effects: uint8 (2 * rules,), bits of Effect; the second half is for what is undecided about the rules.
        writes_verdicts: whether violated traces are marked.
        writes_all: whether valid and undecided ones are marked too.

    """

    effects: NDArray[np.uint8]
    writes_verdicts: bool
    writes_all: bool


def compile_policy(policy: Policy, rules: "Sequence[Rule]") -> CompiledPolicy:
    """What `policy` does about each rule's findings.

    Raises:
        ValueError: the policy names a rule that is not there.

    """
    known = {rule.id for rule in rules}
    for line in policy.actions:
        for rule_id in line.rules:
            if rule_id not in known:
                raise ValueError(f"the policy names the rule `{rule_id}`, which is not selected")
    effects = np.zeros(2 * len(rules), np.uint8)
    threshold = Severity[policy.violated_from.upper()]
    for number, rule in enumerate(rules):
        action = _action(policy, rule)
        if action is Action.IGNORE:
            continue
        effect = Effect(0) if policy.annotate == "none" else Effect.WRITE
        if Severity[rule.severity.upper()] >= threshold:
            effect |= Effect.VIOLATES
            effects[len(rules) + number] = Effect.UNDECIDED
        if action is Action.DROP_SPAN:
            effect |= Effect.DROP_SPAN
        elif action is Action.DROP_TRACE:
            effect |= Effect.DROP_TRACE
        effects[number] = effect
    return CompiledPolicy(effects, policy.annotate != "none", policy.annotate == "all")


def _action(policy: Policy, rule: "Rule") -> Action:
    for line in policy.actions:
        if line.rules and rule.id not in line.rules:
            continue
        if line.severity is None or line.severity == rule.severity:
            return line.action
    return Action.ANNOTATE
