"""On what a run was made: figures mean nothing without it."""

import datetime
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

from example.stack.collector import BINARY, ROOT

QUIET: Final = 0.5  # threads that others may keep busy before it is worth a warning
_PACKAGES: Final = ("numpy", "numba", "grpcio", "protobuf", "cffi")


def machine() -> dict[str, str | float]:
    """The machine and how busy it was when asked."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(int(memory[1]) / 1e6, 1) if memory else 0,
        "kernel": platform.release(),
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load_before": busy(),
    }


def busy() -> float:
    """How many threads were running or waiting for a core, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def versions() -> dict[str, str]:
    """Of everything that takes part; without those that are not installed."""
    found = {
        "otlp-verifier": _said_by(["git", "describe", "--always", "--dirty"]),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "go": _said_by(["go", "env", "GOVERSION"]),
        "collector": _said_by([str(BINARY), "--version"]),
    }
    return {name: text for name, text in found.items() if text}


def _said_by(command: list[str]) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):  # not installed, or no checkout
        return ""
