"""Which rules a configuration selects."""

from pathlib import Path

import pytest

from otlp_verifier.groups import groups
from otlp_verifier.rules.catalogue import builtin
from otlp_verifier.rules.errors import RuleFileErrors
from otlp_verifier.selection import known, narrowed, selected
from otlp_verifier.settings import SettingsError, load
from otlp_verifier.settings.presets import presets

ROOT = Path(__file__).parents[1]
MINE = """
- id: my-own
  severity: error
  description: Every span has a name.
  rule: for each span s require s.name != ""
"""
PRODUCTION = {rule.id for rule in builtin() if rule.default and rule.severity != "information"} | {
    name for name in presets()["production"].select if name.startswith("secret-")
}
IDENTITY = {rule.id for rule in builtin() if rule.family == "identity"}


def chosen(folder: Path, text: str) -> set[str]:
    (folder / "mine.yaml").write_text(MINE)
    (folder / "v.yaml").write_text(text)
    return {rule.id for rule in selected(load(folder / "v.yaml"))}


def test_the_default_set(tmp_path: Path) -> None:
    assert chosen(tmp_path, "") == {rule.id for rule in builtin() if rule.default}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("{select: [all]}", {rule.id for rule in builtin()}),
        ("{select: []}", set()),
        ("{select: [identity]}", IDENTITY),
        ("{select: [trace-id-zero]}", {"trace-id-zero"}),
        ("{select: [identity], ignore: [trace-id-zero]}", IDENTITY - {"trace-id-zero"}),
        ("{select: [trace-id-zero], ignore: [identity]}", set()),
        ("{select: [my-own], files: [mine.yaml]}", {"my-own"}),
        ("{select: [error]}", {rule.id for rule in builtin() if rule.severity == "error"}),
        ("{select: [all], ignore: [batch, trace]}", {rule.id for rule in builtin() if rule.decided_by == "record"}),
        ("{select: [production, flow]}", PRODUCTION | {rule.id for rule in builtin() if rule.family == "flow"}),
        ("{select: [production], files: [mine.yaml]}", PRODUCTION | {"my-own"}),
    ],
    ids=[
        *("all", "none", "family", "one", "family but one", "ignored wins", "a user's own"),
        *("severity", "what decides it", "a preset and a family", "a preset and a user's own"),
    ],
)
def test_selection(tmp_path: Path, rules: str, expected: set[str]) -> None:
    assert chosen(tmp_path, f"rules: {rules}") == expected


@pytest.mark.parametrize("name", presets())
def test_a_preset_names_what_there_is(name: str) -> None:
    known_names = groups(builtin())
    preset = presets()[name]
    assert {*preset.select, *preset.ignore} <= set(known_names) - set(presets())
    assert known_names[name]
    assert "trace-id-zero" in known_names[name]
    row = f"| `{name}` | {preset.description.removeprefix('For ')} |"
    assert row in (ROOT / "docs" / "configuration.md").read_text()


def test_presets_differ() -> None:
    assert set(presets()) == {"quickstart", "production", "high-throughput", "low-latency", "safety-critical"}
    chosen = [frozenset(groups(builtin())[name]) for name in presets()]
    assert len(set(chosen)) == len(chosen)


def test_no_rule_or_family_has_the_name_of_a_group() -> None:
    own = {name for rule in builtin() for name in (rule.id, rule.family)}
    assert not own & {"all", "default", "error", "warning", "information", "record", "batch", "trace", *presets()}


def test_a_users_rules_run_by_default(tmp_path: Path) -> None:
    assert "my-own" in chosen(tmp_path, "rules: {files: [mine.yaml]}")


def test_rules_are_sorted_by_id(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("rules: {select: [all]}")
    rules = selected(load(tmp_path / "v.yaml"))
    assert [rule.id for rule in rules] == sorted(rule.id for rule in rules)
    assert rules == known(load(None))


POLICY = "policy: {actions: [{action: ignore, rules: [trace-id-zero, %s]}]}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rules: {select: [trace-id-zer]}",
            "1:18: rules.select[0]: `trace-id-zer`: no rule or family is called that; did",
        ),
        ("rules: {ignore: [identiti]}", "did you mean `identity`?"),
        (POLICY % "nothing", "1:60: policy.actions[0].rules[1]: `nothing`: no rule is called that"),
        ("profiles: {a: {actions: [{action: ignore, rules: [x]}]}}", "profiles.a.actions[0].rules[0]: `x`: no rule"),
        (
            "rules: {ignore: [span-id-zero]}\n" + POLICY % "span-id-zero",
            "2:60: policy.actions[0].rules[1]: `span-id-zero`: `rules`",
        ),
    ],
    ids=["select", "ignore", "policy", "profile", "not selected"],
)
def test_a_name_that_no_rule_has(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        chosen(tmp_path, text)
    assert message in str(raised.value)


@pytest.mark.parametrize("name", ["all", "error", "trace", "identity", "production"])
def test_an_id_that_is_the_name_of_a_group(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("my-own", name))
    (tmp_path / "v.yaml").write_text("rules: {files: [mine.yaml]}")
    with pytest.raises(RuleFileErrors, match=rf"mine\.yaml:2: id `{name}` is a name that stands for several rules"):
        known(load(tmp_path / "v.yaml"))


def test_a_narrower_choice_forgets_what_a_policy_says_of_others_but_not_its_mistakes(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text(POLICY % "span-id-zero")
    narrow = narrowed(load(tmp_path / "v.yaml"), ["span-id-zero"], [])
    assert [line.rules for line in narrow.settings.policy.actions] == [("span-id-zero",)]
    (tmp_path / "v.yaml").write_text(POLICY % "span-id-zer")
    with pytest.raises(SettingsError, match="no rule is called that; did you mean `span-id-zero`"):
        narrowed(load(tmp_path / "v.yaml"), ["span-id-zero"], [])


def test_a_rule_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuleFileErrors, match=r"absent\.yaml"):
        chosen(tmp_path, "rules: {files: [absent.yaml]}")
