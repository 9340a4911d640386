"""The distributions: an sdist and a wheel build, install, and hold what the package needs."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from otlp_verifier.rules.catalogue import builtin

ROOT = Path(__file__).parents[1]
NATIVE = "otlp_verifier/wire/_native"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was made of it, from a copy of the sources."""
    pytest.importorskip("setuptools", reason="the locked requirements have the build backend")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    built = shutil.ignore_patterns("__pycache__", "_native*", "*.egg-info")
    shutil.copytree(ROOT / "processor", source / "processor", ignore=built)
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source], check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def site(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = dist.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel]
    subprocess.run(install, check=True)
    return folder


def command(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`otlp-verifier` from `site`, which stands before an editable installation."""
    return subprocess.run(
        [sys.executable, "-m", "otlp_verifier.cli", *arguments],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sdist_holds_the_sources_of_the_native_module(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {
        str(path.relative_to(ROOT)) for path in (ROOT / "processor").rglob("*.[ch]") if "_native" not in path.name
    }
    assert sources <= names
    assert {"LICENSE", "README.md", "setup.py", "processor/otlp_verifier/wire/build.py"} <= names


def test_the_wheel_holds_the_native_module_the_rules_and_the_licence(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith(NATIVE) and name.endswith(".so") for name in names)
    assert "otlp_verifier/py.typed" in names
    assert any(name.endswith("/LICENSE") for name in names)
    package = ROOT / "processor"
    data = [*package.rglob("rules/*/*.yaml"), *package.rglob("settings/presets/*.yaml")]
    assert {str(path.relative_to(package)) for path in data} <= set(names)


def test_the_installed_package_works(site: Path) -> None:
    listed = command(site, "rules", "list", "--format", "json")
    assert listed.returncode == 0, listed.stderr
    assert {rule["id"] for rule in json.loads(listed.stdout)} == {rule.id for rule in builtin()}


def test_without_the_native_module_the_import_says_how_to_build_it(site: Path) -> None:
    (native,) = site.glob(f"{NATIVE}*.so")
    hidden = native.rename(native.with_suffix(".hidden"))
    try:
        listed = command(site, "rules", "list")
    finally:
        hidden.rename(native)
    assert listed.returncode != 0
    assert "make setup" in listed.stderr
    assert "pip install ." in listed.stderr
