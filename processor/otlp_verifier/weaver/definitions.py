"""What both dialects define, before references are followed."""

from pathlib import Path

import msgspec

from otlp_verifier.registry.model import Attribute, Deprecation, Kind, Level, SpanKind, Stability, Version
from otlp_verifier.rules.errors import RuleFileError
from otlp_verifier.rules.nodes import Node


class Reference(msgspec.Struct, frozen=True):
    """One attribute, or all of a group, as a convention or a group names it.

    Attributes:
        node: where.
        key: of the attribute, or id of the group.
        is_group: which of the two.
        level: how much it is asked for; None: as where it comes from, and `recommended` where that does not say.
        conditional: whether that holds under a condition.
        identifying: whether it tells one entity from another.

    """

    node: Node
    key: str
    is_group: bool = False
    level: Level | None = None
    conditional: bool = False
    identifying: bool = False


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A convention or a group of attributes.

    Attributes:
        node: where.
        id: as in `registry.model.Convention`, or that of the group.
        kind: None: a group of attributes.
        extends: the convention or group whose attributes it has too; None: it has its own alone.
        is_refinement: whether it narrows what it extends.
        references: its attributes.

    The other attributes are those of `registry.model.Convention`.

    """

    node: Node
    id: str
    kind: Kind | None
    name: str = ""
    span_kinds: tuple[SpanKind, ...] = ()
    stability: Stability = "development"
    deprecated: Deprecation | None = None
    extends: Reference | None = None
    is_refinement: bool = False
    references: tuple[Reference, ...] = ()
    instrument: str = ""
    unit: str = ""
    entities: tuple[str, ...] = ()


class Definitions(msgspec.Struct):
    """What one registry defines.

    Attributes:
        path: the file or folder that was named.
        name, schema_url, version, opentelemetry: as in `registry.model.Registry`.
        place: where the name stands, for messages.
        attributes: by key, each with its place and level where it is defined.
        groups: by id.
        imports: what it takes from others: kind and pattern, each with its place.

    """

    path: Path
    name: str
    schema_url: str
    version: Version
    opentelemetry: Version | None
    place: Node
    attributes: dict[str, tuple[Node, Attribute, Level | None]] = msgspec.field(default_factory=dict)
    groups: dict[str, Group] = msgspec.field(default_factory=dict)
    imports: list[tuple[Node, str, str]] = msgspec.field(default_factory=list)

    def define(self, node: Node, attribute: Attribute, level: Level | None, errors: list[RuleFileError]) -> None:
        """Add an attribute; it is a mistake to do so twice."""
        if attribute.key:
            first, _, _ = self.attributes.setdefault(attribute.key, (node, attribute, level))
            if first is not node:
                errors.append(node.error(f"`{attribute.key}` is defined already: {first.file}, line {first.line}"))

    def add(self, group: Group, errors: list[RuleFileError]) -> None:
        """Add a convention or a group; it is a mistake to do so twice."""
        if group.id:
            first = self.groups.setdefault(group.id, group)
            if first is not group:
                at = f"{first.node.file}, line {first.node.line}"
                errors.append(group.node.error(f"`{group.id}` is there already: {at}"))
