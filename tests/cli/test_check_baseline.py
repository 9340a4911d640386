"""Baselines and `otlp-verifier diff`: only new findings count, whatever ids and times they have."""

import json
from pathlib import Path

from tests.cli.captures import BEGIN, Shop, json_lines
from tests.cli.findings import EXPECTED, Check, found


def test_a_baseline_knows_findings_with_other_ids_and_times(check: Check, shop: Path, tmp_path: Path) -> None:
    written = check("shop.jsonl", "--baseline", "known.json", "--write-baseline")
    assert written.exit_code == 0
    assert "kinds of findings are known from now on" in written.stderr
    (tmp_path / "later.jsonl").write_text(json_lines(Shop(seed=99, begin_ns=BEGIN + 10**15), 45))
    later = check("later.jsonl", "--baseline", "known.json", "-o", "json")
    document = json.loads(later.stdout)
    assert later.exit_code == 0
    assert document["summary"]["new"] == 0
    assert document["summary"]["known"] == document["summary"]["findings"] > EXPECTED.total()
    assert document["comparison"]["gone"] == []


def test_only_new_findings_fail(check: Check, tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text(json_lines(Shop(mistakes=("port",)), 30))
    (tmp_path / "new.jsonl").write_text(json_lines(Shop(seed=3, mistakes=("clock",)), 30))
    assert check("old.jsonl", "--baseline", "known.json", "--write-baseline").exit_code == 0
    assert check("old.jsonl", "--baseline", "known.json").exit_code == 0
    result = check("new.jsonl", "--baseline", "known.json", "-o", "json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found(result) == {"span-end-before-start": 4}
    assert [one["rule"] for one in document["comparison"]["gone"]] == ["attr-number-as-string"]


def test_a_baseline_is_the_same_for_the_same_findings(check: Check, shop: Path, tmp_path: Path) -> None:
    check("shop.jsonl", "--baseline", "a.json", "--write-baseline")
    shop.write_text(json_lines(Shop(seed=5, begin_ns=BEGIN + 10**15), 30))
    check("shop.jsonl", "--baseline", "b.json", "--write-baseline")
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()


def test_a_baseline_that_cannot_be_written(check: Check, shop: Path) -> None:
    result = check("shop.jsonl", "--baseline", "/dev/full", "--write-baseline")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_diff(check: Check, tmp_path: Path) -> None:
    (tmp_path / "before.jsonl").write_text(json_lines(Shop(mistakes=("port", "parent")), 30))
    (tmp_path / "after.jsonl").write_text(json_lines(Shop(seed=3, mistakes=("port", "clock")), 30))
    result = check("before.jsonl", "after.jsonl", command="diff")
    assert result.exit_code == 1
    assert "authorize card" in result.stdout
    assert "gone since before.jsonl" in result.stdout
    assert "write reservation" in result.stdout
    assert result.stdout.endswith("4 new findings of 1 rule (4 errors); 8 known, 1 kind gone\n")
    assert check("before.jsonl", "after.jsonl", "--fail-on", "never", command="diff").exit_code == 0
    same = check("after.jsonl", "after.jsonl", "-o", "json", command="diff")
    assert (same.exit_code, json.loads(same.stdout)["summary"]["new"]) == (0, 0)
    absent = check("nowhere.jsonl", "after.jsonl", command="diff")
    assert absent.exit_code == 3
    assert "nowhere.jsonl" in absent.stdout
