"""`otlp-verifier check` as a process: pipes, signals, old locales, what it loads; and its progress bar."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from otlp_verifier.cli import progress
from otlp_verifier.files import InputFile, Inputs
from tests.cli.captures import Shop, json_lines


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "otlp_verifier.cli", "check", *arguments], capture_output=True, check=False, **options
    )


def test_a_closed_pipe_ends_the_check_quietly(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_text(json_lines(Shop(), 800))
    for arguments in (("-o", "json"), ("--format", "concise")):
        command = [
            sys.executable,
            "-m",
            "otlp_verifier.cli",
            "check",
            "shop.jsonl",
            "--max-findings",
            "5000",
            *arguments,
        ]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as one:
            assert one.stdout is not None
            assert one.stderr is not None
            assert one.stdout.read(10)
            one.stdout.close()
            assert one.stderr.read() == b""
            assert one.wait() == 1


def _heed_interrupts() -> None:
    """Take SIGINT as a terminal's child does: what runs in the background of a shell is made to ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c(tmp_path: Path) -> None:
    """While it waits for standard input; 1, with which click would end, would mean findings."""
    command = [sys.executable, "-m", "otlp_verifier.cli", "check", "-", "--select", "span-name-empty"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509  # no other thread is at work
    ) as one:
        assert one.stdin is not None
        assert one.stderr is not None
        one.stdin.write(b" " * 200_000)  # more than a pipe holds: when this returns, it reads
        one.stdin.flush()
        # A signal that comes between two calls of read() is seen only after the second: whoever waits presses again.
        while one.poll() is None:
            one.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                one.wait(10)
        assert one.returncode == 130
        assert one.stderr.read() == b"interrupted\n"


def test_a_closed_standard_output_is_no_traceback(shop: Path) -> None:
    command = f'"{sys.executable}" -m otlp_verifier.cli check shop.jsonl >&-'
    done = subprocess.run(["sh", "-c", command], cwd=shop.parent, capture_output=True, check=False)
    assert done.stderr == b""
    assert done.returncode == 1


def test_an_old_locale_gets_no_traceback(shop: Path) -> None:
    done = process(str(shop), env={**os.environ, "PYTHONIOENCODING": "latin-1", "LC_ALL": "C"})
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"x payment" in done.stdout


def test_formats_that_are_not_asked_for_are_not_loaded(shop: Path) -> None:
    code = (
        "import sys; from otlp_verifier.cli import main\n"
        f"main(['check', {str(shop)!r}, '-o', 'json', '--fail-on', 'never'], standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"rich", "grpc", "prometheus_client", "otlp_verifier.report.html_page", "xml.etree.ElementTree"}


# The progress bar.


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_to_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0)
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    inputs = Inputs(files=[InputFile("a.json", bytes=500, spans=1_234)], files_total=3, bytes_total=1_000)
    with progress.shown_after_a_second(inputs):
        while "1,234 spans" not in screen.getvalue():
            assert threading.active_count() > 1
            time.sleep(0.01)
        assert "1/3 files" in screen.getvalue()


@pytest.mark.parametrize("screen", [Screen(), io.StringIO()], ids=["soon done", "no terminal"])
def test_nobody_else_sees_it(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 3600)
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.shown_after_a_second(Inputs()):
        pass
    assert screen.getvalue() == ""
