"""The locked requirements fit pyproject.toml, are hashed, and name no package index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock.read_text(), re.MULTILINE))


def required(*extras: str) -> list[Requirement]:
    project = PROJECT["project"]
    lists = [project["dependencies"], PROJECT["build-system"]["requires"]]
    lists += [project["optional-dependencies"][extra] for extra in extras]
    return [Requirement(text) for one in lists for text in one]


@pytest.mark.parametrize(
    ("lock", "extras"), [("dev", ("dev", "example", "pytest")), ("docs", ("docs",)), ("runtime", ())]
)
def test_a_lock_pins_what_the_project_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    pinned = pins(ROOT / "requirements" / f"{lock}.lock")
    missing = [
        str(requirement)
        for requirement in required(*extras)
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]
    assert not missing, "make lock"


def test_no_runtime_of_protobuf_is_older_than_the_generated_code() -> None:
    generated = (ROOT / "processor" / "otlp_verifier" / "contract" / "verifier_pb2.py").read_text()
    [made_with] = re.findall(r"^# Protobuf Python Version: (\S+)$", generated, re.MULTILINE)
    [protobuf] = [each for each in required() if each.name == "protobuf"]
    assert str(protobuf.specifier) == f">={made_with}"


def test_production_runs_what_was_tested() -> None:
    tested = pins(ROOT / "requirements" / "dev.lock")
    assert pins(ROOT / "requirements" / "runtime.lock").items() <= tested.items()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_is_hashed_and_no_index_is_named(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
