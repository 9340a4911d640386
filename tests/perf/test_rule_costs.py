"""Each rule's cost has a line on the page, the dearest first, and the page is made of a run's figures."""

import xml.etree.ElementTree as ET

import pytest
from perf.effort import EFFORT

from otlp_verifier.rules.catalogue import builtin
from perf import rule_costs


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EFFORT, "short", True)
        return rule_costs.figures()


def test_every_rule_has_a_line(found: dict[str, float]) -> None:
    lines = [line for line in rule_costs.page(found).splitlines() if line.startswith("| [`")]
    assert sorted(line.split("`")[1] for line in lines) == sorted({rule.id for rule in builtin()})
    costs = [float(line.split("|")[-2].removesuffix(" ns ").replace(",", "")) for line in lines]
    assert costs == sorted(costs, reverse=True)
    assert sum(" yes " in line for line in lines) == len({rule.id for rule in builtin() if rule.default})


def test_every_line_leads_to_a_page(found: dict[str, float]) -> None:
    for rule in {rule.id for rule in builtin()}:
        assert f"(rules/{rule}.md)" in rule_costs.page(found)
        assert (rule_costs.DOCS / "rules" / f"{rule}.md").exists()


def test_families_are_bars(found: dict[str, float]) -> None:
    texts = [
        text.text or "" for text in ET.fromstring(rule_costs.chart(found)).iter("{http://www.w3.org/2000/svg}text")
    ]
    for family in {rule.family for rule in builtin()}:
        assert any(text.startswith(f"{family}: ") for text in texts)
