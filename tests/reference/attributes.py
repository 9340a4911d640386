"""What is wrong with the attributes of a record, slowly: by the registry's table as it lies there, one by one."""

import functools
import json
import math
import re
from pathlib import Path
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

import otlp_verifier.registry
from tests.reference.records import Record

TABLE = Path(otlp_verifier.registry.__file__).with_name("opentelemetry.json")
NEWER = {"unknown", "enum-unknown", "enum-near-miss", "extends-namespace", "reserved-otel"}
ACCEPTED = {
    "string": {"string_value"},
    "boolean": {"bool_value"},
    "int": {"int_value", "double_value"},
    "double": {"int_value", "double_value"},
    "string[]": {"array_value"},
    "int[]": {"array_value"},
    "double[]": {"array_value"},
    "boolean[]": {"array_value"},
}


@functools.cache
def table() -> dict[str, Any]:
    """The registry as JSON."""
    return dict(json.loads(TABLE.read_text()))


def has_fault(record: Record, fault: str) -> bool:
    """Whether an attribute of a record has a fault."""
    return fault in faults(record)


def follows(record: Record, version: str) -> bool:
    """Whether the version that a record declares is that one or newer, or none."""
    stated = declared(record)
    return stated is None or stated >= parsed(version)


def faults(record: Record) -> set[str]:
    """Everything that is wrong with the attributes of a record."""
    stated, pairs = declared(record), [(pair.key, pair.value) for pair in record.message.attributes]
    found = {each for key, value in pairs for each in of_attribute(key, value, stated)}
    keys = {key for key, _ in pairs}
    if len({key.casefold() for key in keys}) < len(keys):
        found.add("case-collision")
    if any(b.startswith(a + ".") for a in keys for b in keys if a):
        found.add("namespace-collision")
    newest = parsed(table()["version"])
    if stated is not None and stated > newest:
        found -= NEWER
    own = version_of(record.schema_url) if record.domain in ("resource", "scope") else None
    if own is not None and own > newest:
        found.add("schema-version")
    return found


def of_attribute(key: str, value: AnyValue, stated: tuple[int, ...] | None) -> set[str]:
    """What is wrong with one attribute."""
    kind = value.WhichOneof("value") or ""
    entry = definition(key)
    found = set() if entry is not None else set(of_unknown(key))
    if kind == "string_value":
        text = value.string_value
        if any((ord(c) < 32 and c not in "\t\n\r") or ord(c) == 127 for c in text):
            found.add("control-characters")
        if len(text.encode()) > 32_768:
            found.add("huge")
    if kind == "double_value" and not math.isfinite(value.double_value):
        found.add("not-finite")
    since = deprecated_since(key, entry)
    if since is not None and (stated is None or stated >= since):
        found.add("deprecated")
    elif since is not None:
        found.add("deprecated-later")
    if entry is not None:
        if entry.get("stability", "stable") != "stable":
            found.add("not-stable")
        if "deprecated" not in entry:
            found |= of_value(entry, key, value, kind)
    return found


@functools.cache  # it looks through all keys that there are, and the same few come up again and again
def of_unknown(key: str) -> frozenset[str]:
    """What is wrong with a key that no registry has."""
    if renamed_in(key) is not None:
        return frozenset()
    found = {"unknown"}
    if re.fullmatch(r"[a-z][a-z0-9]*([._][a-z0-9]+)*", key) is None:
        found.add("key-format")
    if "." not in key:
        found.add("no-namespace")
    if any(each.startswith(key + ".") for each in standing() if key):
        found.add("namespace-collision")
    first = key.split(".", maxsplit=1)[0]
    if "." in key and first and any(each.startswith(first + ".") for each in standing()):
        found.add("extends-namespace")
    if re.match(r"otel\.(?!dropped_|zipkin\.)", key):
        found.add("reserved-otel")
    return frozenset(found)


def of_value(entry: dict[str, Any], key: str, value: AnyValue, kind: str) -> set[str]:
    """What is wrong with a value whose key is defined."""
    type_, content = entry["type"], getattr(value, kind) if kind else None
    is_header = entry.get("template", False) and re.match(r"http\.(request|response)\.header\.", key) is not None
    wrong = "header-shape" if is_header else "type"
    found = {"header-shape"} if is_header and key != key.lower() else set()
    if type_ == "any" or not kind:
        return found
    if kind == "string_value" and type_ in ("int", "double", "boolean"):
        return found | {"number-as-string" if reads_as(content, type_) else "type"}
    if kind not in ACCEPTED[type_]:
        return found | {wrong}
    if type_ == "int" and kind == "double_value" and content != (math.isfinite(content) and math.floor(content)):
        return found | {wrong}
    if kind == "array_value":
        kinds = {each.WhichOneof("value") for each in content.values} - {None}
        if kinds - ACCEPTED[type_.removesuffix("[]")]:
            return found | {wrong if len(kinds) == 1 else "mixed-array"}
        return found
    members = [each[0] if isinstance(each, list) else each for each in entry.get("members", [])]
    if key == "http.request.method" or members in ([], ["_OTHER"]) or type(content) is not type(members[0]):
        return found
    if content in members:
        return found
    return found | {"enum-near-miss" if isinstance(content, str) and is_near(content, members) else "enum-unknown"}


def is_near(text: str, members: list[str]) -> bool:
    """Whether a value was meant to be one of these."""
    folded = text.casefold()
    begun = [each for each in members if each.startswith(folded)]
    return (
        any(each.casefold() == folded for each in members)
        or (len(folded) >= 5 and len(begun) == 1 and len(begun[0]) - len(folded) in (1, 2))
        or any(one_letter(folded, each) for each in members)
    )


def one_letter(a: str, b: str) -> bool:
    """Whether one letter put in, left out or exchanged makes two longer words equal."""
    if min(len(a), len(b)) < 6:
        return False
    shorter, longer = sorted((a, b), key=len)
    if len(longer) == len(shorter):
        odd = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
        return len(odd) == 1 and all(each.isalpha() for each in odd[0])
    return (
        any(longer[:at] + longer[at + 1 :] == shorter and longer[at].isalpha() for at in range(len(longer)))
        and len(longer) == len(shorter) + 1
    )


def reads_as(text: str, type_: str) -> bool:
    """Whether a string is a number or a truth value, written out."""
    if type_ == "boolean":
        return text.lower() in ("true", "false")
    if type_ == "int":
        return re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII) is not None
    try:
        return text.isascii() and math.isfinite(float(text))
    except ValueError:
        return False


def definition(key: str) -> dict[str, Any] | None:
    """What the registry says of a key: itself, else the longest prefix that is a template."""
    attributes = table()["attributes"]
    if key in attributes and not attributes[key].get("template"):
        return dict(attributes[key])
    for at in range(len(key) - 2, 0, -1):
        if key[at] == "." and attributes.get(key[:at], {}).get("template"):
            return dict(attributes[key[:at]])
    return None


def deprecated_since(key: str, entry: dict[str, Any] | None) -> tuple[int, ...] | None:
    """From which version on a key is deprecated."""
    if entry is None:
        return renamed_in(key)
    deprecated = entry.get("deprecated")
    return parsed(deprecated["since"]) if deprecated else None


def renamed_in(key: str) -> tuple[int, ...] | None:
    """In which version a key that the history does not reach back to got another name."""
    for each in table()["renames"]:
        if each["what"] == "attribute" and not each.get("metrics") and each["old"] == key:
            return parsed(each["version"])
    return None


@functools.cache
def standing() -> tuple[str, ...]:
    """All keys that the newest version has; of templates with something behind them."""
    return tuple(
        key + ".x" * each.get("template", False) for key, each in table()["attributes"].items() if not each.get("last")
    )


def declared(record: Record) -> tuple[int, ...] | None:
    """The version that a record declares: its scope's, else its resource's."""
    at: Record | None = record
    while at is not None:
        if at.domain in ("resource", "scope") and (version := version_of(at.schema_url)) is not None:
            return version
        at = next((at.steps[step] for step in ("span", "scope", "resource") if step in at.steps), None)
    return None


def version_of(url: str) -> tuple[int, ...] | None:
    """The version in a schema URL of OpenTelemetry's."""
    match = re.fullmatch(r"https://opentelemetry\.io/schemas/((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))", url)
    return parsed(match[1]) if match else None


def parsed(version: str) -> tuple[int, ...]:
    """A version as numbers."""
    return tuple(map(int, version.split(".")))
