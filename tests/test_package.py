"""The distributions: an sdist and a wheel build, install, and hold what the package needs."""

import json
import os
import re
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
LIBRARY = "otlp_verifier/kernels/_library"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was made of it, from a copy of the sources.

    As `pip install .` builds it: with nothing at hand but what pyproject.toml says a build requires.
    """
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    left = shutil.ignore_patterns("__pycache__", "_native*", "_library*", "*.egg-info")
    shutil.copytree(ROOT / "processor", source / "processor", ignore=left)
    folder = tmp_path_factory.mktemp("dist")
    # Objects that were made of the same sources are taken from the checkout: all together take minutes.
    # They fit compilers of the locked versions alone. With hashes pip would want them of what a build requires, too.
    locked = re.findall(r"^[\w.-]+==[^ ;\\]+", (ROOT / "requirements" / "dev.lock").read_text(), re.MULTILINE)
    constraints = source / "constraints.txt"
    constraints.write_text("\n".join(locked))
    environment = {
        **os.environ,
        "OTLP_VERIFIER_OBJECTS": str(ROOT / "build" / "kernels"),
        "PIP_CONSTRAINT": str(constraints),
    }
    build = [sys.executable, "-m", "build", "--outdir", folder, source]
    built = subprocess.run(build, check=False, capture_output=True, text=True, env=environment)
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
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


def test_the_sdist_holds_the_sources_of_the_native_modules(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {
        str(path.relative_to(ROOT)) for path in (ROOT / "processor").rglob("*.[ch]") if "_native" not in path.name
    }
    assert sources <= names
    builders = {
        f"processor/otlp_verifier/{name}" for name in ("wire/build.py", "kernels/build.py", "kernels/compile.py")
    }
    assert {"LICENSE", "README.md", "setup.py", *builders} <= names


def test_the_wheel_holds_the_native_module_the_rules_and_the_licence(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for module in (NATIVE, LIBRARY):
        assert any(name.startswith(module) and name.endswith(".so") for name in names)
    metadata = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert "Requires-Dist: numpy" in metadata
    assert "Requires-Dist: numba" not in metadata, "kernels are compiled already"
    assert "otlp_verifier/py.typed" in names
    assert any(name.endswith("/LICENSE") for name in names)
    package = ROOT / "processor"
    data = [*package.rglob("rules/*/*.yaml"), *package.rglob("settings/presets/*.yaml")]
    assert {str(path.relative_to(package)) for path in data} <= set(names)


def test_the_installed_package_works(site: Path) -> None:
    listed = command(site, "rules", "list", "--format", "json")
    assert listed.returncode == 0, listed.stderr
    assert {rule["id"] for rule in json.loads(listed.stdout)} == {rule.id for rule in builtin()}


def test_the_installed_kernels_judge(site: Path, tmp_path: Path) -> None:
    """A span that ends before it starts, in a process that cannot import numba."""
    span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "startTimeUnixNano": "9", "endTimeUnixNano": "8"}
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "name": "GET"}]}]}]}))
    (tmp_path / "numba.py").write_text("raise ImportError('it is not installed')")
    checked = subprocess.run(
        [sys.executable, "-m", "otlp_verifier.cli", "check", path, "--output", "json"],
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1, checked.stderr
    assert "span-end-before-start" in {finding["rule"] for finding in json.loads(checked.stdout)["findings"]}


@pytest.mark.parametrize("module", [NATIVE, LIBRARY])
def test_without_a_native_module_the_import_says_how_to_build_it(site: Path, tmp_path: Path, module: str) -> None:
    (tmp_path / "empty.json").write_text("{}")
    (native,) = site.glob(f"{module}*.so")
    hidden = native.rename(native.with_suffix(".hidden"))
    try:
        checked = command(site, "check", str(tmp_path / "empty.json"))
    finally:
        hidden.rename(native)
    assert checked.returncode != 0
    assert "make setup" in checked.stderr
    assert "pip install ." in checked.stderr
