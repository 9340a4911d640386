"""The catalogue: every rule says everything about itself, and every mistake in a file is named with its place."""

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from otlp_verifier.policy import Completeness
from otlp_verifier.rules import catalogue
from otlp_verifier.rules.catalogue import PACKAGE, Rule, load
from otlp_verifier.rules.errors import RuleFileErrors
from tests.rules.tried import examples_of

RULES = catalogue.builtin()
WHOLE = [rule for rule in RULES if rule.part == 0]
SEVERITIES = {
    "E": "error",
    "W": "warning",
    "I": "information",
    "E/W": "warning",
    "W/I": "warning",
    "I→W if metrics are cumulative": "information",
}
# What decides it: of several the least that a trace can be judged by; state over time is no rule's.
EVIDENCE = {"R": "record", "B": "batch", "T": "trace", "B/T": "trace", "T/S": "trace", "R/S": "record"}
# Not of the catalogue of invariants: how a record is encoded, which only a verifier of bytes can see, and what is right
# by the version that it declares, and will be renamed.
OF_OUR_OWN = {"encoding-ambiguous", "attr-deprecated-later"}
HEURISTICS = {"heur", "default"}


def ids(rule: Rule) -> str:
    return rule.id


@pytest.mark.parametrize("rule", WHOLE, ids=ids)
def test_a_rule_is_complete(rule: Rule) -> None:
    assert Path(rule.file) == PACKAGE / rule.family / f"{rule.id}.yaml"
    assert rule.description.endswith(".")
    assert 4 <= len(rule.description.split()) <= 30
    assert rule.message
    assert rule.remedy.endswith(".")
    assert rule.traps, "what looks like a violation and is none, and how the rule deals with it"
    assert rule.sources
    assert all(source.link.startswith("https://") for source in rule.sources)
    assert rule.decided_by is not None


@pytest.mark.parametrize("rule", WHOLE, ids=ids)
def test_a_rule_has_examples_of_both_kinds(rule: Rule) -> None:
    examples = examples_of(rule.id)
    assert examples.fires
    assert len(examples.silent) > 1, "one that is right, and one for each of its traps"
    whys = [case.why for case in (*examples.fires, *examples.silent)]
    assert all(whys)
    assert len(set(whys)) == len(whys)
    if rule.decided_by == "trace":
        assert all(case.completeness is Completeness.TRACE for case in examples.fires)
        assert any(case.completeness is Completeness.BATCH for case in examples.silent) or rule.level == "heur"
    known = {other.id for other in RULES}
    assert all(set(case.also) <= known - {rule.id} for case in (*examples.fires, *examples.silent))


@pytest.mark.parametrize("rule", WHOLE, ids=ids)
def test_heuristics_are_off_by_default(rule: Rule) -> None:
    if rule.level in HEURISTICS:
        assert not rule.default


def test_the_set_is_large_enough() -> None:
    assert len(WHOLE) >= 30
    assert len({rule.id for rule in RULES}) == len(WHOLE)
    assert len({rule.description for rule in WHOLE}) == len(WHOLE)


def test_rules_are_sorted() -> None:
    assert [(rule.id, rule.part) for rule in RULES] == sorted((rule.id, rule.part) for rule in RULES)


def test_formula_lines_are_those_of_the_file() -> None:
    for rule in RULES:
        lines = Path(rule.file).read_text(encoding="utf-8").splitlines()
        assert lines[rule.line - 1].startswith("- id:")
        assert lines[rule.rule_line - 1].strip() == rule.rule.splitlines()[0]


def test_examples_are_the_last_key() -> None:
    """The catalogue does not parse the text from there on: see its docstring."""
    for path in PACKAGE.glob("*/*.yaml"):
        keys = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:3].strip() and line[2] != " "]
        assert keys[-1] == "  examples:", path


def test_ids_levels_and_severities_are_those_of_the_invariants(shared: Path) -> None:
    invariants = {entry["id"]: entry for entry in json.loads((shared / "invariants.json").read_text())}
    assert {rule.id for rule in RULES} - OF_OUR_OWN <= set(invariants)
    for rule in WHOLE:
        if rule.id in OF_OUR_OWN:
            continue
        invariant = invariants[rule.id]
        assert (rule.id, rule.level, rule.severity) == (
            rule.id,
            invariant["level"],
            SEVERITIES[invariant["severity"]],
        )
        # A violation that what arrived together shows for certain need not wait for the whole trace.
        needs = EVIDENCE[invariant["decidable"]]
        assert rule.decided_by == needs or (needs, rule.decided_by) == ("trace", "batch"), rule.id


# A user's own files

GOOD = """\
- id: my-own
  severity: error
  description: Every span has a name.
  rule: |
    for each span s
    require s.name != ""
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def problems(path: Path) -> list[tuple[int, str]]:
    with pytest.raises(RuleFileErrors) as caught:
        load([path])
    for error in caught.value.errors:
        assert error.file == str(path)
        assert str(error).startswith(f"{path}:")
        assert str(error) in str(caught.value)
    return [(error.line, error.message) for error in caught.value.errors]


def test_a_users_rule_needs_four_keys(tmp_path: Path) -> None:
    rules = load([written(tmp_path, GOOD)])
    mine = next(rule for rule in rules if rule.id == "my-own")
    assert len(rules) == len(RULES) + 1
    assert (mine.family, mine.level, mine.decided_by, mine.default, mine.message) == ("", "policy", None, True, "")
    assert (mine.line, mine.rule_line) == (1, 5)
    assert catalogue.examples(mine) == {}


def test_a_file_may_hold_many_rules_and_a_rule_many_formulas(tmp_path: Path) -> None:
    text = (
        GOOD
        + GOOD.replace("my-own", "my-other").replace(
            "  rule: |\n", '  message: ["a `{s.name}`", "b"]\n  parameters: {most: 3, wait: 1m30s}\n  rule:\n  - |\n'
        )
        + '  - for each event e require e.name != ""\n'
    )
    rules = [rule for rule in load([written(tmp_path, text)]) if not rule.family]
    assert [(rule.id, rule.part, rule.message, rule.rule_line) for rule in rules] == [
        ("my-other", 0, "a `{s.name}`", 14),
        ("my-other", 1, "b", 16),
        ("my-own", 0, "", 5),
    ]
    assert rules[1].rule == 'for each event e require e.name != ""'
    assert rules[0].parameters == {"most": 3, "wait": "1m30s"}


def replaced(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def mistakes() -> Iterator[tuple[str, str, int, str]]:
    """Name, file, line, what the message has to say."""
    yield "no list", "id: my-own\n", 1, "expected a list of rules"
    yield "empty", "", 1, "expected a list of rules"
    yield "no mapping", "- 7\n", 1, "expected a rule: a mapping with an id"
    yield "no YAML", GOOD + "  message: 'a\n", 8, "no YAML: "
    yield "a tab", "- id: my-own\n\tseverity: error\n", 2, "no YAML: "
    yield "a control character", "- id: my\x01own\n", 1, "no YAML: "
    yield (
        "a key twice",
        GOOD + "  severity: error\n",
        7,
        "key `severity` stands here a second time; the first is on line 2",
    )
    yield "a key twice, deeper", GOOD + "  parameters: {a: 1, a: 2}\n", 7, "key `a` stands here a second time"
    yield "an unknown key", GOOD + "  mesage: x\n", 7, "unknown key `mesage`; did you mean `message`?"
    yield "a number for a key", GOOD + "  7: x\n", 7, "unknown key `7`"
    yield "a missing key", replaced("  severity: error\n", ""), 1, "expected the key severity"
    yield "missing keys", "- id: my-own\n", 1, "expected the keys severity, description, rule"
    yield (
        "severity",
        replaced("error", "eror"),
        2,
        "expected one of information, warning, error, found `eror`; did you mean `error`?",
    )
    yield "severity as a list", replaced("error", "[error]"), 2, "severity: expected one of"
    yield "id of blanks", replaced("my-own", "My own"), 1, "id: expected lower case words joined by `-`, found `My own`"
    yield "id as a number", replaced("my-own", "7"), 1, "id: expected text, found `7`"
    yield "no description", replaced("Every span has a name.", ""), 3, "description: expected text, found nothing"
    yield "a taken id", replaced("my-own", "trace-id-zero"), 1, "id `trace-id-zero` is taken by "
    yield "the same id twice", GOOD + GOOD, 7, "id `my-own` is taken by "
    yield (
        "decided by",
        GOOD + "  decided_by: traces\n",
        7,
        "decided_by: expected one of record, batch, trace, found `traces`; did you mean `trace`?",
    )
    yield "default", GOOD + "  default: maybe\n", 7, "default: expected true or false, found `maybe`"
    yield (
        "no formulas",
        GOOD.replace('|\n    for each span s\n    require s.name != ""', "[]"),
        4,
        "rule: expected text or a list of texts",
    )
    yield (
        "messages",
        GOOD + "  message: [a, b]\n",
        7,
        "message: expected one for all formulas or 1, as there are formulas; found 2",
    )
    yield "parameters", GOOD + "  parameters: [1]\n", 7, "parameters: expected a mapping, found `[1]`"
    yield (
        "a parameter's name",
        GOOD + "  parameters: {Most: 1}\n",
        7,
        "parameters: expected a name of lower case letters",
    )
    yield (
        "a parameter's value",
        GOOD + "  parameters: {most: 1 hour}\n",
        7,
        "parameters.most: expected an integer or a duration such as 1ms, found `1 hour`",
    )
    yield (
        "a parameter that is true",
        GOOD + "  parameters: {most: true}\n",
        7,
        "parameters.most: expected an integer or a duration",
    )
    yield "traps", GOOD + "  traps: one\n", 7, "traps: expected a list of sentences, found `one`"
    yield "sources", GOOD + "  sources: one\n", 7, "sources: expected a list, found `one`"
    yield (
        "a source",
        GOOD + "  sources: [{section: a}]\n",
        7,
        "sources: expected entries with the keys section and link",
    )


@pytest.mark.parametrize(("text", "line", "message"), [m[1:] for m in mistakes()], ids=[m[0] for m in mistakes()])
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, line: int, message: str) -> None:
    found = problems(written(tmp_path, text))
    assert len(found) == 1
    assert found[0][0] == line
    assert message in found[0][1]


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    text = replaced("error", "bad") + "  defualt: 1\n  default: 1\n" + GOOD.replace("my-own", "My")
    assert [line for line, _ in problems(written(tmp_path, text))] == [2, 7, 8, 9]


def test_a_value_that_holds_itself_is_no_trouble(tmp_path: Path) -> None:
    assert "traps: expected a list of sentences" in problems(written(tmp_path, GOOD + "  traps: &a [*a]\n"))[0][1]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert problems(tmp_path / "absent.yaml")[0][0] == 0
    (tmp_path / "latin.yaml").write_bytes(b"- id: gr\xfcn\n")
    assert "cannot be read" in problems(tmp_path / "latin.yaml")[0][1]


def test_a_package_file_holds_one_rule_that_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "family").mkdir()
    (tmp_path / "family" / "other.yaml").write_text(GOOD)
    (tmp_path / "family" / "two.yaml").write_text(GOOD + GOOD)
    monkeypatch.setattr(catalogue, "PACKAGE", tmp_path)
    with pytest.raises(RuleFileErrors) as caught:
        load()
    messages = [error.message for error in caught.value.errors]
    assert messages == [
        "expected `other`, the file's name; found `my-own`",
        "expected exactly one rule in a file, found 2",
    ]


def test_examples_that_are_gone(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + "  examples: {fires: []}\n")
    mine = next(rule for rule in load([path]) if rule.id == "my-own")
    assert catalogue.examples(mine) == {"fires": []}
    path.write_text(GOOD + "  examples: 7\n")
    with pytest.raises(RuleFileErrors, match="expected a mapping with the keys fires and silent"):
        catalogue.examples(mine)
    path.write_text(GOOD.replace("my-own", "another"))
    with pytest.raises(RuleFileErrors, match="`my-own` is not in this file any more"):
        catalogue.examples(mine)
