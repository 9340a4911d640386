"""What each rule costs by itself: `python -m perf.rule_costs` writes docs/rule-costs.md, and so does `make bench`.

A rule is timed as the only one, beside a verifier without rules in the same round; the difference is its own. Rules
share what they look up, so that all of them together cost less than the sum: what a family of rules costs together,
and all of them, stands beside. Whole traces, as some rules are decided only there; one span in a hundred is bad.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import builtin
from perf.chart import bars
from perf.effort import EFFORT
from perf.measure import Way, ns_per_span
from perf.table import markdown, number
from perf.workload import SPANS, batches

BATCHES, ROUNDS, AT_ONCE = 8, 30, 24
DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = DOCS / "rule-costs.md"
CHART: Final = DOCS / "images" / "rule-costs.svg"
_NS: Final = "_ns_per_span"
_RULE, _FAMILY, _DEFAULT_FAMILY = "rule_costs.rule.", "rule_costs.family.", "rule_costs.default_family."

_TEXT: Final = """\
# What rules cost

<!-- written by perf/rule_costs.py; do not edit -->

Processor time for one span of the [benchmarks' workload](performance.md) with one rule alone, without what a verifier
takes that has no rules ({nothing} ns, most of it the scan). Rules share what they look up, and what they share is
counted in each: the default set takes {default} ns a span together and all rules {everything} ns, while the sum of the
lines below is {sum} ns. So a rule that is turned off saves at most its line, and less where others like it stay on.

![What families of rules take by themselves](images/{chart})
"""


def figures() -> dict[str, float]:
    """Nanoseconds a span beyond those of no rule: of each rule, of families, of the default set and of all."""
    rules = builtin()
    default = [rule for rule in rules if rule.default]
    families = dict.fromkeys(rule.family for rule in rules)
    sets = {
        **{f"{_RULE}{id_}": [rule for rule in rules if rule.id == id_] for id_ in dict.fromkeys(r.id for r in rules)},
        **{f"{_FAMILY}{family}": [rule for rule in rules if rule.family == family] for family in families},
        **{f"{_DEFAULT_FAMILY}{family}": [rule for rule in default if rule.family == family] for family in families},
        "rule_costs.default": default,
        "rule_costs.all": rules,
    }
    requests = batches(EFFORT.rounds(BATCHES), bad_percent=1)

    def way(verifier: Verifier) -> Way:
        worker = verifier.worker()
        return Way(lambda request: worker.verify(request, completeness=Completeness.TRACE), requests, SPANS)

    found: dict[str, float] = {}
    names = [name for name, chosen in sets.items() if chosen]
    for first in range(0, len(names), AT_ONCE):
        EFFORT.say(f"{first} of {len(names)} rules and families")
        ways = {name: way(Verifier(sets[name])) for name in names[first : first + AT_ONCE]}
        taken = ns_per_span({"": way(Verifier(())), **ways}, ROUNDS)
        found |= {f"{name}{_NS}": max(0.0, taken[name] - taken[""]) for name in ways}
        found["rule_costs.nothing_ns_per_span"] = taken[""]
    return found


def page(found: Mapping[str, float]) -> str:
    """The page in Markdown, the dearest rule first."""
    families = {rule.id: rule.family for rule in builtin()}
    on = {rule.id for rule in builtin() if rule.default}
    costs = sorted(_of(found, _RULE).items(), key=lambda each: -each[1])
    lines = [
        (f"[`{id_}`](rules/{id_}.md)", families[id_], "yes" if id_ in on else "", f"{number(ns)} ns")
        for id_, ns in costs
    ]
    text = _TEXT.format(
        default=number(found[f"rule_costs.default{_NS}"]),
        everything=number(found[f"rule_costs.all{_NS}"]),
        sum=number(sum(ns for _, ns in costs)),
        nothing=number(found[f"rule_costs.nothing{_NS}"]),
        chart=CHART.name,
    )
    return "\n".join([text, *markdown(("rule", "family", "default", "cost"), lines), ""])


def chart(found: Mapping[str, float]) -> str:
    """Families as SVG: the rules of one together, without those of others."""
    return bars(
        "What families of rules take by themselves, ns a span",
        {"default rules": _of(found, _DEFAULT_FAMILY), "all rules": _of(found, _FAMILY)},
    )


def _of(found: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix).removesuffix(_NS): ns for name, ns in found.items() if name.startswith(prefix)}


def write(found: Mapping[str, float]) -> Sequence[Path]:
    """Write page and chart; return where."""
    PAGE.write_text(page(found))
    CHART.write_text(chart(found))
    return PAGE, CHART


if __name__ == "__main__":
    write(figures())
