"""The commands for a rule's author: check, test, explain, format."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from otlp_verifier.cli import main
from otlp_verifier.rules.catalogue import PACKAGE, builtin
from tests.weaver.registries import CLASSIC, written

SEVEN = """\
// Seven contracts.
rule payment { severity: error description: "Paid by whom it says."
  for each span s where s.kind == SPAN_KIND_SERVER and s.name == "POST /pay"
  require exists descendant d where d.attributes["rpc.service"] == "Auth"
                             and d.attributes["enduser.id"] == s.attributes["enduser.id"]
}
rule retry {
  for each span s where s.attributes["http.request.resend_count"] > 0
  require once [10ms, 30s] span r where r.status.code == STATUS_CODE_ERROR
          and r.attributes["server.address"] == s.attributes["server.address"]
}
rule commit {
  for each span c where c.name == "tx.commit" # the last step
  require not span where name == "tx.abort" since [0s, 5s] span where name == "tx.begin"
}
rule outbox        { for each span p where p.kind == SPAN_KIND_PRODUCER
  require eventually [0s, 10s] link from span where kind == SPAN_KIND_CONSUMER }
rule no-n-plus-1   { for each span s require count(child where attributes["db.system.name"] != nil) <= 20 }
rule inside-parent { for each span s with parent p require s.start >= p.start - skew and s.end <= p.end + skew }
rule no-direct-db  { require not ({ resource.service.name == "frontend" } >> { attributes["db.system.name"] != nil }) }
"""
EXAMPLES = """\
no-n-plus-1:
  silent:
    - why: no query
      spans: [{id: a}]
no-direct-db:
  fires:
    - why: NOTHING
      spans: [{id: a}]
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["rules", *map(str, arguments)], prog_name="otlp-verifier", catch_exceptions=False)


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    path = tmp_path / "seven.rules"
    path.write_text(SEVEN)
    return path


def test_check_says_what_is_final(seven: Path) -> None:
    result = run("check", seven)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "payment: span, needs whole traces",
        "retry: span, needs whole traces",
        "commit: span, needs whole traces",
        "outbox: span, needs whole traces",
        "no-n-plus-1: span, final",
        "inside-parent: span, final",
        "no-direct-db: trace, final",
    ]


def test_twenty_mistakes_are_twenty_messages(tmp_path: Path) -> None:
    bodies = (
        "for each span s require s.nam == 1",
        "for each spam s require true",
        "for each span s require s.kind = 1",
        "for each span s require s.name == 'x'",
        "for each span s require",
    )
    blocks = [f"rule r{i} {{\n  {bodies[i % 5]}\n}}\n" for i in range(20)]
    (tmp_path / "bad.rules").write_text("".join(blocks))
    result = run("check", tmp_path / "bad.rules", tmp_path / "none.rules")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("bad.rules:") == 20
    assert result.stderr.count("^") == 20
    assert "none.rules: cannot be read" in result.stderr
    assert result.stderr.endswith("21 mistakes\n")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        (
            "a.rules",
            "rule a { for each span s require s.nam == 1 }\n",
            "a.rules:1:34: a: a span has no `nam`; did you mean `name`?\n"
            "  rule a { for each span s require s.nam == 1 }\n" + " " * 35 + "^\n",
        ),
        (
            "a.yaml",
            (
                "- id: a\n  severity: error\n  description: A.\n  rule: |\n"
                '    for each span s\n      require s.nam == ""\n'
            ),
            'a.yaml:6:15: a: a span has no `nam`; did you mean `name`?\n        require s.nam == ""\n'
            + " " * 16
            + "^\n",
        ),
        ("a.rules", "rule a { severity: eror require true }\n", "found `eror`; did you mean `error`?\n  rule a {"),
        ("a.rules", "rule a { message: x message: y require true }\n", "`message` stands in this rule more than once"),
        ("a.rules", "rule A { require true }\n", "id: expected lower case words"),
        ("a.rules", "rule a { require true }\nrule a { require true }\n", "a.rules:2: id `a` is taken by"),
        ("a.rules", "rule trace-id-zero { require true }\n", "id `trace-id-zero` is taken by"),
        ("a.rules", 'rule a { message: "{nam}" for each span require kind == 1 }\n', "a: message: "),
        ("a.rules", "nonsense\nrule a { require true }\n", "a file of rules is a list of"),
        ("a.rules", 'rule a {\n  require name == "\n}\nrule b { require }\n', "a string begins here"),
    ],
)
def test_mistakes_are_shown_in_their_place(tmp_path: Path, name: str, text: str, shown: str) -> None:
    (tmp_path / name).write_text(text)
    result = run("check", tmp_path / name)
    assert result.exit_code == 2
    assert shown in result.stderr


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        ("for each span s where false and s.kind == 1 require s.kind == 2", "its `where` never holds"),
        ("for each span s require true or s.kind == 2", "its `require` always holds"),
        ("for each span s where s.kind == 1 require false", "its `require` never holds"),
    ],
)
def test_rules_that_make_no_sense_are_named(tmp_path: Path, body: str, warning: str) -> None:
    (tmp_path / "a.rules").write_text(f"rule a {{ {body} }}")
    result = run("check", tmp_path / "a.rules")
    assert result.exit_code == 0
    assert f"a.rules:1: warning: a: {warning}" in result.stderr


def test_examples_are_run(seven: Path) -> None:
    assert run("test", seven).exit_code == 0
    (seven.parent / "seven.examples.yaml").write_text(EXAMPLES)
    result = run("test", seven)
    assert result.exit_code == 1
    assert "no-n-plus-1: good: 0 fire, 1 stay silent (untested)" in result.stdout
    assert "no-direct-db: FAILED" in result.stdout
    assert "fires[0] (NOTHING): expected a finding, found nothing: nothing violates it" in result.stdout
    (seven.parent / "seven.examples.yaml").write_text("no-n-plus-1: {fires: [{spams: []}]}")
    result = run("test", seven)
    assert result.exit_code == 2
    assert "did you mean `spans`?" in result.stderr


def test_built_in_rules_behave() -> None:
    assert run("test", PACKAGE / "time" / "span-end-before-start.yaml").exit_code == 0
    assert run("check", *PACKAGE.glob("*/*.yaml")).exit_code == 0


def test_a_rule_is_explained(seven: Path) -> None:
    text = run("explain", "payment", "--file", seven).stdout
    assert text.startswith("payment (error): Paid by whom it says.\n\nFor each span s, where this holds:\n  all of:\n")
    for part in ("there is a descendant", "Needs whole traces", "is undecided", "round 1", "with an equal key",
                 "keys looked up in each span: rpc.service, enduser.id", "ns per span on one core"):  # fmt: skip
        assert part in text
    assert run("explain", "payment", "--file", seven, "--cost").stdout.startswith("At most ")
    assert "Final:" in run("explain", "no-direct-db", "--file", seven).stdout
    result = run("explain", "paiment", "--file", seven)
    assert (result.exit_code, "did you mean `payment`?" in result.stderr) == (2, True)


@pytest.mark.parametrize("rule", sorted({rule.id for rule in builtin()}))
def test_every_built_in_rule_can_be_explained(rule: str) -> None:
    assert run("explain", rule).exit_code == 0


def test_format_keeps_comments(seven: Path) -> None:
    before = run("check", seven).stdout
    assert run("format", "--check", seven).exit_code == 1
    assert seven.read_text() == SEVEN
    result = run("format", seven)
    assert result.exit_code == 0
    assert "commit has a comment in it and stays as it is" in result.stderr
    text = seven.read_text()
    assert text.startswith("// Seven contracts.\nrule payment {\n  severity: error\n  description: ")
    assert "# the last step" in text
    assert run("format", "--check", seven).exit_code == 0
    assert run("check", seven).stdout == before


def test_format_leaves_the_rest_of_yaml_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    head = "# mine\n- id: a   # first\n  severity: error\n  description: A.\n"
    tail = "\n  # in between\n  message: 'x'\n- {id: b, severity: error, description: B., rule: require   true}\n"
    path.write_text(f"{head}  rule: |\n      for   each span s\n\n      require ((s.kind == 1))\n{tail}")
    result = run("format", path)
    assert result.exit_code == 0
    assert path.read_text() == f"{head}  rule: |\n      for each span s\n      require s.kind == 1\n{tail}"
    assert "no literal block" in result.stderr
    assert [entry["id"] for entry in yaml.safe_load(path.read_text())] == ["a", "b"]
    path.write_text("- id: a\n  severity: error\n  description: A.\n  rule: |\n    require (\n")
    assert run("format", path).exit_code == 2


MINE = """\
- id: mine
  severity: warning
  description: Nobody calls it x.
  rule: |
    for each span s
    require s.name != "x"
"""
CONFIGURATION = """\
registries: [acme]
rules:
  files: [mine.yaml]
  select: [default, acme, n-plus-one]
  ignore: [mine]
  tune:
    - {rules: [acme/required-missing], severity: information, where: 's.name != "ping"'}
    - {rules: [n-plus-one], parameters: {most: 7}}
"""


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A configuration with a rule file and a registry of its own."""
    written(tmp_path / "acme", CLASSIC)
    (tmp_path / "mine.yaml").write_text(MINE)
    path = tmp_path / "verifier.yaml"
    path.write_text(CONFIGURATION)
    return path


def test_every_rule_that_a_configuration_brings_is_explained(configured: Path) -> None:
    rows = json.loads(run("list", "--config", configured, "--format", "json").stdout)
    brought = [row for row in rows if row["id"] not in {rule.id for rule in builtin()}]
    assert {row["id"]: row["enabled"] for row in brought} == {"mine": False, "acme/required-missing": True}
    for row in brought:
        result = run("explain", row["id"], "--config", configured)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"{row['id']} ({row['severity']}): {row['description']}\n")
        assert "ns per span on one core" in result.stdout


def test_a_rule_is_explained_as_the_configuration_has_it(configured: Path) -> None:
    text = run("explain", "acme/required-missing", "--config", configured).stdout
    assert text.startswith("acme/required-missing (information): ")
    for part in ("promised in: acme 1.2.0\n", "see: https://acme.example/schemas/1.2.0\n", '- s.name != "ping"\n'):
        assert part in text
    assert "most is 7." in run("explain", "n-plus-one", "--config", configured).stdout
    assert run("explain", "trace-id-zero", "--config", configured).stdout == run("explain", "trace-id-zero").stdout


def test_what_a_configuration_does_not_know_is_not_explained(configured: Path) -> None:
    result = run("explain", "acme/required-mising", "--config", configured)
    assert (result.exit_code, "did you mean `acme/required-missing`?" in result.stderr) == (2, True)
    assert run("explain", "mine").exit_code == 2
    result = run("explain", "mine", "--config", configured, "--file", configured.parent / "mine.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--file and --config cannot be used together" in result.stderr
    configured.write_text("rules: {files: [none.yaml]}")
    result = run("explain", "trace-id-zero", "--config", configured)
    assert (result.exit_code, "none.yaml: cannot be read" in result.stderr) == (2, True)
