"""The GitHub Action and the pre-commit hooks: what they run, run here as they would."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.captures import Shop, json_lines

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "run" in step}
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
}
RULES = 'rule no-nested-work { require not { name == "tx" } >> { name == "tx" } }\n'


def program(folder: Path) -> Path:
    """The command as it would be installed in a folder, from this source tree."""
    folder.mkdir(parents=True)
    path = folder / "otlp-verifier"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m otlp_verifier.cli "$@"\n')
    path.chmod(0o755)
    return path


def step(name: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step as the runner does: `bash -e`, inputs in place of their expressions."""
    inputs = {key: variables.pop(key, spec.get("default")) for key, spec in ACTION["inputs"].items()}
    environment = {**os.environ, "RUNNER_TEMP": str(folder / "temp"), "GITHUB_ACTION_PATH": str(ROOT), **variables}
    for variable, text in STEPS[name].get("env", {}).items():
        [used] = re.findall(r"^\$\{\{ inputs\.(\w+) \}\}$", text)
        environment[variable] = inputs[used]
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_is_one() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert all(one["shell"] == "bash" for one in STEPS.values())
    assert all("${{" not in one["run"] for one in STEPS.values()), "inputs come as variables, never as text of a script"
    assert ACTION["inputs"]["paths"]["required"]
    assert (ROOT / "pyproject.toml").exists(), "what the action installs is where it is"


def test_what_is_installed_is_kept_until_its_sources_change(tmp_path: Path) -> None:
    """With a copy of the sources, of which one is touched, then changed."""
    restore, save = (one for one in ACTION["runs"]["steps"] if "uses" in one)
    assert restore["with"] == save["with"]
    assert restore["with"]["key"] == "${{ steps.version.outputs.key }}"
    names = [one.get("name") for one in ACTION["runs"]["steps"]]
    assert ACTION["runs"]["steps"].index(save) < names.index("Check"), "what a failing check does not undo"
    copy = tmp_path / "action"
    copy.mkdir()
    shutil.copytree(
        ROOT / "processor", copy / "processor", ignore=shutil.ignore_patterns("__pycache__", "_native*", "*.egg-info")
    )
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, copy)
    keys = []
    for change in (lambda path: None, Path.touch, lambda path: path.write_text("changed")):
        change(copy / "processor" / "otlp_verifier" / "policy.py")
        out = tmp_path / "output"
        out.write_text("")
        variables = {"GITHUB_ACTION_PATH": str(copy), "GITHUB_OUTPUT": str(out), "RUNNER_OS": "Linux"}
        done = step("What the installation depends on", tmp_path, **variables, RUNNER_ARCH="X64")
        assert (done.returncode, done.stderr) == (0, "")
        [key] = re.findall(
            r"^key=(otlp-verifier-Linux-X64-Python3\.\d+\.\d+-[0-9a-f]{64})$", out.read_text(), re.MULTILINE
        )
        keys.append(key)
    assert keys[0] == keys[1] != keys[2]


def test_the_action_installs_into_a_folder_of_its_own(tmp_path: Path) -> None:
    """With a Python that writes down what it is asked: installing for real takes the network."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "temp" / "otlp-verifier" / "bin").mkdir(parents=True)
    said = tmp_path / "said"
    installed = tmp_path / "temp" / "otlp-verifier" / "bin"
    for path in (tmp_path / "bin" / "python3", installed / "python"):
        path.write_text(f'#!/bin/sh\necho "$@" >>{said}\n')
        path.chmod(0o755)
    done = step("Install otlp-verifier", tmp_path, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert (done.returncode, done.stderr) == (0, "")
    assert said.read_text().splitlines() == [
        f"-m venv {tmp_path / 'temp' / 'otlp-verifier'}",
        f"-m pip install --quiet {ROOT}",
    ]


def test_the_action_annotates_and_fails(tmp_path: Path) -> None:
    program(tmp_path / "temp" / "otlp-verifier" / "bin")
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "one.jsonl").write_text(json_lines(Shop(mistakes=("clock",)), 8))
    done = step("Check", tmp_path, paths="captures/*.jsonl", options="--output json=report.json")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("::error file=captures/one.jsonl,line=4")
    assert (tmp_path / "report.json").exists()
    passed = step("Check", tmp_path, paths="captures\nnowhere.json", options="--fail-on never")
    assert passed.returncode == 3
    assert step("Check", tmp_path, paths="captures", options="--fail-on never").returncode == 0


def test_an_input_of_the_action_is_no_script(tmp_path: Path) -> None:
    program(tmp_path / "temp" / "otlp-verifier" / "bin")
    assert step("Check", tmp_path, paths="$(touch broken) ; touch broken").returncode != 0
    assert not (tmp_path / "broken").exists()


def hook(name: str, folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run a hook as pre-commit does: its entry, with the files that changed."""
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    command = [*shlex.split(HOOKS[name]["entry"]), *files]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_hook_has_what_pre_commit_asks_for() -> None:
    for one in HOOKS.values():
        assert {"id", "name", "entry", "language", "files"} <= one.keys()
        assert one["language"] == "python"
        re.compile(one["files"])


@pytest.mark.parametrize(
    ("name", "file", "good", "bad", "code"),
    [
        ("check", "captures/one.jsonl", json_lines(Shop(mistakes=()), 3), json_lines(Shop(mistakes=("clock",)), 8), 1),
        ("rules-check", "mine.rules", RULES, "rule {", 2),
        ("rules-format", "mine.rules", RULES, "rule {", 2),
    ],
    ids=["check", "rules-check", "rules-format"],
)
def test_hooks_tell_good_from_bad(tmp_path: Path, name: str, file: str, good: str, bad: str, code: int) -> None:
    program(tmp_path / "bin")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    assert re.search(HOOKS[f"otlp-verifier-{name}"]["files"], file)
    for content, expected in ((good, 0), (bad, code)):
        (tmp_path / file).write_text(content)
        done = hook(f"otlp-verifier-{name}", tmp_path, file)
        assert done.returncode == expected, done.stderr
