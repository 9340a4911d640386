"""The settings described: as JSON Schema for editors, as a table for the documentation."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from otlp_verifier.settings.model import Settings
from otlp_verifier.settings.scalars import Scalar

Schema = dict[str, Any]
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Schema:
    """The JSON Schema of a configuration file."""
    schema = msgspec.json.schema(Settings, schema_hook=_scalar)
    for struct in _structs(inspect.type_info(Settings)):
        properties = schema["$defs"][struct.cls.__name__]["properties"]
        for field in struct.fields:
            factory = field.default_factory
            # msgspec writes plain defaults itself; sections show those of their own keys.
            if factory is not msgspec.NODEFAULT and factory is not dict and "default" not in properties[field.name]:
                default = factory()
                if not isinstance(default, msgspec.Struct):
                    properties[field.name]["default"] = msgspec.to_builtins(default, enc_hook=str)
    described: Schema = msgspec.json.decode(msgspec.json.encode(schema))  # tuples become lists
    return {"$schema": _DRAFT, "title": "otlp-verifier configuration"} | described


def at(schema: Schema, path: tuple[str | int, ...]) -> Schema:
    """The part of `schema` that describes what stands at `path`: keys and list positions."""
    part = _resolved(schema, schema)
    for step in path:
        if isinstance(step, int):
            part = part["items"]
        else:
            part = part.get("properties", {}).get(step) or part["additionalProperties"]
        part = _resolved(schema, part)
    return part


def expected(part: Schema) -> str:
    """What may stand where `part` describes it, in words."""
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(expected(choice) for choice in part["anyOf"]))
    if "enum" in part:
        return "one of " + ", ".join(f"`{value}`" for value in part["enum"] if value is not None)
    kind = part.get("type")
    if kind == "array":
        least = f" with at least {part['minItems']} entry" if part.get("minItems") else ""
        return "a list" + least
    if kind == "integer":
        low, high = part.get("minimum"), part.get("maximum")
        return "a whole number" if low is None else f"a whole number from {low} to {high}"
    if kind == "object":
        return "a section of keys and values"
    return {"string": "text", "boolean": "true or false", "null": "null"}.get(str(kind), "another value")


def markdown() -> str:
    """A table of all settings with type, default and meaning."""
    schema = json_schema()
    lines = ["| setting | value | default | meaning |", "| --- | --- | --- | --- |"]
    for name, part in _leaves(schema, at(schema, ()), ""):
        default = _written(part["default"]) if "default" in part else ""
        described = part.get("description", "").replace("|", "\\|")
        lines.append(f"| `{name}` | {_kind(part)} | {default} | {described} |")
    return "\n".join(lines) + "\n"


def _scalar(kind: type) -> Schema:
    if issubclass(kind, Scalar):
        return dict(kind.schema)
    raise NotImplementedError(kind)


def _structs(kind: inspect.Type) -> Iterator[inspect.StructType]:
    if isinstance(kind, inspect.Metadata):
        yield from _structs(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for choice in kind.types:
            yield from _structs(choice)
    elif isinstance(kind, inspect.StructType):
        yield kind
        for field in kind.fields:
            yield from _structs(field.type)


def _resolved(schema: Schema, part: Schema) -> Schema:
    """`part` with a reference replaced by what it refers to; `X or null` is read as X."""
    choices = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        part = choices[0] | {key: value for key, value in part.items() if key != "anyOf"}
    if "$ref" not in part:
        return part
    target: Schema = schema["$defs"][part["$ref"].rpartition("/")[2]]
    return target | {key: value for key, value in part.items() if key != "$ref"}


def _leaves(schema: Schema, part: Schema, name: str) -> Iterator[tuple[str, Schema]]:
    part = _resolved(schema, part)
    items = _resolved(schema, part.get("items", {}))
    if "properties" in part:
        for key, value in part["properties"].items():
            yield from _leaves(schema, value, f"{name}.{key}".removeprefix("."))
    elif "properties" in items:
        yield name, part
        yield from _leaves(schema, items, f"{name}[]")
    else:
        yield name, part


def _kind(part: Schema) -> str:
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"] if value is not None)
    if "examples" in part:
        return "such as " + ", ".join(f"`{example}`" for example in part["examples"])
    of_names = part.get("additionalProperties")
    if isinstance(of_names, dict):
        return "name: as `policy`" if "$ref" in of_names else f"name: {expected(of_names)}"
    return expected(part)


def _written(default: object) -> str:
    text = msgspec.json.encode(default).decode()
    return "" if text in ("null", "[]", "{}") else f"`{text.strip(chr(34))}`"
