"""The guide of the language: every rule in it compiles, and every contract's examples behave."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from otlp_verifier.cli import main
from otlp_verifier.language import times
from otlp_verifier.language.converters import CONVERTERS, PATTERN_MAX
from otlp_verifier.language.cursor import DEPTH_MAX, OPERATORS_MAX
from otlp_verifier.language.functions import FUNCTIONS, REFUSED
from otlp_verifier.language.lexer import FILE_LENGTH_MAX, RULE_LENGTH_MAX
from otlp_verifier.language.quantify import ALTERNATIVES_MAX
from otlp_verifier.rules import catalogue, example
from otlp_verifier.rules.errors import RuleFileError

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "language.md").read_text()
CONTRACTS = re.findall(r"^```yaml\n(- id: .*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
RULES = re.findall(r"^```rules\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
SUBJECTS = (
    "payment",
    "outbox",
    "retries",
    "database",
    "two-phase",
    "n+1",
    "fan-out",
    "idempotency",
    "cache",
    "deadline",
)


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)
    return result.exit_code, result.output


def test_it_teaches_ten_contracts() -> None:
    headings = re.findall(r"^### \d+\. (.*)$", GUIDE, re.MULTILINE)
    assert len(CONTRACTS) == len(headings) == len(SUBJECTS)
    for subject, heading in zip(SUBJECTS, headings, strict=True):
        assert subject in heading.lower()


@pytest.mark.parametrize("text", CONTRACTS, ids=lambda text: re.match(r"- id: (\S+)", text)[1])
def test_a_contract_behaves(text: str, tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text(text)
    errors: list[RuleFileError] = []
    [rule] = catalogue.read(path, errors)
    assert not errors
    cases = example.of(rule)
    assert cases.fires
    assert cases.silent
    code, output = run("rules", "test", path)
    assert code == 0, output
    code, output = run("rules", "check", path)
    assert code == 0, output
    assert "warning" not in output
    code, output = run("rules", "format", "--check", path)
    assert (code, output) == (0, ""), "the guide shows rules in their canonical form"


@pytest.mark.parametrize("text", RULES)
def test_a_block_compiles(text: str, tmp_path: Path) -> None:
    path = tmp_path / "guide.rules"
    path.write_text(text)
    code, output = run("rules", "check", path)
    assert code == 0, output


def test_the_paths_are_fresh() -> None:
    generated = re.search(r"<!-- generated: .*? -->\n(.*?)<!-- end generated -->", GUIDE, re.DOTALL)
    assert generated is not None
    assert generated[1] == run("rules", "paths")[1], "run: otlp-verifier rules paths"


def test_the_functions_are_all_there() -> None:
    section, _, without = GUIDE.partition("\n## Functions\n")[2].partition("\n## ")[0].partition("Not there are")
    assert set(re.findall(r"`([A-Z]\w+)`", without)) == set(REFUSED)
    assert set(re.findall(r"`([A-Z]\w+)[`(]", section)) == {*FUNCTIONS, *CONVERTERS, *times.FUNCTIONS}


def test_the_limits_are_those() -> None:
    section = GUIDE.partition("\n## Limits\n")[2].partition("\n## ")[0]
    for limit in (DEPTH_MAX, OPERATORS_MAX, PATTERN_MAX, RULE_LENGTH_MAX, ALTERNATIVES_MAX, FILE_LENGTH_MAX >> 20):
        assert f"{limit:,}" in section


NOT_COMPUTED = {
    "two inequalities": "for each span s require exists child c where c.start > s.start and c.end > s.end",
    "in count": "for each span s require count(child c where c.start > s.start) < 5",
    "one side": "for each span s require exists child c where c.start - s.start < 5ms",
    "a function": 'for each span s require exists child c where IsMatch(c.name, s.attributes["x"])',
    "three rows": "for each span s require exists child c where exists child d where d.name == s.name",
    "distinct": "for each span s require distinct(descendant : kind) < 5",
    "since": "assume skew <= 1ms for each span s require span where kind == 1 since span where kind == 2",
}


@pytest.mark.parametrize("rule", NOT_COMPUTED.values(), ids=NOT_COMPUTED)
def test_what_the_guide_calls_refused_is(rule: str, tmp_path: Path) -> None:
    path = tmp_path / "a.rules"
    path.write_text(f"rule a {{ {rule} }}")
    code, output = run("rules", "check", path)
    assert code == 2, output
    assert "^" in output
