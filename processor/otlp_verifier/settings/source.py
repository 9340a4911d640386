"""Reads a configuration file; a mistake names the file, the line, what was expected and the nearest known key."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from otlp_verifier.language.errors import nearest
from otlp_verifier.settings import schema
from otlp_verifier.settings.model import Settings
from otlp_verifier.settings.scalars import Scalar

BYTES_MAX: Final = 1 << 20
_PLACE: Final = re.compile(r"(?P<what>.*?)(?: - at (?P<key>`key` in )?`(?P<path>\$.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+)\]|\[(?P<any>\.\.\.)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<key>.*)`")

Path_ = tuple[str | int, ...]


class SettingsError(ValueError):
    """A configuration that cannot be used; its text is one line per mistake, `file:line:column: key: what`."""


class SettingsFile(msgspec.Struct, frozen=True):
    """Settings, and where in their file each of them stands.

    Attributes:
        path: the file; None when all settings are defaults.
        settings: what it says.

    """

    path: Path | None
    settings: Settings
    node: yaml.Node | None = None

    def error(self, at: Path_, message: str) -> SettingsError:
        """The error that `message` is, with the place of the setting at `at` (keys and list positions)."""
        return SettingsError(_line(self.path, _locate(self.node, at), at, message))

    def resolve(self, written: str) -> Path:
        """A path that stands in the file: relative ones start at the file's folder."""
        return (self.path.parent if self.path else Path()) / written


def load(path: Path | None) -> SettingsFile:
    """Read and check a configuration file; without one, everything has its default.

    Raises:
        SettingsError: the file cannot be read, is not YAML, or holds a mistake.

    """
    if path is None:
        return SettingsFile(None, Settings())
    loader = yaml.SafeLoader(_text(path))
    try:
        node = loader.get_single_node()
        if node is not None:
            _refuse_duplicates(path, node)
        data = {} if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise SettingsError(f"{place}: not YAML: {error.problem or error.context}") from error
    finally:
        loader.dispose()
    data = {} if data is None else data
    try:
        return SettingsFile(path, _convert(data), node)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(path, node, data, error)) from error


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
        if len(content) > BYTES_MAX:
            raise SettingsError(f"{path}: longer than {BYTES_MAX} bytes")
        text = content.decode()
        yaml.reader.Reader(text)  # refuses characters that YAML does not allow
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8: byte {error.start}") from error
    except yaml.reader.ReaderError as error:
        raise SettingsError(f"{path}: not YAML: {error.reason} at character {error.position}") from error
    return text


def _convert(data: object) -> Settings:
    return msgspec.convert(data, Settings, dec_hook=_scalar)


def _scalar(kind: type, written: object) -> object:
    if issubclass(kind, Scalar):
        return kind(written)
    raise NotImplementedError(kind)


def _refuse_duplicates(path: Path, root: yaml.Node) -> None:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: dict[str, yaml.Node] = {}
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    if key.value in keys:
                        first = keys[key.value].start_mark.line + 1
                        raise SettingsError(_line(path, key, (key.value,), f"already set on line {first}"))
                    keys[key.value] = key
                waiting.append(value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)


def _explain(path: Path, node: yaml.Node | None, data: object, error: msgspec.ValidationError) -> str:
    match = _PLACE.fullmatch(str(error))
    assert match is not None  # noqa: S101  # the pattern matches any text
    at = _path(match["path"] or "$", data)
    described = schema.at(schema.json_schema(), at)
    if unknown := _UNKNOWN.fullmatch(match["what"]):
        known = list(described["properties"])
        at = (*at, unknown["key"])
        message = f"unknown key{nearest(unknown['key'], known) or '; known here: ' + ', '.join(known)}"
        return _line(path, _locate(node, at, key=True), at, message)
    if missing := _MISSING.fullmatch(match["what"]):
        return _line(path, _locate(node, at), at, f"the key `{missing['key']}` is missing")
    if match["key"] or (match["what"].startswith("Expected `str`") and not at and isinstance(data, dict)):
        return _line(path, _locate(node, at), at, "expected keys that are text")
    if error.__cause__ is not None:
        return _line(path, _locate(node, at), at, str(error.__cause__))
    found = _value(data, at)
    hint = nearest(found, [str(value) for value in described.get("enum", ())]) if isinstance(found, str) else ""
    shown = msgspec.json.encode(found, enc_hook=str).decode()
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return _line(path, _locate(node, at), at, f"expected {schema.expected(described)}, found {shown}{hint}")


def _path(written: str, data: object) -> Path_:
    """Msgspec's `$.a[0].b` as steps; `[...]`, any value of a mapping, is found by trying each."""
    steps: list[str | int] = []
    for match in _STEP.finditer(written, 1):
        if match["any"]:
            steps.append(next(_culprits(data, tuple(steps))))
        else:
            steps.append(int(match["index"]) if match["index"] else match["key"])
    return tuple(steps)


def _culprits(data: object, at: Path_) -> Iterator[str]:
    for key, value in _value(data, at).items():
        alone: object = {key: value}
        for step in reversed(at):
            alone = {step: alone}
        try:
            _convert(alone)
        except msgspec.ValidationError:
            yield key


def _value(data: Any, at: Path_) -> Any:
    for step in at:
        data = data[step]
    return data


def _locate(node: yaml.Node | None, at: Path_, *, key: bool = False) -> yaml.Node | None:
    """The node at `at`, or the deepest one on the way to it; with `key`, that of the last key itself."""
    for position, step in enumerate(at):
        below = None
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                if key_node.value == step:
                    below = key_node if key and position == len(at) - 1 else value_node
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            below = node.value[step]
        if below is None:
            return node
        node = below
    return node


def _line(path: Path | None, node: yaml.Node | None, at: Path_, message: str) -> str:
    place = str(path or "default settings")
    if node is not None:
        place += f":{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at).removeprefix(".")
    return f"{place}: {name}: {message}" if name else f"{place}: {message}"
