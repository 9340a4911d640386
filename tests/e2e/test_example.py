"""The demonstration behind `make run`: it runs, finds its ten faults, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

pytest.importorskip("flask", reason="the demonstration needs the extra `example`")

from example.__main__ import ROOT, RUN, main
from example.faults import FAULTS
from example.summary import Summary


def descendants_with(marker: str) -> list[int]:
    """Processes whose environment holds `marker`."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/environ", "rb") as file:
                    environment = file.read()
            except OSError:  # gone, or not ours
                continue
            if marker.encode() in environment:
                found.append(int(entry.name))
    return found


def demonstrate(*options: str, marker: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "example", *options],
        cwd=ROOT,
        env={**os.environ, "OTLP_VERIFIER_TEST": marker, "VERIFIER_TIMEOUT": "60s"},  # on a busy machine as on another
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_demonstration_finds_its_ten_faults() -> None:
    child = demonstrate("--duration", "8", marker="whole")
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 0, output
    assert not descendants_with("OTLP_VERIFIER_TEST=whole")

    summary = msgspec.json.decode((RUN / "summary.json").read_bytes(), type=Summary)
    assert [fault.name for fault in summary.faults] == [fault.name for fault in FAULTS]
    missed = [fault for fault in summary.faults if not fault.happened or fault.found < fault.happened]
    assert not missed
    assert summary.good_traces > 0
    assert summary.good_traces_violated == 0
    assert summary.received == summary.backend + summary.review + summary.dropped
    assert summary.dropped == next(
        fault.happened for fault in summary.faults if fault.name == "seconds-for-nanoseconds"
    )
    assert summary.unverified == 0
    assert 0 < summary.annotated <= summary.received
    places = {fault.name: fault.downstream for fault in summary.faults}
    # What is only information, or says something about the resource, makes no trace violated.
    assert {name for name, place in places.items() if place == "backend"} == {"sent-twice", "nameless-service"}
    assert set(places.values()) == {"backend", "review"}
    for fault in FAULTS:
        assert fault.name in output
    assert "Latency in the verifier" in output


def test_ctrl_c_ends_the_demonstration_with_its_summary() -> None:
    child = demonstrate(marker="interrupted")
    assert child.stdout is not None
    seen = ""
    while "Findings:" not in seen:
        line = child.stdout.readline()
        assert line, seen
        seen += line
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 0, seen + output
    assert "Ten faults" in output
    assert not descendants_with("OTLP_VERIFIER_TEST=interrupted")


def test_a_part_that_cannot_start_is_named_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "verifier.yaml").write_text("findngs: {log_per_second: 5}\n")
    monkeypatch.setattr("example.__main__.HERE", tmp_path)
    result = CliRunner().invoke(main, ["--duration", "2"])
    assert result.exit_code == 1
    assert "verifier ended with status" in result.output
    assert "findngs" in result.output
