"""What the tests of `check` share."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from otlp_verifier.cli import main
from tests.cli.captures import Shop, json_lines
from tests.cli.findings import Check


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Run `check` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes = b"", command: str = "check") -> Result:
        return CliRunner().invoke(
            main, [command, *arguments], prog_name="otlp-verifier", catch_exceptions=False, input=stdin
        )

    return run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The capture in which `findings.EXPECTED` is found."""
    path = tmp_path / "shop.jsonl"
    path.write_text(json_lines(Shop(), 30))
    return path
