"""Rules as one organisation wants them."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.cli import main
from otlp_verifier.groups import groups
from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.selection import known, selected
from otlp_verifier.settings import SettingsError, load
from tests.strategies import request_of

MINE = """
- id: too-long
  severity: error
  description: A span ends in time.
  parameters: {most: 1s}
  rule: for each span s where s.kind != 3 or s.kind == 4 require s.duration <= most
- id: few-spans
  severity: error
  description: A trace is small.
  parameters: {count: 3}
  rule: for each trace t require count(span) <= count
- id: event-name
  severity: warning
  description: An event has a name.
  rule: for each event e require e.name != ""
"""
SECOND = 10**9


def rules(folder: Path, tune: str) -> dict[str, Rule]:
    (folder / "mine.yaml").write_text(MINE)
    (folder / "v.yaml").write_text(
        f"rules:\n  files: [mine.yaml]\n  select: [too-long, few-spans, event-name]\n  tune:\n{tune}"
    )
    return {rule.id: rule for rule in selected(load(folder / "v.yaml"))}


def spans() -> list[Span]:
    """Of each kind one that takes 2 s."""
    return [
        Span(trace_id=b"t" * 16, span_id=bytes([kind] * 8), kind=kind, name=f"k{kind}", start_time_unix_nano=SECOND,
             end_time_unix_nano=3 * SECOND)
        for kind in range(1, 6)
    ]  # fmt: skip


def found(rule: Rule) -> set[str]:
    """Names of the spans that violate a rule."""
    outcome = Verifier([rule]).worker().verify(request_of(spans()).SerializeToString())
    return {finding.span for finding in outcome.findings(10)}


def test_without_tuning(tmp_path: Path) -> None:
    assert found(rules(tmp_path, "    []")["too-long"]) == {"k1", "k2", "k4", "k5"}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("kind == 1", {"k1"}),
        ("kind == 1 or kind == 3", {"k1"}),
        ('name == "k4"', {"k4"}),
        ('not (name == "k4")', {"k1", "k2", "k5"}),
        ('resource.attributes["service.name"] == nil', {"k1", "k2", "k4", "k5"}),
        ('instrumentation_scope.name != ""', set()),
    ],
)
def test_a_condition_is_one_more(tmp_path: Path, where: str, expected: set[str]) -> None:
    assert found(rules(tmp_path, f"    - {{rules: [too-long], where: '{where}'}}")["too-long"]) == expected


def test_telemetry_switches_a_rule_off_only_where_that_is_allowed(tmp_path: Path) -> None:
    every = spans()
    every[0].attributes.add(key="shop.verifier.ignore").value.bool_value = True
    request = request_of(every).SerializeToString()

    def names(rule: Rule) -> set[str]:
        return {finding.span for finding in Verifier([rule]).worker().verify(request).findings(10)}

    allowed = "    - {rules: [too-long], where: 'attributes[\"shop.verifier.ignore\"] != true'}\n"
    assert names(rules(tmp_path, "    []")["too-long"]) == {"k1", "k2", "k4", "k5"}
    assert names(rules(tmp_path, allowed)["too-long"]) == {"k2", "k4", "k5"}


def test_limits_and_severities(tmp_path: Path) -> None:
    tune = (
        "    - {rules: [too-long, few-spans, event-name], severity: information}\n"
        "    - {rules: [too-long, few-spans], severity: warning, parameters: {most: 2s}}\n"
        "    - {rules: [few-spans], parameters: {count: 9}, where: 'true'}\n"
    )
    tuned = rules(tmp_path, tune)
    assert {id_: rule.severity for id_, rule in tuned.items()} == {
        "too-long": "warning", "few-spans": "warning", "event-name": "information",
    }  # fmt: skip
    assert tuned["too-long"].parameters == {"most": "2s"}
    assert tuned["few-spans"].parameters == {"count": 9}
    assert found(tuned["too-long"]) == set()


def test_what_is_listed_is_tuned(tmp_path: Path) -> None:
    rules(tmp_path, "    - {rules: [too-long], severity: information}\n")
    listed = CliRunner().invoke(main, ["rules", "list", "--config", str(tmp_path / "v.yaml")]).output
    [row] = [line for line in listed.splitlines() if line.startswith("too-long ")]
    assert row.split()[:3] == ["too-long", "yes", "information"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "{rules: [to-long]}",
            "rules.tune[0].rules[0]: `to-long`: no rule or family is called that; did you mean",
        ),
        ("{rules: []}", "rules.tune[0].rules"),
        (
            "{rules: [too-long], parameters: {moist: 1s}}",
            "`moist`: none of these rules has such a limit; did",
        ),
        (
            "{rules: [too-long], parameters: {most: 5}}",
            "rules.tune[0].parameters.most: `most` of too-long is 1s",
        ),
        ("{rules: [few-spans], parameters: {count: 5s}}", "`count` of few-spans is 3: expected its like"),
        ("{rules: [too-long], parameters: {most: 5 years}}", "too-long cannot be tuned so"),
        ("{rules: [too-long], where: 'kind =='}", "rules.tune[0].where: "),
        ("{rules: [too-long], where: 'kin == 1'}", "too-long cannot be tuned so: "),
        ("{rules: [event-name, few-spans], where: 'kind == 1'}", "cannot be tuned so: "),
        ("{rules: [too-long], severity: fatal}", "rules.tune[0].severity"),
    ],
)
def test_mistakes(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        rules(tmp_path, f"    - {line}\n")
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{tmp_path / 'v.yaml'}:5:")


def test_levels_are_names(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("")
    every = known(load(tmp_path / "v.yaml"))
    names = groups(every)
    for level in ("must", "should", "derived", "heur"):
        assert names[level] == {rule.id for rule in every if rule.level.lower().startswith(level)} != set()
    assert not names["must"] & names["should"]
    assert names["policy"] == {rule.id for rule in every if rule.level == "policy"}
