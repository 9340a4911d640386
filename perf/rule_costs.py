"""What each rule costs by itself: `python -m perf.rule_costs`, a table in Markdown, the dearest first.

A rule is timed as the only one, beside a verifier without rules in the same round; the difference is its own. Rules
share what they look up, so all of them together cost less than the sum, which stands below the table.
"""

from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import builtin
from perf.effort import EFFORT
from perf.measure import Way, ns_per_span
from perf.workload import SPANS, batches

BATCHES, ROUNDS, AT_ONCE = 8, 30, 24


def costs() -> tuple[dict[str, float], float]:
    """Nanoseconds a span of each rule, beyond those of no rule; and of all rules at once."""
    requests = batches(BATCHES, bad_percent=1)
    rules = builtin()
    ids = list(dict.fromkeys(rule.id for rule in rules))
    groups = {id_: [rule for rule in rules if rule.id == id_] for id_ in ids}

    def way(verifier: Verifier) -> Way:
        worker = verifier.worker()
        return Way(lambda request: worker.verify(request, completeness=Completeness.TRACE), requests, SPANS)

    found: dict[str, float] = {}
    for first in range(0, len(ids), AT_ONCE):
        EFFORT.say(f"{first} of {len(ids)} rules")
        ways = {id_: way(Verifier(groups[id_])) for id_ in ids[first : first + AT_ONCE]}
        taken = ns_per_span({"": way(Verifier(())), **ways}, ROUNDS)
        found |= {id_: max(0.0, taken[id_] - taken[""]) for id_ in ways}
    together = ns_per_span({"": way(Verifier(())), "all": way(Verifier(rules))}, ROUNDS)
    return found, together["all"] - together[""]


def main() -> None:
    """Print the table."""
    found, together = costs()
    print("| rule | ns a span, by itself |\n| --- | ---: |")
    for id_, ns in sorted(found.items(), key=lambda each: -each[1]):
        print(f"| `{id_}` | {ns:.1f} |")
    print(f"| sum of these | {sum(found.values()):.0f} |\n| all at once | {together:.0f} |")


if __name__ == "__main__":
    main()
