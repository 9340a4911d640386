"""Witnesses from end to end: a contract of one's own on a capture, in every report; and a verdict that is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from otlp_verifier.findings.witness import BYTES_MAX
from otlp_verifier.policy import Completeness
from otlp_verifier.testing import assert_traces_valid
from otlp_verifier.testing.judging import TracesInvalidError
from otlp_verifier.verify import Engine, FindingRows
from otlp_verifier.wire.limits import Limits
from tests.cli.findings import Check
from tests.files.captures import lines, request, span

CONTRACT = """
rule outbox {
  severity: error
  description: "What is published is consumed within a second."
  assume nothing
  for each span p where p.name == "publish"
  require eventually [0s, 1s] span where name == "consume"
}
rule few {
  severity: error
  description: "Few spans."
  for each span s require count(child) <= 1
}
"""
START = 1_790_000_000_000_000_000


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A trace in which the message is consumed 0.25 s too late."""
    (tmp_path / "mine.rules").write_text(CONTRACT)
    (tmp_path / "v.yaml").write_text("rules: {select: [outbox, few], files: [mine.rules]}")
    path = tmp_path / "shop.jsonl"
    spans = (
        span(1, 1, name="GET /"),
        span(1, 2, 1, name="publish"),
        span(1, 3, 1, name="consume", start_time_unix_nano=START + 1_250_002_000),
    )
    path.write_bytes(lines(request(*spans)))
    return path


def test_a_report_says_what_came_closest(check: Check, capture: Path) -> None:
    result = check(capture.name, "--config", "v.yaml", "-o", "json=out.json", "-o", "html=out.html")
    assert result.exit_code == 1
    assert "nearest miss  eventually `consume`: 250 ms too late" in result.stdout
    assert "counted  `count(child)` is 2; wanted: <= 1" in result.stdout
    assert "250 ms too late" in Path("out.html").read_text()
    document = json.loads(Path("out.json").read_text())
    found = {one["rule"]: one["witness"] for one in document["findings"]}
    outbox = found["outbox"]
    assert outbox["rechecked"] is True
    assert [one["name"] for one in outbox["spans"]] == ["publish", "consume"]
    assert outbox["near_miss"] == {"span": 1, "how": "close", "text": "250 ms too late", "slack_ns": 250_000_000}
    assert found["few"]["measure"]["value"] == 2
    assert document["summary"]["disputed"] == 0
    assert all(len(json.dumps(one)) <= BYTES_MAX for one in found.values())
    concise = check(capture.name, "--config", "v.yaml", "--format", "concise").stdout
    assert "nearest" not in concise


def test_a_failing_assertion_says_it_too(capture: Path, tmp_path: Path) -> None:
    with pytest.raises(TracesInvalidError, match="250 ms too late"):
        assert_traces_valid(capture, config=tmp_path / "v.yaml")


@pytest.fixture
def wrong_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that also finds the second rule broken in the second span, which is fine."""
    run = Engine.run

    def wrongly(self: Engine, buffer: bytes | memoryview, completeness: Completeness, limits: Limits) -> FindingRows:
        found = run(self, buffer, completeness, limits)
        rules, rows = (np.append(each, one).astype(np.uint32) for each, one in ((found.rules, FEW), (found.rows, 1)))
        counts = found.counts.copy()
        counts[FEW] += 1
        return FindingRows.of_violations(rules, rows, counts)

    monkeypatch.setattr(Engine, "run", wrongly)


FEW = 0  # rules stand in the order of their ids


@pytest.mark.usefixtures("wrong_engine")
def test_a_wrong_verdict_is_counted_and_not_published(check: Check, capture: Path) -> None:
    result = check(capture.name, "--config", "v.yaml", "-o", "json=out.json", "-o", "html=out.html")
    document = json.loads(Path("out.json").read_text())
    assert document["summary"]["disputed"] == 1
    assert document["summary"]["findings"] == 2
    assert sorted((one["rule"], one["span"]) for one in document["findings"]) == [
        ("few", "GET /"),
        ("outbox", "publish"),
    ]
    said = "1 finding is not reported, because a second evaluation did not confirm it (few)"
    assert said in result.stdout
    assert said in Path("out.html").read_text()
    assert "2 findings of 2 rules" in result.stdout
    assert said in check(capture.name, "--config", "v.yaml", "--statistics").stdout
    page = Path("out.html").read_text()
    shown = json.loads(page.partition('id="report">')[2].partition("</script>")[0])
    assert [one["rules"] for one in shown["traces"][0]["spans"]] == [["few"], ["outbox"], []]


@pytest.mark.usefixtures("wrong_engine")
def test_a_wrong_verdict_alone_fails_nothing(check: Check, capture: Path) -> None:
    capture.write_bytes(lines(request(span(1, 1), span(1, 2, 1))))
    assert check(capture.name, "--config", "v.yaml").exit_code == 0
