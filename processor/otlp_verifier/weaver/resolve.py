"""Follows references: what each convention asks for when all groups and all that it extends are looked up."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from otlp_verifier.language.errors import nearest
from otlp_verifier.registry.model import Attribute, Convention, Level, Registry
from otlp_verifier.rules.nodes import Node
from otlp_verifier.weaver.definitions import Definitions, Group
from otlp_verifier.weaver.fields import Errors

_GROUPS_DEEP = 32


class _Attributes(msgspec.Struct):
    """What a convention or group has: levels by key, which of them under a condition, and which identify."""

    levels: dict[str, Level] = msgspec.field(default_factory=dict)
    conditional: set[str] = msgspec.field(default_factory=set)
    identifying: list[str] = msgspec.field(default_factory=list)

    def take(self, other: "_Attributes") -> None:
        self.levels.update(other.levels)
        self.conditional = (self.conditional - set(other.levels)) | other.conditional
        self.identifying.extend(other.identifying)


class Resolver:
    """Makes registries of definitions.

    Args:
        definitions: of all registries of the configuration, in its order: they may refer to each other.
        builtin: OpenTelemetry's, to which all may refer.
        errors: where mistakes go.

    """

    def __init__(self, definitions: Sequence[Definitions], builtin: Registry, errors: Errors) -> None:
        self._definitions = definitions
        self._builtin = builtin
        self._errors = errors
        self._groups: dict[str, Group] = {}
        self._defined: dict[str, tuple[Attribute, Level | None]] = {}
        for each in reversed(definitions):
            self._groups.update(each.groups)
            self._defined.update({key: (attribute, level) for key, (_, attribute, level) in each.attributes.items()})
        self._made: dict[str, _Attributes] = {}

    def registry(self, of: Definitions) -> Registry:
        """The registry that one of the definitions makes."""
        for node, kind, pattern in of.imports:
            self._check_import(of, node, kind, pattern)
        conventions = {group.id: self._convention(group) for group in of.groups.values() if group.kind is not None}
        for group in of.groups.values():
            if group.kind is None:
                self._attributes(group, ())  # so that its mistakes are found, whoever uses it
        return Registry(
            name=of.name,
            schema_url=of.schema_url,
            version=of.version,
            versions=(of.version,),
            history_from=of.version,
            attributes={key: attribute for key, (_, attribute, _) in of.attributes.items()},
            conventions=conventions,
            opentelemetry=of.opentelemetry,
        )

    def _convention(self, group: Group) -> Convention:
        found = self._attributes(group, ())
        extended = group.extends.key if group.extends else ""
        base = self._groups.get(extended) or self._builtin.conventions.get(extended)
        fixed = base.fixed if group.is_refinement and isinstance(base, Convention) else {}
        return Convention(
            id=group.id,
            kind=group.kind or "span",
            name=group.name,
            span_kinds=group.span_kinds or (base.span_kinds if base is not None else ()),
            refines=extended if group.is_refinement else None,
            stability=group.stability,
            deprecated=group.deprecated,
            attributes=found.levels,
            conditional=tuple(sorted(found.conditional)),
            fixed=fixed,
            identifying=tuple(dict.fromkeys(found.identifying)),
            instrument=group.instrument,
            unit=group.unit,
            entities=group.entities,
        )

    def _attributes(self, group: Group, on_the_way: tuple[str, ...]) -> _Attributes:
        made = self._made.get(group.id)
        if made is not None:
            return made
        found = _Attributes()
        path = (*on_the_way, group.id)
        for reference in (group.extends, *group.references):
            if reference is not None and reference.is_group:
                found.take(self._of_group(reference.key, reference.node, path))
        for reference in group.references:
            if reference.is_group or not self._is_defined(reference.key, reference.node):
                continue
            own = self._defined.get(reference.key)
            level = reference.level or found.levels.get(reference.key) or (own[1] if own else None) or "recommended"
            found.levels[reference.key] = level
            if reference.level is not None:
                found.conditional.discard(reference.key)
            if reference.conditional:
                found.conditional.add(reference.key)
            if reference.identifying:
                found.identifying.append(reference.key)
        found.conditional = {key for key in found.conditional if found.levels[key] == "recommended"}
        self._made[group.id] = found
        return found

    def _of_group(self, name: str, node: Node, on_the_way: tuple[str, ...]) -> _Attributes:
        if name in on_the_way:
            self._errors.append(node.error(f"`{name}` has its own attributes through {' -> '.join(on_the_way)}"))
        elif len(on_the_way) > _GROUPS_DEEP:
            self._errors.append(node.error(f"`{name}`: groups refer to groups more than {_GROUPS_DEEP} times"))
        elif name in self._groups:
            return self._attributes(self._groups[name], on_the_way)
        elif name in self._builtin.conventions:
            convention = self._builtin.conventions[name]
            return _Attributes(dict(convention.attributes), set(convention.conditional), list(convention.identifying))
        else:
            known = (*self._groups, *self._builtin.conventions)
            self._errors.append(
                node.error(
                    f"`{name}`: there is no such group or convention{nearest(name, known)} (OpenTelemetry's "
                    "conventions can be named, such as span.http.client; its groups of attributes are not kept)"
                )
            )
        return _Attributes()

    def _is_defined(self, key: str, node: Node) -> bool:
        if key in self._defined or key in self._builtin.attributes:
            return True
        known = (*self._defined, *self._builtin.attributes)
        builtin = f"OpenTelemetry's {self._builtin.version}"
        self._errors.append(node.error(f"`{key}` is defined neither here nor by {builtin}{nearest(key, known)}"))
        return False

    def _check_import(self, of: Definitions, node: Node, kind: str, pattern: str) -> None:
        if not any(fnmatchcase(name, pattern) for name in self._names(of, kind)):
            what = kind or "attribute group"
            hint = nearest(pattern, self._names(of, kind))
            self._errors.append(node.error(f"imports: no {what} of another registry is called `{pattern}`{hint}"))

    def _names(self, of: Definitions, kind: str) -> Iterator[str]:
        others = [group for each in self._definitions if each is not of for group in each.groups.values()]
        for group in others:
            if (group.kind or "") == kind:
                yield group.name or group.id.removeprefix(f"{kind}.")
        convention: Mapping[str, Convention] = self._builtin.conventions
        for each in convention.values():
            if each.kind == kind:
                yield each.name or each.id.removeprefix(f"{kind}.")
