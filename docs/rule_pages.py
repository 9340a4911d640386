"""Write what is generated about the rules: a page and a picture for each, an index, and what no rule has.

    python docs/rule_pages.py            # writes docs/rules/ and docs/undecided-rules.md
    python docs/rule_pages.py --check    # says what is stale; exit code 1 if something is

`make pages` calls it.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent, fill
from typing import Any, Final

import yaml
from google.protobuf.message import DecodeError
from rule_picture import Shown, picture

from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules import catalogue, example
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.worker import Worker

DOCS: Final = Path(__file__).parent
_FINDINGS_MAX = 100  # of one example
_EXAMPLES: Final = re.compile(r"^  examples:\n", re.MULTILINE)

FAMILIES: Final = {
    "identity": "Ids, flags and trace state: who a span is, and whether others can join it.",
    "encoding": "How records are written, which only a verifier of bytes can see.",
    "structure": "Parents, roots, links, copies: whether spans make a trace.",
    "time": "Times, and what has to come first.",
    "status": "Kinds, status, events and exceptions of a span.",
    "attributes": "Attributes of all records.",
    "resource": "Resources and scopes: where spans come from.",
    "conventions": "The semantic conventions: which attributes a record has, and what they say.",
    "flow": "Calls and messages between services.",
    "sensitive": "Secrets and personal data, in all texts of all records.",
}
DECIDED_BY: Final = {
    "record": "one record",
    "batch": "what arrived together",
    "trace": "a trace that is known to be complete",
}
# Why a promise has no rule, in the order of the page.
REASONS: Final = {
    "operator": ("They need something else of the language", "What, stands with each."),
    "same": ("They are promised twice", "Another rule is about the same."),
    "elsewhere": ("They are checked elsewhere", "Not by a rule, but where it can be seen."),
    "contract": ("They are the user's to state", "A promise that nobody but you makes is a rule of your own."),
    "never": (
        "They cannot be decided from the telemetry",
        "Whatever the language learns: what it takes is not in the data that the verifier gets.",
    ),
}


def main() -> None:
    """Write all pages, or compare them."""
    made = pages()
    kept = {path for path in (DOCS / "rules").rglob("*") if path.is_file() and path.suffix in (".md", ".svg")}
    stale = sorted(
        str(path.relative_to(DOCS))
        for path in kept | set(made)
        if path not in made or not path.exists() or path.read_text(encoding="utf-8") != made[path]
    )
    if "--check" in sys.argv:
        if stale:
            sys.exit(f"stale: {', '.join(stale)}; write them with `make pages`")
        return
    for path in kept - set(made):
        path.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """Return every generated file by its path."""
    coverage = yaml.load((DOCS / "rules" / "coverage.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    rules = [rule for rule in catalogue.builtin() if rule.part == 0]
    worker = Verifier([example.tried(rule) for rule in catalogue.builtin()]).worker()
    made = {
        DOCS / "rules" / "README.md": _index(rules, coverage),
        DOCS / "undecided-rules.md": _undecided(coverage),
    }
    for rule in rules:
        shown = list(_shown(rule, worker))
        drawn = _drawn(rule, [one for one, _ in shown])
        made[DOCS / "rules" / f"{rule.id}.md"] = _page(rule, [messages for _, messages in shown], coverage, drawn)
        if drawn:
            made[DOCS / "rules" / "images" / f"{rule.id}.svg"] = drawn
    return made


def _shown(rule: Rule, worker: Worker) -> Iterator[tuple[Shown, list[str]]]:
    """Each example, with the messages of what the rule finds in it."""
    examples = example.of(rule)
    for case in (*examples.fires, *examples.silent):
        found = worker.verify(case.request, completeness=case.completeness).findings(_FINDINGS_MAX)
        mine = [finding for finding in found if finding.rule == rule.id]
        ids = frozenset(finding.span_id for finding in mine)
        yield Shown(case.why, case in examples.fires, case.request, ids), [finding.message for finding in mine]


def _drawn(rule: Rule, shown: list[Shown]) -> str:
    """The picture, or nothing where an example's bytes are such that not every decoder reads them."""
    try:
        return picture(rule.id, shown)
    except DecodeError:
        return ""


def _page(rule: Rule, messages: list[list[str]], coverage: Mapping[str, Any], drawn: str) -> str:
    formulas = [each.rule.strip() for each in catalogue.builtin() if each.id == rule.id]
    decided_by = DECIDED_BY[rule.decided_by or "record"]
    parameters = ", ".join(f"`{name}` = {value}" for name, value in rule.parameters.items())
    lines = [
        "<!-- generated: make pages -->",
        f"# {rule.id}",
        "",
        rule.description,
        "",
        "| severity | level | family | decided by | runs by default |",
        "| --- | --- | --- | --- | --- |",
        _cells(rule.severity, rule.level, f"[{rule.family}](README.md#{rule.family})", decided_by, _yes(rule) or "no"),
        "",
        "```text",
        "\n\n".join(formulas),
        "```",
        "",
    ]
    if parameters:
        lines += [f"Parameters: {parameters}.", ""]
    if rule.id in coverage["in_part"]:
        lines += [fill(f"Less than is promised: {coverage['in_part'][rule.id]}", 120), ""]
    lines += ["## What to do", "", fill(rule.remedy, 120), "", "## What looks like it and is none", ""]
    lines += [_item(trap) for trap in rule.traps]
    lines += ["", "## Examples", ""]
    if drawn:
        lines += [f"![A small timeline for each example](images/{rule.id}.svg)", ""]
    lines += [*_said(messages), "As they stand in the rule's file:", "", "```text", _notation(rule), "```", ""]
    lines += ["## Where it is promised", ""]
    lines += [f"- [{source.section.replace('[', '(').replace(']', ')')}]({source.link})" for source in rule.sources]
    return "\n".join(lines) + "\n"


def _said(messages: list[list[str]]) -> list[str]:
    said = list(dict.fromkeys(message for each in messages for message in each))
    return ["What it says of them:", "", *(f"- {_plain(message)}" for message in said), ""] if said else []


def _plain(message: str) -> str:
    """A message in a page: what telemetry holds is no markup."""
    return re.sub(r"([\\*_<>|\[\]])", r"\\\1", message)


def _notation(rule: Rule) -> str:
    text = Path(rule.file).read_text(encoding="utf-8")
    cut = _EXAMPLES.search(text)
    return dedent(text[cut.end() :]).rstrip() if cut else ""


def _index(rules: list[Rule], coverage: Mapping[str, Any]) -> str:
    on = sum(rule.default for rule in rules)
    lines = [
        "<!-- generated: make pages -->",
        "# Rules",
        "",
        fill(
            f"{len(rules)} rules come with the verifier, {on} of which run by default: those that are safe on real "
            "telemetry. The others are heuristics, or ask for what not everybody promises. Choosing them is a matter "
            "of [configuration](../configuration.md); how to write one, of the [language](../language.md).",
            120,
        ),
        "",
        "| family | what it is about | rules | by default |",
        "| --- | --- | --- | --- |",
    ]
    for family, what in FAMILIES.items():
        mine = [rule for rule in rules if rule.family == family]
        lines.append(_cells(f"[{family}](#{family})", what, len(mine), sum(rule.default for rule in mine)))
    for family in FAMILIES:
        lines += ["", f"## {family}", "", "| rule | what it demands | severity | level | decided by | default |"]
        lines.append("| --- | --- | --- | --- | --- | --- |")
        lines += [
            _cells(
                f"[{rule.id}]({rule.id}.md)", rule.description, rule.severity, rule.level, rule.decided_by, _yes(rule)
            )
            for rule in rules
            if rule.family == family
        ]
    lines += [
        "",
        "## Coverage",
        "",
        fill(
            "What OpenTelemetry and W3C Trace Context promise about traces, as far as one record, one batch or one "
            "complete trace can show it, and what of it has a rule. The rest is in "
            "[promises without a rule](../undecided-rules.md), each with the reason.",
            120,
        ),
        "",
        "| group | promises | rules | of them in part | not yet | elsewhere or never |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    sums = [0, 0, 0, 0, 0]
    for group in coverage["groups"]:
        row = _counts(group, coverage)
        sums = [a + b for a, b in zip(sums, row, strict=True)]
        lines.append(_cells(group["name"], *row))
    lines.append(_cells("all", *sums))
    return "\n".join(lines) + "\n"


def _counts(group: Mapping[str, Any], coverage: Mapping[str, Any]) -> list[int]:
    without = {reason: len(ids) for reason, ids in group.get("without", {}).items()}
    later = sum(without.get(reason, 0) for reason in ("registry", "attributes", "operator"))
    rules = group["rules"]
    in_part = len(set(rules) & set(coverage["in_part"]))
    return [len(rules) + sum(without.values()), len(rules), in_part, later, sum(without.values()) - later]


def _undecided(coverage: Mapping[str, Any]) -> str:
    lines = [
        "<!-- generated: make pages -->",
        "# Promises without a rule",
        "",
        fill(
            "What OpenTelemetry promises about traces and [no rule](rules/README.md) checks, with the reason. "
            "Nothing is left out silently: a test holds this page and the rules to one list.",
            120,
        ),
    ]
    for reason, (title, why) in REASONS.items():
        entries: list[str] = []
        for group in coverage["groups"]:
            ids = group.get("without", {}).get(reason, [])
            if isinstance(ids, list):
                listed = ", ".join(f"`{name}`" for name in ids)
                entries += [_item(f"{group['name']}: {listed}.")] if ids else []
            else:
                entries += [_item(f"`{name}`: {text}") for name, text in ids.items()]
        if entries:
            lines += ["", f"## {title}", "", fill(why, 120), "", *entries]
    lines += ["", "## Rules that ask for less than is promised", ""]
    lines += [_item(f"[{name}](rules/{name}.md): {text}") for name, text in sorted(coverage["in_part"].items())]
    return "\n".join(lines) + "\n"


def _cells(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _yes(rule: Rule) -> str:
    return "yes" if rule.default else ""


def _item(text: str) -> str:
    return fill(text, 120, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


if __name__ == "__main__":
    main()
