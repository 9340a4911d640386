"""The file of the last run: figures, and on what they were measured."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

LATEST: Final = Path(__file__).parent / "results" / "latest.json"


class Run(NamedTuple):
    """What came of a run of some benchmarks.

    Attributes:
        machine: on what, and when.
        versions: of everything that took part.
        figures: by name.

    """

    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    figures: Mapping[str, float]


def write(path: Path, run: Run) -> None:
    """Write a run, in place of what is there."""
    _write(path, run._asdict())


def update(path: Path, names: Sequence[str], run: Run) -> None:
    """Put the figures of some benchmarks in place of those of a run of all, and say that they are of another.

    Raises:
        FileNotFoundError: there is no such run.

    """
    report = json.loads(path.read_text())
    report["figures"] |= run.figures
    report["updated"] = report.get("updated", {}) | {
        name: {"machine": run.machine, "versions": run.versions} for name in names
    }
    _write(path, report)


def _write(path: Path, report: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
