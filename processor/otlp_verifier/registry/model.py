"""A registry of semantic conventions as data: attributes, conventions, and what was renamed when.

What is known for each version and what only for the newest: attributes have the version in which they appeared, in
which they were deprecated and, where they are gone, the last that had them, so that they can be asked about any
version. Types, members and conventions are those of the newest. The history begins at `Registry.history_from`; what
was there by then has no `since`, and of what was gone before only its renaming is known.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, get_args

import msgspec

Type = Literal["string", "int", "double", "boolean", "string[]", "int[]", "double[]", "boolean[]", "any"]
Level = Literal["required", "conditionally_required", "recommended", "opt_in"]
Kind = Literal["span", "event", "entity", "metric"]
SpanKind = Literal["client", "server", "producer", "consumer", "internal"]
Stability = Literal["stable", "release_candidate", "beta", "alpha", "development"]
Reason = Literal["renamed", "obsoleted", "uncategorized"]

TYPES: Final[tuple[Type, ...]] = get_args(Type)
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
SPAN_KINDS: Final[tuple[SpanKind, ...]] = get_args(SpanKind)
STABILITIES: Final[tuple[Stability, ...]] = get_args(Stability)

_VERSION: Final = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


class Version(msgspec.Struct, frozen=True, order=True):
    """A version of a registry; versions are ordered as numbers, not as text."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read `1.24.0`.

        Raises:
            ValueError: the text is none of three numbers with points between.

        """
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError(f"expected a version such as 1.24.0, found `{text[:60]}`")
        return cls(int(match[1]), int(match[2]), int(match[3]))

    @classmethod
    def of_schema_url(cls, url: str) -> "Version | None":
        """The version at the end of a schema URL, whosoever it is; None where there is none."""
        match = _VERSION.fullmatch(url.rpartition("/")[2]) if "/" in url else None
        return None if match is None else cls(int(match[1]), int(match[2]), int(match[3]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class Deprecation(msgspec.Struct, frozen=True):
    """Why something should not be used any more, and what instead.

    Attributes:
        reason: `renamed`: the same thing has another name. `obsoleted`: there is no such thing any more.
            `uncategorized`: anything else.
        since: the first version that says so; None: not known.
        renamed_to: the new name, only of what was renamed.
        moved_to: the repository that describes it now.
        see: what is next to it, where it was not simply renamed.
        note: what the registry's author says, if it is one of your own.

    """

    reason: Reason
    since: Version | None = None
    renamed_to: str | None = None
    moved_to: str | None = None
    see: str | None = None
    note: str = ""


class Member(msgspec.Struct, frozen=True):
    """One of the well-known values of an attribute. Enumerations are open: others are allowed."""

    value: str | int | float | bool
    deprecated: Deprecation | None = None


class Attribute(msgspec.Struct, frozen=True):
    """What a registry says about one key.

    Attributes:
        key: of a template the prefix: it speaks of `key.<anything>`.
        type: of the value; of a template, of the value of each key. `any` for what is gone and was not described.
        is_template: whether the key is a prefix.
        members: the well-known values, none for most.
        stability: None where it is not known, for what is gone.
        since: the first version that has it; None: the history of the registry begins later.
        last: the last version that has it; None: the newest has it.
        deprecated: see `deprecated_in`.

    """

    key: str
    type: Type
    is_template: bool = False
    members: tuple[Member, ...] = ()
    stability: Stability | None = None
    since: Version | None = None
    last: Version | None = None
    deprecated: Deprecation | None = None

    def exists_in(self, version: Version) -> bool:
        """Whether that version of the registry has it."""
        return (self.since is None or self.since <= version) and (self.last is None or version <= self.last)

    def deprecated_in(self, version: Version) -> Deprecation | None:
        """Why that version of the registry says not to use it; None where it does not.

        A deprecation of unknown age counts only in the newest, which is for the caller to know.
        """
        found = self.deprecated
        return found if found is not None and found.since is not None and found.since <= version else None


class Convention(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of span, event, entity or metric looks like, in the newest version.

    Attributes:
        id: unique in its registry: `span.http.client`, `event.exception`, `entity.host`, `metric.system.cpu.time`.
        kind: what it describes.
        name: of an event, entity or metric, as telemetry has it; empty for spans, whose names vary.
        span_kinds: which kinds such a span has, the usual one first; none: any.
        refines: the id of the convention that it narrows.
        stability: how much may still change.
        since: the first version that has it; None: not known.
        deprecated: why it should not be followed any more.
        attributes: how much it asks for each attribute, by key; of a template, by its prefix.
        conditional: those of `attributes` that are recommended under a condition which only people can judge.
        fixed: values that attributes have in every such record: with them a refinement is recognised.
        identifying: of an entity, the keys that tell one from another.
        instrument, unit, value_type: of a metric; `value_type` is `int`, `double` or empty where both are allowed.
        entities: what a metric is about, by type.

    """

    id: str
    kind: Kind
    name: str = ""
    span_kinds: tuple[SpanKind, ...] = ()
    refines: str | None = None
    stability: Stability = "development"
    since: Version | None = None
    deprecated: Deprecation | None = None
    attributes: Mapping[str, Level]
    conditional: tuple[str, ...] = ()
    fixed: Mapping[str, str] = msgspec.field(default_factory=dict)
    identifying: tuple[str, ...] = ()
    instrument: str = ""
    unit: str = ""
    value_type: str = ""
    entities: tuple[str, ...] = ()

    def keys(self, level: Level) -> tuple[str, ...]:
        """The attributes of one level, sorted."""
        return tuple(sorted(key for key, found in self.attributes.items() if found == level))


class Rename(msgspec.Struct, frozen=True):
    """One line of a schema's changes: from `version` on, what was `old` is `new`.

    Attributes:
        version: the first that has the new name.
        section: `all`, `spans`, `resources` or `metrics`: where it was renamed.
        what: whether an attribute's key or a metric's name.
        old, new: the names.
        metrics: the metrics whose attribute it is; none: it does not depend on one.

    """

    version: Version
    section: str
    what: Literal["attribute", "metric"]
    old: str
    new: str
    metrics: tuple[str, ...] = ()


class Registry(msgspec.Struct, frozen=True, eq=False):
    """One registry.

    Attributes:
        name: `opentelemetry`, or what the manifest of one of your own calls itself.
        schema_url: without the version: `https://opentelemetry.io/schemas/`; empty: telemetry cannot declare it.
        version: the newest that is known.
        versions: all that are known, ascending.
        history_from: since which of them attributes are known one by one.
        attributes: by key.
        conventions: by id.
        renames: in the order of versions.
        opentelemetry: the version of OpenTelemetry's conventions that it builds on; None: it does not say.

    """

    name: str
    schema_url: str
    version: Version
    versions: tuple[Version, ...]
    history_from: Version
    attributes: Mapping[str, Attribute]
    conventions: Mapping[str, Convention]
    renames: tuple[Rename, ...] = ()
    opentelemetry: Version | None = None


class Registries:
    """Several registries as one: the first that has a key decides. Your own come before OpenTelemetry's.

    Attributes:
        all: the registries, in the order in which they are asked.

    """

    all: tuple[Registry, ...]

    def __init__(self, all: tuple[Registry, ...]) -> None:  # noqa: A002  # as the attribute is called
        """Ask these."""
        self.all = all

    def attribute(self, key: str) -> Attribute | None:
        """What is said of a key: by its own entry, else by the template with the longest prefix of it."""
        for registry in self.all:
            found = registry.attributes.get(key)
            if found is not None and not found.is_template:
                return found
        prefix = key
        while "." in prefix:
            prefix = prefix.rpartition(".")[0]
            for registry in self.all:
                found = registry.attributes.get(prefix)
                if found is not None and found.is_template and len(key) > len(prefix) + 1:
                    return found
        return None

    @functools.cached_property
    def namespaces(self) -> frozenset[str]:
        """Every dotted prefix of a key that a newest version has: `http.request` for `http.request.method`."""
        return frozenset(
            prefix
            for registry in self.all
            for attribute in registry.attributes.values()
            if attribute.last is None
            for prefix in _prefixes(attribute)
        )

    def renamed(self, key: str, version: Version | None = None) -> tuple[Rename, ...]:
        """How the key of an attribute changed after a version, step by step; nothing where it did not.

        What a deprecation says comes before what the schema's changes say: these also transform what is no simple
        renaming. Keys that the newest version has and does not deprecate were given up and taken back: no change.
        What was renamed on metrics only is left out.

        Args:
            key: as it was in that version.
            version: of the registry that has the key; None: any.

        Returns:
            the steps; `steps[-1].new` is today's name.

        """
        steps: list[Rename] = []
        while (step := self._step(key, steps[-1].version if steps else version)) is not None:
            if any(step.new == earlier.old for earlier in steps):
                break  # two registries that send the key back and forth
            steps.append(step)
            key = step.new
        return tuple(steps)

    def _step(self, key: str, after: Version | None) -> Rename | None:
        for registry in self.all:
            current = registry.attributes.get(key)
            if current is None:
                continue
            said = current.deprecated
            if said is not None and said.renamed_to is not None:
                since = said.since or registry.version
                return Rename(since, "all", "attribute", key, said.renamed_to) if _is_after(since, after) else None
            if current.last is None and said is None:
                return None
            for rename in registry.renames:
                is_meant = rename.old == key and rename.what == "attribute" and rename.section != "metrics"
                if is_meant and _is_after(rename.version, after):
                    return rename
        return None

    def version_of(self, schema_url: str) -> tuple[Registry, Version] | None:
        """Whose schema a URL names, and which version of it, known or not; None: nobody's here."""
        for registry in self.all:
            if registry.schema_url and schema_url.startswith(registry.schema_url):
                version = Version.of_schema_url(schema_url)
                if version is not None and f"{registry.schema_url}{version}" == schema_url:
                    return registry, version
        return None


def _prefixes(attribute: Attribute) -> Iterator[str]:
    prefix = attribute.key if attribute.is_template else attribute.key.rpartition(".")[0]
    while prefix:
        yield prefix
        prefix = prefix.rpartition(".")[0]


def _is_after(version: Version, other: Version | None) -> bool:
    return other is None or version > other
