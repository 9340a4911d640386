"""The newer dialect, `file_format: definition/2`: attributes are defined in one place, conventions refer to them."""

from typing import Final

from otlp_verifier.registry.model import SPAN_KINDS, Attribute, Kind, SpanKind
from otlp_verifier.rules.nodes import Node
from otlp_verifier.weaver.definitions import Definitions, Group, Reference
from otlp_verifier.weaver.fields import Errors, Fields
from otlp_verifier.weaver.parts import INSTRUMENTS, entity_names, imports

FORMAT: Final = "definition/2"
_COMMON: Final = ("brief", "note", "stability", "deprecated", "annotations")
_SIGNAL: Final = (*_COMMON, "requirement_level", "attributes", "entity_associations")
_REFERENCE: Final = (*_COMMON, "ref", "examples", "requirement_level", "sampling_relevant")
# Section -> what stands in it, its kind, the key of its name, and which keys it may have.
_SECTIONS: Final[dict[str, tuple[str, Kind, str, tuple[str, ...]]]] = {
    "spans": ("span", "span", "type", ("type", "kind", "name", "events", *_SIGNAL)),
    "events": ("event", "event", "name", ("name", "body", *_SIGNAL)),
    "metrics": ("metric", "metric", "name", ("name", "instrument", "unit", *_SIGNAL)),
    "entities": ("entity", "entity", "type", ("type", "identity", "description", *_SIGNAL)),
    "span_refinements": ("span refinement", "span", "id", ("id", "ref", "kind", "name", *_SIGNAL)),
    "event_refinements": ("event refinement", "event", "id", ("id", "ref", *_SIGNAL)),
    "metric_refinements": ("metric refinement", "metric", "id", ("id", "ref", *_SIGNAL)),
    "entity_refinements": ("entity refinement", "entity", "id", ("id", "ref", "description", *_SIGNAL)),
}


def read(root: Node, found: Definitions, errors: Errors) -> None:
    """Add what a file of this dialect defines."""
    known = ("file_format", "version", "attributes", "attribute_groups", *_SECTIONS, "imports")
    fields = Fields(root, "file", known, errors)
    for node in fields.items("attributes"):
        _attribute(node, found, errors)
    for node in fields.items("attribute_groups"):
        _attribute_group(node, found, errors)
    for section, (what, kind, name, keys) in _SECTIONS.items():
        for node in fields.items(section):
            _signal(Fields(node, what, keys, errors), kind, name, found, errors)
    imports(fields, found, errors)


def _attribute(node: Node, found: Definitions, errors: Errors) -> None:
    fields = Fields(node, "attribute", (*_COMMON, "key", "type", "examples"), errors)
    kind, is_template, members = fields.type()
    attribute = Attribute(
        fields.name("key"), kind, is_template, members, stability=fields.stability(), deprecated=fields.deprecated()
    )
    found.define(node, attribute, None, errors)


def _attribute_group(node: Node, found: Definitions, errors: Errors) -> None:
    fields = Fields(node, "attribute group", (*_COMMON, "id", "visibility", "attributes"), errors)
    fields.choice("visibility", ("internal", "public"))
    references = _references(fields, "attributes", errors)
    found.add(Group(node=node, id=fields.name("id"), kind=None, references=references), errors)


def _signal(fields: Fields, kind: Kind, key: str, found: Definitions, errors: Errors) -> None:
    name = fields.name(key)
    is_refinement = key == "id"
    references = (
        *_references(fields, "identity", errors, identifying=True),
        *_references(fields, "description", errors),
        *_references(fields, "attributes", errors),
    )
    refined = fields.name("ref") if is_refinement else ""
    found.add(
        Group(
            node=fields.node,
            id=f"{kind}.{name}" if name else "",
            kind=kind,
            name="" if kind == "span" else refined or name,
            span_kinds=_span_kinds(fields) if kind == "span" else (),
            stability=fields.stability(),
            deprecated=fields.deprecated(),
            extends=Reference(fields.at("ref"), f"{kind}.{refined}", is_group=True) if refined else None,
            is_refinement=is_refinement,
            references=references,
            instrument=(fields.choice("instrument", INSTRUMENTS) or "") if kind == "metric" else "",
            unit=fields.text("unit") if kind == "metric" else "",
            entities=entity_names(fields, errors),
        ),
        errors,
    )


def _span_kinds(fields: Fields) -> tuple[SpanKind, ...]:
    kind = fields.choice("kind", SPAN_KINDS)
    return (kind,) if kind else ()


def _references(fields: Fields, key: str, errors: Errors, *, identifying: bool = False) -> tuple[Reference, ...]:
    made = []
    for node in fields.items(key):
        if isinstance(node.value, dict) and "ref_group" in node.value:
            name = Fields(node, "reference to a group", ("ref_group",), errors).name("ref_group")
            if name:
                made.append(Reference(node, name, is_group=True))
            continue
        reference = Fields(node, "reference to an attribute", _REFERENCE, errors)
        level, conditional = reference.level()
        name = reference.name("ref")
        if name:
            made.append(Reference(node, name, level=level, conditional=conditional, identifying=identifying))
    return tuple(made)
