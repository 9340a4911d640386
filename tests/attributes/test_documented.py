"""The guide's table of faults, against the faults and the rules that there are."""

import re
from pathlib import Path

from otlp_verifier.attributes.faults import NAMES
from otlp_verifier.rules.catalogue import builtin

GUIDE = Path(__file__).parents[2] / "docs" / "registry.md"


def test_the_guide_lists_every_fault_with_its_rule() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| \[([a-z-]+)\]\S+ \| (\w+) \| (on|off) \|$", GUIDE.read_text(), re.MULTILINE)
    asked = {
        (fault, rule.id, rule.severity, "on" if rule.default else "off")
        for rule in builtin()
        for fault in re.findall(r'HasFaultyAttribute\(\w, "([a-z-]+)"\)', rule.rule)
    }
    assert set(rows) == asked
    assert {fault for fault, *_ in rows} == set(NAMES)
