"""Measure how much of the native modules their tests run, with gcov: `python .ci/coverage_c.py [FLOOR [OPTION...]]`.

Builds the package with counters into build/c-coverage, runs tests/wire and
tests/kernels on it with pytest's OPTIONs, and prints a line per source file.
Ends with 1 where the whole is below FLOOR percent.
"""

# ruff: noqa: S603, T201  # it runs our own commands, and prints

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "c-coverage"
PACKAGE = "processor/otlp_verifier/"
SOURCES = (f"{PACKAGE}wire/", f"{PACKAGE}kernels/")
TESTS = ("tests/wire", "tests/kernels")


def main(floor: float, options: list[str]) -> None:
    """Build, run, read, print."""
    if shutil.which("gcov") is None:
        # With another compiler the tests and the sanitizers still run; CI has gcc.
        print("gcov is missing (it comes with gcc): coverage of C is not measured")
        sys.exit(1 if os.environ.get("CI") else 0)
    shutil.rmtree(BUILD, ignore_errors=True)
    library = BUILD / "lib"
    build: list[str | Path] = [sys.executable, "setup.py", "-q", "build", "--build-base", BUILD, "--build-lib", library]
    _run(build, OTLP_VERIFIER_COVERAGE="1")
    _run([sys.executable, "-m", "pytest", "-q", "--timeout", "600", *options, *TESTS], PYTHONPATH=str(library))
    lines = _lines()
    width = max(map(len, lines))
    for name, counts in sorted(lines.items()):
        print(_summary(name.ljust(width), list(counts.values())), _not_run(counts))
    everything = [count for counts in lines.values() for count in counts.values()]
    print(_summary("all".ljust(width), everything))
    if sum(map(bool, everything)) < len(everything) * floor / 100:
        sys.exit(f"less than {floor:g} % of the native modules is run by their tests")


def _run(command: list[str | Path], **environment: str) -> None:
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)


def _lines() -> dict[str, dict[int, int]]:
    """Return, per source file of ours, how often each line ran in all objects together."""
    lines: dict[str, dict[int, int]] = {}
    for data in sorted(BUILD.rglob("*.gcda")):
        command: list[str | Path] = ["gcov", "--json-format", "--stdout", data]
        report = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
        for file in report["files"]:
            if file["file"].startswith(SOURCES) and not file["file"].endswith("_native.c"):
                counts = lines.setdefault(file["file"].removeprefix(PACKAGE), {})
                for line in file["lines"]:
                    number = line["line_number"]
                    counts[number] = counts.get(number, 0) + line["count"]
    return lines


def _summary(name: str, counts: list[int]) -> str:
    covered = sum(map(bool, counts))
    return f"{name}  {covered:5} of {len(counts):5} lines  {100 * covered / len(counts):5.1f} %"


def _not_run(counts: dict[int, int]) -> str:
    """Return the lines that never ran, as ranges that step over lines without code."""
    ranges: list[list[int]] = []
    open_range = False
    for line in sorted(counts):
        if counts[line]:
            open_range = False
        elif open_range:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
            open_range = True
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0, sys.argv[2:])
