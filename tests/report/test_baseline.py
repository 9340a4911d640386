"""Baselines: what is written is read again; what is no baseline is said to be none."""

import json
from pathlib import Path

import pytest

from otlp_verifier.report.baseline import Baseline, BaselineError, read
from otlp_verifier.report.model import Recorded
from tests.report.reports import report


def recorded(count: int = 3) -> list[Recorded]:
    return [Recorded(entry.kind, entry.finding.severity, entry.finding.message, count) for entry in report().entries]


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(Baseline("any", recorded()).dump())
    baseline = read(path)
    assert sorted(map(repr, baseline)) == sorted(map(repr, recorded()))
    assert all(entry.kind in baseline for entry in report().entries)
    assert baseline.dump() == path.read_text()


def test_a_baseline_is_made_to_be_committed() -> None:
    text = Baseline("any", recorded()).dump()
    assert text == Baseline("any", reversed(recorded())).dump()
    assert len(text.splitlines()) == len(recorded()) + 2, "one line for each kind, so that diffs are readable"
    for line in text.splitlines()[1:-1]:
        assert json.loads(line.rstrip(","))["rule"] in line


def test_an_empty_baseline(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(Baseline("any", ()).dump())
    assert len(read(path)) == 0


def test_a_line_that_was_edited_means_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(Baseline("any", recorded()).dump().replace('"payment"', '"checkout"'))
    kinds = [entry.kind for entry in report().entries]
    assert [kind in read(path) for kind in kinds] == [kind.service != "payment" for kind in kinds]


def test_comparison() -> None:
    now = {one.kind.digest: one for one in recorded(5)[1:]}
    before = Baseline("before.json", recorded(3)[:-1])
    comparison = before.compare(now)
    assert [one.kind for one in comparison.gone] == [recorded()[0].kind]
    assert sorted(comparison.counts.values()) == [(0, 5), (3, 0), (3, 5), (3, 5)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"", "expected a baseline that `--write-baseline` wrote"),
        (b"{", "expected a baseline"),
        (b"[]", "expected a baseline"),
        (
            b'{"format": "otlp-verifier-report", "version": 1, "findings": []}',
            "found the format `otlp-verifier-report`",
        ),
        (b'{"format": "otlp-verifier-baseline", "version": 9, "findings": []}', "in version 1, found version 9"),
        (b'{"format": "otlp-verifier-baseline", "version": 1, "findings": [{}]}', "missing required field"),
        (b'{"format": "otlp-verifier-baseline", "version": "1", "findings": []}', "Expected `int`"),
        (b"\xff\xfe", "expected a baseline"),
    ],
)
def test_what_is_no_baseline(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BaselineError, match=message.replace("(", r"\(")) as caught:
        read(path)
    assert str(caught.value).startswith(str(path)) or f"{path}" in str(caught.value)
