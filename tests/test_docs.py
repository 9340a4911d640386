"""The documentation is held to what is there: commands, configurations, links, and the output that it shows."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from otlp_verifier.cli import main
from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules.catalogue import load as load_rules
from otlp_verifier.rules.errors import RuleFileErrors
from otlp_verifier.selection import selected
from otlp_verifier.settings import Settings
from otlp_verifier.settings import load as load_settings
from otlp_verifier.weaver import load as load_registries

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
MAKE_TARGETS = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
COLLECTOR = ROOT / "collector-config" / "_build" / "otelcol-verifier"
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)(?P<target>[^)#\s]+)(?:#(?P<anchor>[^)]+))?\)")


def blocks(*languages: str) -> list[Any]:
    """Every fenced block in these languages, as a test parameter of its page and its text without indentation."""
    return [
        pytest.param(
            re.sub(f"^{match['indent']}", "", match["text"], flags=re.MULTILINE),
            id=f"{page.relative_to(ROOT)}-{number}",
        )
        for page in PAGES
        for number, match in enumerate(BLOCK.finditer(page.read_text()))
        if match["language"] in languages
    ]


def commands(program: str) -> list[Any]:
    """Every call of `program` that a page mentions, in a block or between backticks."""
    pattern = re.compile(rf"(?:^ *|`|/){program} ([^`\n#|]+)", re.MULTILINE)

    def code(page: Path) -> str:
        text = page.read_text()
        return "\n".join([*(match["text"] for match in BLOCK.finditer(text)), *re.findall(r"`[^`\n]+`", text)])

    return [
        pytest.param(call, id=f"{page.relative_to(ROOT)}: {call}")
        for page in PAGES
        for call in sorted({match.strip() for match in pattern.findall(code(page))})
    ]


@pytest.mark.parametrize("call", commands("make"))
def test_make_targets_that_pages_name_exist(call: str) -> None:
    words = [word for word in call.split() if "=" not in word]
    assert set(words) <= MAKE_TARGETS


def test_help_lists_every_target_and_no_other() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  ([a-z0-9-]+) ", listed, re.MULTILINE)) == MAKE_TARGETS
    declared = set(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert declared == MAKE_TARGETS


@pytest.mark.parametrize("call", commands("otlp-verifier"))
def test_commands_that_pages_name_exist(call: str) -> None:
    words = [word for word in call.split() if word.islower() and not word.startswith(("-", "/")) and "." not in word]
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0, result.output
    for option in re.findall(r"(?<!\S)--[a-z-]+", call):
        assert option in result.output


@pytest.mark.parametrize("text", blocks("yaml"))
def test_configurations_in_pages_are_good(text: str, tmp_path: Path) -> None:
    content = yaml.safe_load(text)
    if isinstance(content, list):
        path = tmp_path / "rules.yaml"
        path.write_text(text)
        Verifier(load_rules([path]))
    elif content.keys() <= set(Settings.__struct_fields__):
        path = tmp_path / "otlp-verifier.yaml"
        path.write_text(text)
        file = load_settings(path)
        if file.settings.registries:
            write_registry(tmp_path / "registry")
        if not file.settings.rules.files:
            selected(file)
    elif text.startswith("# registry/"):
        write_registry(tmp_path)
        assert text in {path.read_text() for path in tmp_path.iterdir()}
        load_registries([tmp_path])
    elif text.startswith("# builder-config.yaml"):
        manifest = yaml.safe_load((ROOT / "collector-config" / "builder-config.yaml").read_text())
        ours = {entry["gomod"] for entry in manifest["processors"]}
        assert {entry["gomod"] for entry in content["processors"]} <= ours
    elif text.startswith("# collector.yaml"):
        if not COLLECTOR.exists():
            pytest.skip(f"{COLLECTOR} is missing: make collector")
        path = tmp_path / "collector.yaml"
        path.write_text(text)
        checked = subprocess.run([COLLECTOR, "validate", "--config", path], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
    elif text.startswith("# .github/workflows/"):
        inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
        given = [step["with"] for job in content["jobs"].values() for step in job["steps"] if "with" in step]
        assert given
        assert all(inputs.keys() >= one.keys() for one in given)
    elif text.startswith("# .pre-commit-config.yaml"):
        hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
        assert {hook["id"] for repo in content["repos"] for hook in repo["hooks"]} <= hooks
    else:
        assert all(key.startswith("verifier.") or "." in key for key in content), (
            "say in the first line which file it is"
        )


def test_the_mistake_in_a_registry_is_named_so(tmp_path: Path) -> None:
    write_registry(tmp_path / "registry")
    path = tmp_path / "registry" / "orders.yaml"
    path.write_text(path.read_text().replace("{ref: acme.order.state", "{ref: acme.order.stat"))
    with pytest.raises(RuleFileErrors) as caught:
        load_registries([tmp_path / "registry"])
    assert f"    {str(caught.value).removeprefix(f'{tmp_path}/')}\n" in (ROOT / "docs" / "registry.md").read_text()


def write_registry(folder: Path) -> None:
    """The registry that the guide shows, file by file."""
    folder.mkdir(exist_ok=True)
    for match in BLOCK.finditer((ROOT / "docs" / "registry.md").read_text()):
        first = match["text"].split("\n", 1)[0]
        if first.startswith("# registry/"):
            (folder / first.removeprefix("# registry/")).write_text(match["text"])


@pytest.mark.parametrize("text", blocks("sh"))
def test_shell_in_pages_is_shell(text: str) -> None:
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize("text", blocks("ini"))
def test_the_service_unit_is_one(text: str, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here")
    unit = tmp_path / "otlp-verifier.service"
    unit.write_text(text.replace("/opt/otlp-verifier/bin/otlp-verifier", "/bin/true"))
    subprocess.run([program, "verify", unit], check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(page.read_text()):
        target = (page.parent / match["target"]).resolve()
        assert target.exists(), match[0]
        if match["anchor"]:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert match["anchor"] in anchors, match[0]


def test_the_verdict_in_the_readme_is_one_that_a_rule_gives() -> None:
    readme = (ROOT / "README.md").read_text()
    finding = next(json.loads(match["text"]) for match in BLOCK.finditer(readme) if match["language"] == "json")
    rule = next(rule for rule in load_rules() if rule.id == finding["rule"])
    assert (finding["severity"], finding["help"]) == (rule.severity, rule.link)
    attributes = next(
        yaml.safe_load(match["text"]) for match in BLOCK.finditer(readme) if "verifier.violations" in match["text"]
    )
    written = {key: value for key, value in attributes.items() if key.startswith("verifier.")}
    assert written == {
        "verifier.trace.verdict": "violated",
        "verifier.violations": [rule.id],
        "verifier.severity": rule.severity,
    }
