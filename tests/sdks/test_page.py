"""docs/sdks.md says which packages are tried and what is known of them: it names those that are locked."""

import json
import re
from pathlib import Path

import pytest

from otlp_verifier.rules.catalogue import load
from tests.sdks.applications import LANGUAGES
from tests.sdks.page import PAGE, section

HERE = Path(__file__).parent
RULES = {rule.id: rule for rule in load()}


def locked(language: str) -> dict[str, str]:
    """Each package and its version."""
    if language == "Python":
        text = (HERE.parents[1] / "requirements" / "dev.lock").read_text()
        return dict(re.findall(r"^([a-z0-9.-]+)==([^ ]+)", text, re.MULTILINE))
    if language == "JavaScript":
        packages = json.loads((HERE / "javascript" / "package-lock.json").read_text())["packages"]
        return {path.removeprefix("node_modules/"): one["version"] for path, one in packages.items() if path}
    text = (HERE / "go" / "go.mod").read_text()
    return dict(re.findall(r"^\t(\S+) v(\S+)$", text, re.MULTILINE))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_names_the_packages_that_are_locked(language: str) -> None:
    named = section(language).packages
    assert len(named) >= 4
    versions = locked(language)
    assert named == {package: versions.get(package) for package in named}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_known_is_explained(language: str) -> None:
    known = section(language).known
    assert len(set(known)) == len(known)
    for one in known:
        assert RULES[one.rule].severity in ("error", "warning")
        assert RULES[one.rule].default == bool(one.by_default)
        assert len(one.why) > 40


def test_no_row_of_the_page_is_overlooked() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| [")]
    assert len(rows) == sum(len(section(language).known) for language in LANGUAGES)
