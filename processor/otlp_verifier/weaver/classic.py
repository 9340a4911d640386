"""The older dialect: a list of `groups:`, each a convention or a group of attributes, which it may define in place."""

from typing import Final

from otlp_verifier.registry.model import SPAN_KINDS, Attribute, Kind
from otlp_verifier.rules.nodes import Node
from otlp_verifier.weaver.definitions import Definitions, Group, Reference
from otlp_verifier.weaver.fields import Errors, Fields
from otlp_verifier.weaver.parts import INSTRUMENTS, entity_names, imports

_GROUP: Final = (
    "id", "type", "brief", "note", "prefix", "extends", "stability", "deprecated", "display_name", "attributes",
    "entity_associations", "annotations", "span_kind", "events", "name", "body", "metric_name", "instrument", "unit",
    "metric_requirement_level", "requirement_level", "include_all", "constraints",
)  # fmt: skip
_DEFINITION: Final = (
    "id", "type", "brief", "note", "examples", "tag", "stability", "deprecated", "requirement_level",
    "sampling_relevant", "annotations", "role",
)  # fmt: skip
_REFERENCE: Final = (
    "ref", "prefix", "brief", "note", "examples", "tag", "stability", "deprecated", "requirement_level",
    "sampling_relevant", "annotations", "role",
)  # fmt: skip
# Group types, and what they are: entities had another name, and some do nothing but hold attributes.
_TYPES: Final[dict[str, Kind | None]] = {
    "span": "span", "event": "event", "metric": "metric", "entity": "entity", "resource": "entity",
    "attribute_group": None, "metric_group": None, "scope": None,
}  # fmt: skip


def read(root: Node, found: Definitions, errors: Errors) -> None:
    """Add what a file of this dialect defines."""
    fields = Fields(root, "file", ("groups", "imports"), errors)
    for node in fields.items("groups"):
        _group(node, found, errors)
    imports(fields, found, errors)


def _group(node: Node, found: Definitions, errors: Errors) -> None:
    fields = Fields(node, "group", _GROUP, errors)
    kind = _TYPES[fields.choice("type", tuple(_TYPES)) or "span"] if "type" in fields else "span"
    span_kind = fields.choice("span_kind", SPAN_KINDS)
    prefix = fields.text("prefix")
    name = ""
    if kind == "metric":
        name = fields.name("metric_name")
    elif kind == "event" or (kind == "entity" and "name" in fields):
        name = fields.name("name")
    id_ = fields.name("id")
    references = []
    for each in fields.items("attributes"):
        reference = _attribute(each, prefix, found, errors)
        if reference is not None:
            references.append(reference)
    found.add(
        Group(
            node=node,
            id=id_,
            kind=kind,
            name=name or (id_.removeprefix("entity.").removeprefix("resource.") if kind == "entity" else ""),
            span_kinds=(span_kind,) if kind == "span" and span_kind else (),
            stability=fields.stability(),
            deprecated=fields.deprecated(),
            extends=_extended(fields),
            references=tuple(references),
            instrument=(fields.choice("instrument", INSTRUMENTS) or "") if kind == "metric" else "",
            unit=fields.text("unit"),
            entities=entity_names(fields, errors),
        ),
        errors,
    )


def _attribute(node: Node, prefix: str, found: Definitions, errors: Errors) -> Reference | None:
    is_reference = isinstance(node.value, dict) and "ref" in node.value
    fields = Fields(node, "attribute", _REFERENCE if is_reference else _DEFINITION, errors)
    level, conditional = fields.level()
    identifying = fields.choice("role", ("identifying", "descriptive")) == "identifying"
    key = fields.name("ref" if is_reference else "id")
    if not key:
        return None
    if not is_reference:
        key = f"{prefix}.{key}" if prefix else key
        kind, is_template, members = fields.type()
        attribute = Attribute(
            key, kind, is_template, members, stability=fields.stability(), deprecated=fields.deprecated()
        )
        found.define(node, attribute, level, errors)
    return Reference(node, key, level=level, conditional=conditional, identifying=identifying)


def _extended(fields: Fields) -> Reference | None:
    name = fields.name("extends") if "extends" in fields else ""
    return Reference(fields.at("extends"), name, is_group=True) if name else None
