"""From the paths of a configuration to registries."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from otlp_verifier.registry import opentelemetry
from otlp_verifier.registry.model import Registries, Version
from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors
from otlp_verifier.rules.nodes import Node, tree
from otlp_verifier.weaver import classic, definition2
from otlp_verifier.weaver.definitions import Definitions
from otlp_verifier.weaver.fields import Errors, Fields, shown
from otlp_verifier.weaver.resolve import Resolver

FILES_MAX: Final = 2_000
BYTES_MAX: Final = 1 << 20  # of one file
DEPTH_MAX: Final = 32
MANIFESTS: Final = ("manifest.yaml", "registry_manifest.yaml")
_SUFFIXES: Final = (".yaml", ".yml")
_NAME: Final = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")
_MANIFEST: Final = (
    "file_format", "name", "description", "schema_url", "schema_base_url", "semconv_version", "version",
    "repository_url", "stability", "dependencies", "annotations",
)  # fmt: skip
_DEPENDENCY: Final = ("name", "schema_url", "registry_path", "version")
_IN_PATH: Final = re.compile(r"open-telemetry/semantic-conventions(?:\.git)?@v(\d+\.\d+\.\d+)\b")


class Loaded(msgspec.Struct, frozen=True):
    """Registries, and where the conventions of your own stand.

    Attributes:
        registries: your own in the order in which they were named, then OpenTelemetry's.
        places: by name of the registry: file and line of each convention, by id.
        files: by name of the registry, the file or folder that was named.

    """

    registries: Registries
    places: Mapping[str, Mapping[str, tuple[str, int]]]
    files: Mapping[str, str]


def load(paths: Iterable[Path]) -> Loaded:
    """Read registries of your own; without a path there is OpenTelemetry's alone.

    Args:
        paths: of each a folder, with everything below it, or one file.

    Raises:
        RuleFileErrors: what is wrong, all of it: each with file, line, what was expected and the nearest known name.

    """
    errors: Errors = []
    builtin = opentelemetry.registry()
    found = [each for path in paths if (each := _read(path, errors)) is not None]
    first: dict[str, Definitions] = {}
    for each in found:
        if first.setdefault(each.name, each) is not each:
            other = first[each.name].path
            errors.append(each.place.error(f"the registry `{each.name}` is there already: {other}"))
    resolver = Resolver(found, builtin, errors)
    registries = Registries((*(resolver.registry(each) for each in found), builtin))
    if errors:
        raise RuleFileErrors(errors)
    places = {
        each.name: {group.id: (group.node.file, group.node.line) for group in each.groups.values()} for each in found
    }
    return Loaded(registries, places, {each.name: str(each.path) for each in found})


def _read(path: Path, errors: Errors) -> Definitions | None:
    if not path.exists():
        errors.append(RuleFileError(str(path), 0, "there is no such file or folder"))
        return None
    files = sorted(_files(path)) if path.is_dir() else [path]
    if len(files) > FILES_MAX:
        errors.append(RuleFileError(str(path), 0, f"expected at most {FILES_MAX:,} files, found {len(files):,}"))
        return None
    manifests = [file for file in files if path.is_dir() and file.name in MANIFESTS and file.parent == path]
    found = _manifest(path, manifests, errors)
    before = len(errors)
    for file in files:
        if path.is_dir() and file.name in MANIFESTS:
            continue
        root = _tree(file, errors)
        if root is not None:
            _definitions(root, found, errors)
    if not found.attributes and not found.groups and len(errors) == before:
        errors.append(RuleFileError(str(path), 0, "expected files with `groups:` or `file_format: definition/2`"))
    return found


def _files(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(top) / name for name in names if name.endswith(_SUFFIXES) and not name.startswith("."))


def _tree(file: Path, errors: Errors) -> Node | None:
    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES_MAX + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        errors.append(RuleFileError(str(file), 0, f"cannot be read: {error}"))
        return None
    if len(content) > BYTES_MAX:
        errors.append(RuleFileError(str(file), 0, f"expected at most {BYTES_MAX:,} bytes"))
        return None
    return tree(str(file), text, DEPTH_MAX, errors)


def _definitions(root: Node, found: Definitions, errors: Errors) -> None:
    if not isinstance(root.value, dict):
        errors.append(root.error(f"expected `groups:` or `file_format: definition/2`, found {shown(root.value)}"))
    elif "file_format" in root.value and root.value["file_format"].value != definition2.FORMAT:
        node = root.value["file_format"]
        errors.append(node.error(f"file_format: expected {definition2.FORMAT}, found {shown(node.value)}"))
    elif "file_format" in root.value or ("version" in root.value and root.value["version"].value == "2"):
        definition2.read(root, found, errors)
    else:
        classic.read(root, found, errors)


def _manifest(path: Path, manifests: list[Path], errors: Errors) -> Definitions:
    """What a registry calls itself; one without a manifest has the name of its file or folder, and no version."""
    nowhere = Node(str(path), 0, {})
    named = Definitions(path, "", "", Version(0, 0, 0), None, nowhere)
    if len(manifests) > 1:
        errors.append(RuleFileError(str(manifests[1]), 0, f"there is a manifest already: {manifests[0]}"))
    root = _tree(manifests[0], errors) if manifests else None
    if root is not None:
        fields = Fields(root, "manifest", _MANIFEST, errors)
        named.place = fields.at("name")
        named.name = fields.text("name")
        _identify(fields, named, errors)
        for dependency in fields.items("dependencies"):
            _depend(Fields(dependency, "dependency", _DEPENDENCY, errors), named)
    if not named.name:
        named.name = urlsplit(named.schema_url).hostname or path.resolve().stem.lower()
    if not _NAME.fullmatch(named.name):
        errors.append(
            named.place.error(f"name: expected lower case words joined by `-`, `_` or `.`, found `{named.name}`")
        )
    if named.schema_url == opentelemetry.registry().schema_url:
        errors.append(named.place.error("this is OpenTelemetry's own registry, which is built in"))
    return named


def _identify(fields: Fields, named: Definitions, errors: Errors) -> None:
    if "schema_url" in fields:
        url = fields.text("schema_url")
        version = Version.of_schema_url(url)
        if version is None:
            fields.wrong("schema_url", "a URL that ends with a version, such as https://acme.example/schemas/1.2.0")
        else:
            named.schema_url, named.version = url.removesuffix(str(version)), version
        return
    base = fields.text("schema_base_url") or fields.text("repository_url")
    named.schema_url = base if not base or base.endswith("/") else f"{base}/"
    for key in ("semconv_version", "version"):
        if key in fields:
            try:
                named.version = Version.parse(fields.text(key).removeprefix("v"))
            except ValueError:
                fields.wrong(key, "a version such as 1.2.0")
            return
    if named.schema_url:
        errors.append(fields.node.error("manifest: expected `schema_url`, or `semconv_version` beside the base URL"))


def _depend(fields: Fields, named: Definitions) -> None:
    url, path = fields.text("schema_url"), fields.text("registry_path")
    in_path = _IN_PATH.search(path)
    if url.startswith(opentelemetry.registry().schema_url):
        named.opentelemetry = Version.of_schema_url(url)
    elif in_path:
        named.opentelemetry = Version.parse(in_path[1])
