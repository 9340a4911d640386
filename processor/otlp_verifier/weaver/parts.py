"""What both dialects write in the same way."""

from collections.abc import Iterator
from typing import Final

from otlp_verifier.rules.nodes import Node
from otlp_verifier.weaver.definitions import Definitions
from otlp_verifier.weaver.fields import Errors, Fields, shown

INSTRUMENTS: Final = ("counter", "updowncounter", "gauge", "histogram")
# Sections of `imports`, and the kind of what they name; attribute groups are no conventions.
IMPORTED: Final = {
    "metrics": "metric", "events": "event", "entities": "entity", "spans": "span", "attribute_groups": "",
}  # fmt: skip


def imports(fields: Fields, found: Definitions, errors: Errors) -> None:
    """Add what a file imports from other registries."""
    if "imports" not in fields:
        return
    sections = Fields(fields.at("imports"), "imports", tuple(IMPORTED), errors)
    for section, kind in IMPORTED.items():
        for node in sections.items(section):
            if isinstance(node.value, str):
                found.imports.append((node, kind, node.value))
            else:
                errors.append(node.error(f"imports: {section}: expected a pattern, found {shown(node.value)}"))


def entity_names(fields: Fields, errors: Errors) -> tuple[str, ...]:
    """Every entity that telemetry may belong to, whatever `one_of` and `all_of` say about them together."""
    return tuple(sorted(set(_entities(list(fields.items("entity_associations")), errors))))


def _entities(nodes: list[Node], errors: Errors) -> Iterator[str]:
    for node in nodes:
        if isinstance(node.value, str):
            yield node.value
            continue
        fields = Fields(node, "entity association", ("one_of", "all_of", "ref"), errors)
        if "ref" in fields:
            yield fields.name("ref")
        for key in ("one_of", "all_of"):
            yield from _entities(list(fields.items(key)), errors)
