"""OpenTelemetry's own registry, from the table that `generate` writes."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from otlp_verifier.registry.model import (
    Attribute,
    Convention,
    Deprecation,
    Member,
    Registries,
    Registry,
    Rename,
    Version,
)

TABLE: Final = Path(__file__).with_name("opentelemetry.json")


@functools.cache
def registry() -> Registry:
    """Return it; the table is read once per process."""
    return read(TABLE.read_bytes())


@functools.cache
def alone() -> Registries:
    """OpenTelemetry's registry with none of your own beside it."""
    return _Alone()


class _Alone(Registries):
    """It is read when something is asked of it, which takes longer than checking a small file."""

    def __init__(self) -> None:
        """Read nothing yet."""

    @functools.cached_property
    def all(self) -> tuple[Registry, ...]:  # type: ignore[override]  # it can be written
        return (registry(),)


def read(table: bytes | str) -> Registry:
    """Make the registry that a table describes, as `generate.table` writes it."""
    data = orjson.loads(table)
    return Registry(
        name=data["name"],
        schema_url=data["schema_url"],
        version=_version(data["version"]),
        versions=tuple(_version(each) for each in data["versions"]),
        history_from=_version(data["history_from"]),
        attributes={key: _attribute(key, entry) for key, entry in data["attributes"].items()},
        conventions=_Conventions(data["conventions"]),
        renames=tuple(_rename(entry) for entry in data["renames"]),
        opentelemetry=_version(data["version"]),
    )


class _Conventions(Mapping[str, Convention]):
    """Conventions by id, made when they are asked for: few processes do, and they are more than half of the table."""

    def __init__(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        self._entries = entries
        self._made: dict[str, Convention] = {}

    def __getitem__(self, key: str) -> Convention:
        if key not in self._made:
            self._made[key] = _convention(key, self._entries[key])
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


_version: Final = functools.cache(Version.parse)


def _since(text: str | None) -> Version | None:
    return None if text is None else _version(text)


def _deprecation(entry: Mapping[str, Any] | None) -> Deprecation | None:
    return None if entry is None else Deprecation(**{**entry, "since": _since(entry.get("since"))})


def _member(entry: Any) -> Member:
    return Member(entry[0], _deprecation(entry[1])) if isinstance(entry, list) else Member(entry)


def _attribute(key: str, entry: Mapping[str, Any]) -> Attribute:
    return Attribute(
        key=key,
        type=entry["type"],
        is_template=entry.get("template", False),
        members=tuple(map(_member, entry.get("members", ()))),
        stability=entry.get("stability"),
        since=_since(entry.get("since")),
        last=_since(entry.get("last")),
        deprecated=_deprecation(entry.get("deprecated")),
    )


def _convention(key: str, entry: Mapping[str, Any]) -> Convention:
    changed = {
        "attributes": {name: level for level, names in entry["attributes"].items() for name in names},
        "since": _since(entry.get("since")),
        "deprecated": _deprecation(entry.get("deprecated")),
        **{
            name: tuple(entry[name])
            for name in ("span_kinds", "conditional", "identifying", "entities")
            if name in entry
        },
    }
    return Convention(**{"id": key, **entry, **changed})


def _rename(entry: Mapping[str, Any]) -> Rename:
    return Rename(**{**entry, "version": _version(entry["version"]), "metrics": tuple(entry.get("metrics", ()))})
