"""The pages about the rules are what the rules say, and every promise about traces has a rule or a reason."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from otlp_verifier.rules import catalogue

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "rules"
COVERAGE = yaml.safe_load((PAGES / "coverage.yaml").read_text(encoding="utf-8"))
IDS = {rule.id for rule in catalogue.builtin()}
SIGNALS = ("trace", "all", "resource")
EVIDENCE = ("R", "B", "T")


def without(group: dict[str, Any]) -> list[str]:
    return [name for names in group.get("without", {}).values() for name in names]


@pytest.mark.many
def test_pages_are_fresh() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "docs" / "rule_pages.py", "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_every_promise_has_a_rule_or_a_reason_and_never_both() -> None:
    with_rule = [name for group in COVERAGE["groups"] for name in group["rules"]]
    with_reason = [name for group in COVERAGE["groups"] for name in without(group)]
    assert len(with_rule + with_reason) == len(set(with_rule + with_reason))
    assert set(with_rule) <= IDS
    assert not set(with_reason) & IDS
    assert set(COVERAGE["in_part"]) <= IDS


def test_the_promises_are_those_of_the_invariants(shared: Path) -> None:
    promised = {
        entry["id"]: entry["group"].partition(".")[0]
        for entry in json.loads((shared / "invariants.json").read_text())
        if any(signal in entry["signal"] for signal in SIGNALS)
        and any(evidence in entry["decidable"] for evidence in EVIDENCE)
    }
    with_rule = {name for group in COVERAGE["groups"] for name in group["rules"]}
    assert with_rule == set(promised) & IDS
    listed = [{*group["rules"], *without(group)} for group in COVERAGE["groups"]]
    assert set().union(*listed) == set(promised)
    for group in listed:
        assert len({promised[name] for name in group}) == 1, "one group of invariants is one group here"


@pytest.mark.parametrize("picture", sorted((PAGES / "images").glob("*.svg")), ids=lambda path: path.stem)
def test_pictures_are_small_and_well_formed(picture: Path) -> None:
    assert picture.stat().st_size < 5_000
    root = ET.parse(picture).getroot()  # our own
    assert root.tag.endswith("svg")
    width, height = (float(each) for each in root.attrib["viewBox"].split()[2:])
    for bar in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert 0 <= float(bar.attrib["x"]) <= width - float(bar.attrib["width"])
        assert 0 <= float(bar.attrib["y"]) <= height
