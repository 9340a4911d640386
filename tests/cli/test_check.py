"""`otlp-verifier check` from end to end: exit codes, reports, choosing rules."""

import errno
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from otlp_verifier.files import Check as FileCheck
from otlp_verifier.files import Checked
from tests.cli.captures import Shop, json_lines, protobuf
from tests.cli.findings import EXPECTED, Check, found

# Exit codes.


def test_findings(check: Check, shop: Path) -> None:
    result = check("shop.jsonl", "--output", "json")
    assert (result.exit_code, result.stderr) == (1, "")
    assert found(result) == EXPECTED


def test_nothing_found(check: Check, tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_text(json_lines(Shop(mistakes=()), 5))
    result = check("good.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"\d+ spans in 1 file: no findings\n", result.stdout)


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        ("error", "error", 1),
        ("error", "never", 0),
        ("warning", "error", 0),
        ("warning", "warning", 1),
        ("information", "warning", 0),
        ("information", "information", 1),
    ],
)
@pytest.mark.usefixtures("shop")
def test_fail_on(check: Check, tmp_path: Path, severity: str, fail_on: str, code: int) -> None:
    (tmp_path / "mine.yaml").write_text(
        f"- id: mine\n  severity: {severity}\n  description: Never.\n  rule: |\n"
        '    for each span s\n    require s.name == "never"\n'
    )
    (tmp_path / "v.yaml").write_text("rules: {select: [mine], files: [mine.yaml]}")
    assert check("shop.jsonl", "--config", "v.yaml", "--fail-on", fail_on).exit_code == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'PATH...'"),
        (("shop.jsonl", "--nonsense"), "No such option"),
        (("shop.jsonl", "--output", "pdf"), "`pdf`: expected one of terminal, json, junit, sarif, github, html"),
        (("shop.jsonl", "--output", "json="), "expected a file's name after `=`"),
        (("shop.jsonl", "--output", "json=nowhere/x.json"), "expected a file in a folder that exists"),
        (("shop.jsonl", "--output", "json=."), "expected a file in a folder that exists"),
        (("shop.jsonl", "--fail-on", "fatal"), "is not one of"),
        (("shop.jsonl", "--select", "span-end-befor-start"), "did you mean `span-end-before-start`?"),
        (("shop.jsonl", "--ignore", "nothing"), "`nothing`: no rule or family is called that"),
        (("shop.jsonl", "--config", "absent.yaml"), "absent.yaml: cannot be read: No such file"),
        (("shop.jsonl", "--config", "bad.yaml"), "bad.yaml:1:1: ruels: unknown key; did you mean `rules`?"),
        (("shop.jsonl", "--profile", "strict"), "the configuration has no such profile"),
        (("shop.jsonl", "--write-baseline"), "--write-baseline needs --baseline FILE"),
        (("shop.jsonl", "--baseline", "absent.json"), "No such file or directory; --write-baseline makes it"),
        (("shop.jsonl", "--baseline", "shop.jsonl"), "expected a baseline that `--write-baseline` wrote"),
        (("shop.jsonl", "--max-findings", "0"), "0 is not in the range"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, tuple) else "",
)
def test_wrong_usage(check: Check, shop: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "bad.yaml").write_text("ruels: {select: [all]}")
    result = check(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in re.sub(r"\s+", " ", result.stderr)


# Reports.


def test_several_reports_at_once(check: Check, shop: Path, tmp_path: Path) -> None:
    files = {"json": "r.json", "junit": "r.xml", "sarif": "r.sarif", "github": "r.txt", "html": "r.html"}
    result = check("shop.jsonl", *(f"--output={form}={file}" for form, file in files.items()))
    assert result.exit_code == 1
    assert "21 findings" in result.stdout
    for file in files.values():
        assert "span-end-before-start" in (tmp_path / file).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*files.values(), shop.name])


def test_the_terminal_report_gives_way_to_others_on_standard_output(check: Check, shop: Path) -> None:
    assert json.loads(check("shop.jsonl", "-o", "json").stdout)
    assert json.loads(check("shop.jsonl", "-o", "json=-").stdout)
    assert "authorize card" in check("shop.jsonl", "-o", "json=x.json").stdout
    assert check("shop.jsonl", "-o", "json=x.json", "--quiet").stdout == ""
    both = check("shop.jsonl", "-o", "github", "-o", "terminal").stdout
    assert "::error" in both
    assert "21 findings" in both


def test_formats_of_the_terminal(check: Check, shop: Path) -> None:
    lines = check("shop.jsonl", "--format", "concise").stdout.splitlines()
    assert sum(line.startswith("shop.jsonl:") for line in lines) == EXPECTED.total()
    counts = check("shop.jsonl", "--statistics").stdout
    assert re.search(r"^ *8 +error +attr-number-as-string ", counts, re.MULTILINE)


def test_findings_name_the_line_of_their_span(check: Check, shop: Path) -> None:
    lines = shop.read_text().splitlines()
    for finding in json.loads(check("shop.jsonl", "-o", "json").stdout)["findings"]:
        assert finding["span_id"] in lines[finding["line"] - 1]


def test_more_findings_than_are_shown(check: Check, shop: Path) -> None:
    result = check("shop.jsonl", "-o", "json", "--max-findings", "2")
    document = json.loads(result.stdout)
    assert max(found(result).values()) == 2
    assert document["summary"]["findings"] == EXPECTED.total()
    assert document["summary"]["left_out"] == EXPECTED.total() - len(document["findings"])


def test_a_report_replaces_the_one_before_as_a_whole(check: Check, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("old")
    (tmp_path / "r.json").chmod(0o444)
    assert check("shop.jsonl", "-o", "json=r.json").exit_code == 1
    assert json.loads((tmp_path / "r.json").read_text())["format"] == "otlp-verifier-report"


def test_a_report_that_cannot_be_written(check: Check, shop: Path) -> None:
    result = check("shop.jsonl", "-o", "json=/dev/full")
    assert result.exit_code == 2
    assert "/dev/full: cannot be written: No space left on device" in result.stderr


def test_schema(check: Check) -> None:
    result = check("--schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["title"] == "Report of otlp-verifier check"


# Inputs and rules.


def test_standard_input(check: Check, shop: Path) -> None:
    result = check("-", "-o", "json", stdin=shop.read_bytes())
    assert found(result) == EXPECTED
    assert {finding["file"] for finding in json.loads(result.stdout)["findings"]} == {"<stdin>"}


def test_folders_globs_and_formats(check: Check, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "captures" / "deep").mkdir(parents=True)
    shop.rename(tmp_path / "captures" / "a.jsonl")
    (tmp_path / "captures" / "deep" / "b.binpb").write_bytes(protobuf(Shop(seed=8).request(30)))
    once = found(check("captures/a.jsonl", "-o", "json"))
    assert once == EXPECTED
    twice = found(check("captures", "-o", "json"))
    assert twice["span-end-before-start"] == 2 * once["span-end-before-start"]
    assert found(check("captures/*.jsonl", "-o", "json")) == once


def test_select_and_ignore(check: Check, shop: Path, tmp_path: Path) -> None:
    def chosen(*arguments: str) -> set[str]:
        return set(found(check("shop.jsonl", "-o", "json", *arguments)))

    two = {"span-end-before-start", "attr-number-as-string"}
    assert chosen("--select", "span-end-before-start, attributes") == two
    assert chosen("--select", "span-end-before-start", "--select", "attributes") == two
    assert chosen("--ignore", "time,structure") == {"attr-number-as-string", "service-name-missing"}
    (tmp_path / "v.yaml").write_text(
        "rules: {select: [default], ignore: [structure, resource]}\n"
        "policy: {actions: [{rules: [span-end-before-start], action: ignore}]}\n"
        "profiles: {other: {actions: [{rules: [attr-key-empty, span-end-zero], action: drop_span}]}}\n"
    )
    assert chosen("--config", "v.yaml") == {"span-end-before-start", "attr-number-as-string"}
    # The policy names rules that the command line leaves out, which would be a mistake in a configuration.
    assert chosen("--config", "v.yaml", "--ignore", "time") == {"attr-number-as-string"}


def test_completeness(check: Check, shop: Path) -> None:
    whole = found(check("shop.jsonl", "-o", "json", "--select", "structure"))
    partial = found(check("shop.jsonl", "-o", "json", "--select", "structure", "--completeness", "batch"))
    assert (whole["parent-missing-local"], partial["parent-missing-local"]) == (6, 0)


def test_limits_of_the_configuration(check: Check, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("limits: {attributes_per_record: 1}\nfiles: {notes_max: 1}")
    assert check("shop.jsonl", "--config", "v.yaml").exit_code == 1
    (tmp_path / "v.yaml").write_text("limits: {spans: 3}\nfiles: {notes_max: 1}")
    result = check("shop.jsonl", "--config", "v.yaml", "-o", "json")
    assert result.exit_code == 3
    assert len(json.loads(result.stdout)["errors"]) == 1


def test_reading_that_is_given_up(check: Check, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(_: object) -> Iterator[Checked]:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(FileCheck, "__iter__", give_up)
    result = check("shop.jsonl")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "given up: [Errno 5] Input/output error" in result.stderr
