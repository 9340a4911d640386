"""Random rules, compiled with a part of the compiler and without it: what they find must be the same."""

from collections.abc import Sequence
from random import Random

import pytest

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.plan import Plan


def condition(rng: Random, leaves: Sequence[str], depth: int) -> str:
    """Leaves, put together."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(leaves)
    one, other = condition(rng, leaves, depth - 1), condition(rng, leaves, depth - 1)
    return rng.choice([f"({one} and {other})", f"({one} and {other})", f"({one} or {other})", f"not ({one})"])


def plans(sources: Sequence[Source], owner: object, part: str, instead: object) -> tuple[Plan, Plan]:
    """With a part of the compiler, and with `instead` in its place."""
    plan = compile_rules(sources)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, part, instead)
        return plan, compile_rules(sources)


def random_rules(rng: Random, leaves: Sequence[str], most: int) -> list[Source]:
    """Rules about each span."""
    formulas = [f"for each span s require {condition(rng, leaves, 3)}" for _ in range(rng.randint(1, most))]
    return [Source(str(number), formula) for number, formula in enumerate(formulas)]
