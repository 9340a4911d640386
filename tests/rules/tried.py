"""The package's rules as their examples try them, and the examples: read once a process, as that takes seconds."""

import functools

from otlp_verifier.rules import catalogue, example
from otlp_verifier.rules.example import Examples

RULES = [example.tried(rule) for rule in catalogue.builtin()]
# Made from the registry, a formula for each convention: tests/conventions/ breaks each of them.
MADE = {"semconv-required-missing", "semconv-recommended-missing", "semconv-optin-present"}
_FIRST = {rule.id: rule for rule in RULES if rule.part == 0}


@functools.cache
def examples_of(rule: str) -> Examples:
    return example.of(_FIRST[rule])
