"""Rules joined: what is kept of a rule from one set to the next changes nothing but the time that it takes."""

from random import Random

import numpy as np
import pytest

from otlp_verifier.language import compiler
from otlp_verifier.language.compiler import Source, compile_rules, forget
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.language.plan import Plan
from otlp_verifier.rules.catalogue import builtin
from tests.language.contracts import Contract


def is_computable(source: Source) -> bool:
    try:
        compile_rules([source])
    except RuleErrors:
        return False
    return True


SOURCES = [
    *(Source(rule.id, rule.rule, rule.parameters) for rule in builtin()),
    *filter(is_computable, (Source(f"random-{seed}", Contract(Random(seed)).text) for seed in range(60))),
]


def assert_same(one: Plan, other: Plan) -> None:
    for a, b in ((one.batch, other.batch), (one.trace, other.trace)):
        assert np.array_equal(a.instructions, b.instructions)
        assert (a.rounds, a.word_columns, a.mark_columns, a.needs) == (
            b.rounds,
            b.word_columns,
            b.mark_columns,
            b.needs,
        )
    assert np.array_equal(one.constants, other.constants)
    assert [each.name for each in one.predicates] == [each.name for each in other.predicates]
    for name in ("domains", "final", "keys", "texts", "asked", "strings", "words", "flags", "results"):
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.many
def test_a_plan_depends_on_its_rules_alone() -> None:
    rng = Random(3)
    for _ in range(5):
        chosen = rng.sample(SOURCES, 20)
        among_others = compile_rules(chosen)
        forget()
        assert_same(compile_rules(chosen), among_others)
        compile_rules(rng.sample(SOURCES, len(SOURCES)))


def test_a_reload_compiles_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    compile_rules(SOURCES)
    read = []
    inner = compiler.read_rule
    monkeypatch.setattr(compiler, "read_rule", lambda text: (read.append(text), inner(text))[1])
    new = Source("new", "for each span s require s.kind != 77")
    moved = Source("parameter", "for each span s require s.duration < most", {"most": "1s"})
    compile_rules([*reversed(SOURCES), new, moved])
    assert read == [new.text, moved.text]
    compile_rules([new, Source("parameter", moved.text, {"most": "2s"})])
    assert read[2:] == [moved.text]


def test_mistakes_are_found_again() -> None:
    for rule in ("one", "other"):
        with pytest.raises(RuleErrors) as found:
            compile_rules([Source(rule, "for each span s require s.nmae == 1")])
        assert [error.rule for error in found.value.errors] == [rule]


def test_symbols_of_two_rules_are_told_apart() -> None:
    """A key, a string and a predicate have other numbers in each rule by itself than in both together."""
    one = 'for each span s require s.attributes["a"] != "x" and not IsMatch(s.name, "^one")'
    other = (
        'for each span s require s.attributes["b"] != "y" and s.attributes["a"] != "z" and not IsMatch(s.name, "^two")'
    )
    plan = compile_rules([Source("one", one), Source("other", other)])
    (keys,) = plan.keys.values()
    assert keys == (b"a", b"b")
    assert plan.strings == (b"x", b"y", b"z")
    assert [each.name for each in plan.predicates] == sorted(each.name for each in plan.predicates)
    assert len(plan.predicates) == 2
