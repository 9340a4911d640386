"""The command line: help, exit codes, what goes where."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from otlp_verifier.cli import main
from otlp_verifier.rules.catalogue import builtin
from otlp_verifier.settings import json_schema


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="otlp-verifier", catch_exceptions=False)


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("serve",),
        ("config",),
        ("config", "check"),
        ("config", "schema"),
        ("rules",),
        ("rules", "list"),
        *(("rules", name) for name in ("check", "explain", "test", "format", "paths")),
    ],
    ids=" ".join,
)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(" ".join(("Usage: otlp-verifier", *command)))
    assert len(result.output.splitlines()) > 5
    assert "...\n" not in result.output.partition("\n")[2], "click cuts the first line of a long help text"


def test_help_loads_no_engine() -> None:
    """Each command shows its help without numpy, gRPC or the rules: the shell's completion depends on it."""
    code = (
        "import sys; from otlp_verifier.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert not loaded & {"grpc", "numpy", "prometheus_client", "rich", "google.protobuf"}


def test_a_check_loads_what_its_rules_call_for_and_no_registry(tmp_path: Path) -> None:
    capture = tmp_path / "x.json"
    capture.write_text('{"resourceSpans": []}')
    asked = {"otlp_verifier.attributes.records", "otlp_verifier.sensitive.records"}
    code = (
        "import sys; from otlp_verifier.cli import main; main(sys.argv[1:], standalone_mode=False);"
        "print(*sys.modules);"
        "from otlp_verifier.registry.opentelemetry import registry; print(registry.cache_info().currsize)"
    )
    sensitive = {"otlp_verifier.sensitive.records"}
    for rules, loaded in (("span-name-empty", set()), ("n-plus-one", set()), ("pii-credit-card", sensitive)):
        command = [sys.executable, "-c", code, "check", "--quiet", "--select", rules, str(capture)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert asked & set(said) == loaded
        assert said[-1] == "0"


def test_version() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert re.fullmatch(r"otlp-verifier \d\S*\n", result.output)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("serve", "--nonsense"),
        ("config", "check"),
        ("config", "nonsense"),
        ("rules", "list", "--format", "x"),
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert result.stdout == ""


def test_check_of_a_good_configuration(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("rules: {select: [trace-id-zero, span-id-zero]}\nprofiles: {a: {}}")
    result = run("config", "check", str(tmp_path / "v.yaml"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{tmp_path}/v.yaml: good: 2 rules, 1 profiles besides the default policy\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log: {levle: info}", ":1:7: log.levle: unknown key; did you mean `level`?"),
        ("rules: {ignore: [nothing]}", "rules.ignore[0]"),
        ("rules: {files: [mine.yaml]}", "mine.yaml:6:15: mine: a span has no `nam`"),
        (None, "cannot be read: No such file"),
    ],
    ids=["key", "rule", "rule's text", "no file"],
)
def test_check_of_a_bad_configuration(tmp_path: Path, text: str | None, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(
        "- id: mine\n  severity: error\n  description: Wrong.\n  rule: |\n    for each span s\n      require s.nam\n"
    )
    if text is not None:
        (tmp_path / "v.yaml").write_text(text)
    result = run("config", "check", str(tmp_path / "v.yaml"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


MISTAKES = """\
- id: mine
  severity: error
  description: Wrong.
  rule:
    - |
      for each span s
      require s.name != ""
    - |
      for each event e with span s
      require s.nam != ""
- id: yours
  severity: error
  description: Wrong, too.
  rule: for each span s require false
  message: "span {s.nam}"
"""


@pytest.mark.parametrize("command", [("config", "check"), ("serve", "--config")], ids=" ".join)
def test_mistakes_in_rules_are_shown_in_their_file_with_a_caret(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "mine.yaml").write_text(MISTAKES)
    (tmp_path / "v.yaml").write_text("rules: {files: [mine.yaml]}")
    result = run(*command, str(tmp_path / "v.yaml"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"Error: {tmp_path}/mine.yaml:10:15: mine: a span has no `nam`; did you mean `name`?",
        '        require s.nam != ""',
        "                ^",
        f"{tmp_path}/mine.yaml:15: yours: line 1, column 7: in a message: a span has no `nam`; did you mean `name`?",
        "  span {s.nam}",
        "        ^",
    ]


def test_schema() -> None:
    assert json.loads(run("config", "schema").stdout) == json_schema()


def test_rules_as_json(tmp_path: Path) -> None:
    rows = json.loads(run("rules", "list", "--format", "json").stdout)
    assert [row["id"] for row in rows] == sorted({rule.id for rule in builtin()})
    assert {row["enabled"] for row in rows} == {True, False}
    assert {row["id"] for row in rows if row["enabled"]} == {rule.id for rule in builtin() if rule.default}
    (tmp_path / "v.yaml").write_text("rules: {select: [trace-id-zero]}")
    rows = json.loads(run("rules", "list", "--format", "json", "--config", str(tmp_path / "v.yaml")).stdout)
    assert [row["id"] for row in rows if row["enabled"]] == ["trace-id-zero"]


def test_rules_as_a_table() -> None:
    lines = run("rules", "list").stdout.splitlines()
    assert lines[0].split() == ["id", "enabled", "severity", "level", "decided", "by", "family", "description"]
    for rule in builtin():
        [line] = [line for line in lines if line.split()[:1] == [rule.id]]
        assert rule.description in line
    assert re.fullmatch(r"\d+ of \d+ rules run", lines[-1])


def test_rules_of_a_bad_configuration(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("rules: {select: [nothing]}")
    assert run("rules", "list", "--config", str(tmp_path / "v.yaml")).exit_code == 2


def test_as_a_module(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "otlp_verifier.cli", "serve", "--help"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0
    assert shown.stdout.startswith("Usage: otlp-verifier serve")


@pytest.mark.parametrize(
    "command",
    [("rules", "list"), ("rules", "explain", "span-end-before-start"), ("rules", "check", builtin()[0].file)],
    ids=["list", "explain", "check"],
)
def test_what_judges_nothing_loads_no_kernel(command: tuple[str, ...]) -> None:
    program = (
        "import sys; from otlp_verifier.cli import main; main(sys.argv[1:], standalone_mode=False);"
        "sys.exit('otlp_verifier.kernels.library' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, *command], check=True, capture_output=True)
