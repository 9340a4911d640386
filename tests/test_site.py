"""The documentation's site builds without a warning, and what is generated for it is what the code says."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
RULE_PAGE = """\
<!-- generated: make pages -->
# span-name-empty

Of [status](README.md#status); see [the configuration](../configuration.md) and [the command](../cli.md).
"""


def generator(name: str):  # type: ignore[no-untyped-def]  # a module
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of what the site is made of, without the rules' pages."""
    pytest.importorskip("material", reason="make docs-site installs what the site is made with")
    folder = tmp_path / "source"
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("rules", "undecided-rules.md"))
    shutil.copy(ROOT / "mkdocs.yml", folder)
    for page in (folder / "docs").glob("*.md"):
        page.write_text(re.sub(r"\]\(rules/[^)]*\)", "](index.md)", page.read_text()))
    return folder


def test_the_reference_of_the_commands_is_fresh() -> None:
    page = generator("cli_reference").page()
    assert (ROOT / "docs" / "cli.md").read_text() == page, "python docs/cli_reference.py"
    assert "## otlp-verifier rules explain\n" in page
    assert "| `--annotate PATH` |" in page


def test_pages_in_the_navigation_are_there() -> None:
    def pages(entry: object) -> list[str]:
        if isinstance(entry, list):
            return [page for one in entry for page in pages(one)]
        return pages(list(entry.values())) if isinstance(entry, dict) else [str(entry)]

    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    named = [page for page in pages(settings["nav"]) if not page.endswith("/")]
    assert len(set(named)) == len(named)
    assert all((ROOT / "docs" / page).is_file() for page in named)


@pytest.mark.parametrize("rules", [False, True], ids=["without pages of rules", "with them"])
def test_the_site_builds(source: Path, tmp_path: Path, rules: bool) -> None:
    if rules:
        (source / "docs" / "rules").mkdir()
        (source / "docs" / "rules" / "README.md").write_text("# Rules\n\n## status\n\n[one](span-name-empty.md)\n")
        (source / "docs" / "rules" / "span-name-empty.md").write_text(RULE_PAGE)
        (source / "docs" / "undecided-rules.md").write_text("# Promises without a rule\n\n[rules](rules/README.md)\n")
    site = tmp_path / "site"
    done = built(source, site)
    assert done.returncode == 0, done.stderr
    home = (site / "index.html").read_text()
    assert ("rules/span-name-empty/" in home) is rules
    assert (re.search(r"\n\s*span-name-empty\n", home) is not None) is rules, "a rule's page is called as the rule is"
    assert "decisions/0004-what-a-baseline-knows/" in home
    led = (site / "architecture" / "index.html").read_text()
    assert "https://github.com/otlp-verifier/otlp-verifier/blob/main/bridge/proto/verifier.proto" in led
    loaded = {line for line in home.splitlines() if "fonts.googleapis" in line or "cdn" in line}
    assert not loaded, "nothing comes from elsewhere"


@pytest.mark.parametrize("link", ["nowhere.md", "check.md#nothing-of-that-name"])
def test_a_broken_link_is_an_error(source: Path, tmp_path: Path, link: str) -> None:
    with (source / "docs" / "index.md").open("a") as page:
        page.write(f"\n[broken]({link})\n")
    done = built(source, tmp_path / "site")
    assert done.returncode == 1
    assert link.rpartition("#")[2] in done.stderr
