"""Write the packaged table of OpenTelemetry's semantic conventions from a file of their public facts.

    python -m otlp_verifier.registry.generate semconv-facts.json

`make registry FACTS=semconv-facts.json` calls it. One line for each attribute and convention, sorted, so that a new
version of the conventions is a change that can be read.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from otlp_verifier.registry.model import Version
from otlp_verifier.registry.opentelemetry import TABLE

_Json = Mapping[str, Any]
# Recommended under a condition, which the facts leave out ("if the request was sent again"): what nobody can decide
# from a record alone, nobody is told to miss.
_CONDITIONAL: Final = frozenset({
    "db.collection.name", "db.operation.batch.size", "db.operation.name", "db.query.summary", "db.query.text",
    "db.stored_procedure.name",
    "feature_flag.context.id", "feature_flag.error.message", "feature_flag.set.id", "feature_flag.version",
    "http.request.resend_count", "messaging.destination.partition.id", "messaging.message.conversation_id",
    "messaging.message.id", "network.peer.address", "network.peer.port", "oracle.db.domain", "oracle.db.instance.name",
    "oracle.db.name", "oracle.db.pdb", "oracle.db.service",
})  # fmt: skip
_PROVENANCE: Final = "OpenTelemetry semantic conventions, as facts without their texts"


def main() -> None:
    """Write the table."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    TABLE.write_text(table(orjson.loads(Path(sys.argv[1]).read_bytes())), encoding="utf-8")
    sys.stdout.write(f"wrote {TABLE}\n")


def table(facts: _Json) -> str:
    """Return the text of the table that `opentelemetry.read` reads."""
    renames = list(_renames(facts))
    sections: dict[str, dict[str, Any] | list[Any]] = {
        "attributes": _attributes(facts, renames),
        "conventions": _conventions(facts),
        "renames": renames,
    }
    source = facts["source"]
    head = {
        "what": _PROVENANCE,
        "repository": f"https://github.com/{source['repo']}",
        "ref": source["ref"],
        "commit": source["commit"],
        "licence": source["license"],
        "name": "opentelemetry",
        "schema_url": facts["schema_url"].removesuffix(facts["version"]),
        "version": facts["version"],
        "history_from": facts["history_from"],
        "versions": facts["renames"]["versions"],
    }
    parts = [f"{_text(key)}:{_text(value)}" for key, value in head.items()]
    for name, entries in sections.items():
        if isinstance(entries, dict):
            lines = [f"{_text(key)}:{_text(entries[key])}" for key in sorted(entries)]
            parts.append(f"{_text(name)}:{{\n" + ",\n".join(lines) + "\n}")
        else:
            parts.append(f"{_text(name)}:[\n" + ",\n".join(map(_text, entries)) + "\n]")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _text(value: object) -> str:
    return orjson.dumps(value).decode()


def _renames(facts: _Json) -> Iterator[dict[str, Any]]:
    for change in facts["renames"]["changes"]:
        for old, new in sorted(change["map"].items()):
            line = {key: change[key] for key in ("version", "section", "what")} | {"old": old, "new": new}
            if change.get("apply_to_metrics"):
                line["metrics"] = change["apply_to_metrics"]
            yield line


def _attributes(facts: _Json, renames: list[dict[str, Any]]) -> dict[str, Any]:
    plain = [line for line in renames if line["what"] == "attribute" and line["section"] != "metrics"]
    found = {key: _attribute(value) for key, value in facts["attributes"].items()}
    for key, gone in facts["removed"]["attributes"].items():
        found[key] = {"type": "any", "since": gone["since"], "last": gone["last"]}
    for line in plain:
        if line["old"] not in found:  # gone before the history begins: its last version is the one before
            before = [each for each in facts["renames"]["versions"] if _is_older(each, line["version"])]
            found[line["old"]] = {"type": "any", "since": facts["history_from"], "last": before[-1]}
    for key, entry in found.items():
        became = [line["version"] for line in plain if line["new"] == key]
        left = [line for line in plain if line["old"] == key]
        if "last" in entry and left:
            entry["deprecated"] = {"reason": "renamed", "since": left[0]["version"], "renamed_to": left[0]["new"]}
        elif "deprecated" in entry and left:
            entry["deprecated"]["since"] = _oldest(entry["deprecated"]["since"], left[0]["version"])
        since = _oldest(entry["since"], *became)
        # What the oldest version of the history has, may be older, and so is what had been renamed by then: some
        # attributes left the registry and came back as deprecated.
        was_there = left and not _is_older(since, left[0]["version"])
        if was_there or (since == facts["history_from"] and since not in became):
            del entry["since"]
        else:
            entry["since"] = since
    return found


def _oldest(*versions: str) -> str:
    return str(min(map(Version.parse, versions)))


def _is_older(one: str, other: str) -> bool:
    return Version.parse(one) < Version.parse(other)


def _attribute(fact: _Json) -> dict[str, Any]:
    kind = fact["type"]
    entry: dict[str, Any] = {"type": kind.removeprefix("template[").removesuffix("]") if "template" in kind else kind}
    if kind.startswith("template["):
        entry["template"] = True
    if "members" in fact:
        entry["members"] = [
            _member(int(value) if entry["type"] == "int" else value, said) for value, said in fact["members"].items()
        ]
    for key in ("stability", "deprecated", "since"):
        if key in fact:
            entry[key] = dict(fact[key]) if key == "deprecated" else fact[key]
    return entry


def _member(value: str | int, said: _Json) -> Any:
    return [value, said["deprecated"]] if "deprecated" in said else value


def _conventions(facts: _Json) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, fact in facts["spans"].items():
        kinds = [fact["span_kind"], *fact.get("span_kind_also", ())]
        found[key] = {"kind": "span", "span_kinds": kinds} | _convention(fact)
    for section, kind in (("events", "event"), ("entities", "entity"), ("metrics", "metric")):
        for key, fact in facts[section].items():
            found[f"{kind}.{key}"] = {"kind": kind, "name": key} | _convention(fact)
    for key, fact in facts["metric_refinements"].items():
        metric = facts["metrics"][fact["metric"]]
        refined = {**metric, **fact, "refines": f"metric.{fact['metric']}"}
        found.setdefault(key, {"kind": "metric", "name": fact["metric"]} | _convention(refined))
    return found


def _convention(fact: _Json) -> dict[str, Any]:
    entry = {
        key: fact[key]
        for key in (
            "refines", "stability", "since", "deprecated", "fixed", "instrument", "unit", "value_type", "entities",
        )
        if fact.get(key)
    }  # fmt: skip
    asked = {**fact.get("attributes", {}), **fact.get("identifying", {}), **fact.get("descriptive", {})}
    levels: dict[str, list[str]] = {}
    for key in sorted(asked):
        levels.setdefault(asked[key], []).append(key)
    entry["attributes"] = dict(sorted(levels.items()))
    if conditional := sorted(_CONDITIONAL.intersection(levels.get("recommended", ()))):
        entry["conditional"] = conditional
    if "identifying" in fact:
        entry["identifying"] = sorted(fact["identifying"])
    return entry


if __name__ == "__main__":
    main()
