"""The house rules that a machine can check: direction of imports, sizes of files, what no file may hold."""

import ast
import os
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "processor" / "otlp_verifier"

# Down the data flow: a part imports only from those before it. `policy` and `contract` are plain data for everybody.
LEAVES = {"policy", "contract", "version"}
ORDER = [
    "kernels",
    "registry",
    "wire",
    "columns",
    "relate",
    "machine",
    "attributes",
    "sensitive",
    "language",
    "rules",
    "weaver",
    "conventions",
    "effects",
    "findings",
    "lookups",
    "phases",
    "verify",
    "verdict",
    "annotate",
    "worker",
    "pipeline",
    "files",
    "report",
    "settings",
    "groups",
    "tuning",
    "selection",
    "serve",
    "testing",
    "cli",
]

LINES_MAX = {".py": 400, ".c": 600, ".h": 600, ".go": 400}
# file -> why it may be longer
LONGER: dict[str, str] = {
    "tests/wire/test_scan.py": "the odd encodings and what each is read as stand in one place",
}

JUNK_DRAWERS = {"util", "utils", "helper", "helpers", "common", "misc", "tools"}
# Paths of one person's machine, and leftovers of merging.
FOREIGN = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/|^(?:<{7}|>{7}) ", re.MULTILINE)
TEXT = {".py", ".c", ".h", ".go", ".md", ".yaml", ".yml", ".toml", ".sh", ".proto", ".svg", ".txt", ".json"}
NOT_OURS = {"build", "dist", "_build", "__pycache__", "node_modules"}


def files() -> Iterator[Path]:
    """Every file of the project that was written or generated to be kept."""
    for top, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith(".egg-info")]
        folders[:] = [name for name in folders if not name.startswith(".") or name == ".ci"]
        # In a linked worktree `.git` is a file.
        yield from (Path(top) / name for name in names if name != ".git" and (Path(top) / name).is_file())


def generated(path: Path) -> bool:
    return path.name.startswith(("generated_", "_native")) or path.name.endswith((".pb.go", "_pb2.py", "_pb2_grpc.py"))


def part(path: Path) -> str:
    """The part of the package that a module belongs to: its folder or file under otlp_verifier/."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The parts of the package that a module imports, type-checking imports included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        found |= {module.split(".")[1] for module in modules if module.startswith("otlp_verifier.")}
    return found


def test_every_part_has_one_place() -> None:
    assert len(ORDER) == len(set(ORDER))


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name != "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_the_data_flow(path: Path) -> None:
    own = part(path)
    if own == "__main__":
        return
    allowed = LEAVES | {own} if own not in LEAVES else {own}
    if own in ORDER:
        allowed |= set(ORDER[: ORDER.index(own)])
    else:
        assert own in LEAVES, f"{own} is new: put it in its place in ORDER, and into docs/architecture.md"
    wrong = imports(path) - allowed
    assert not wrong, f"{own} must not import {', '.join(sorted(wrong))}"


def test_only_wire_knows_protobuf() -> None:
    knowing = {
        part(path)
        for path in MODULES
        if re.search(r"^\s*(from|import) (google\.protobuf|opentelemetry\.proto)", path.read_text(), re.MULTILINE)
    }
    assert knowing <= {"wire", "contract", "rules"}, "rules/ encodes the examples of its rules; nobody else reads OTLP"


def test_files_are_short() -> None:
    too_long = {}
    for path in files():
        limit = LINES_MAX.get(path.suffix)
        if limit is None or generated(path):
            continue
        lines = len(path.read_text().splitlines())
        name = str(path.relative_to(ROOT))
        if lines > limit and name not in LONGER:
            too_long[name] = lines
    assert not too_long
    stale = [name for name in LONGER if not (ROOT / name).is_file()]
    assert not stale


def test_no_junk_drawers() -> None:
    named = [
        str(path.relative_to(ROOT))
        for path in files()
        if path.stem.lower() in JUNK_DRAWERS and path.suffix in {".py", ".c", ".go"}
    ]
    assert not named


def test_no_silent_fallback() -> None:
    """An except clause whose body does nothing hides errors; so does one that catches everything without raising."""
    silent = []
    for path in chain(MODULES, (ROOT / "example").rglob("*.py"), (ROOT / "perf").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
            )
            if broad and all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not silent


def test_files_speak_of_the_project_alone() -> None:
    foreign = []
    for path in files():
        if path == Path(__file__) or path.suffix not in TEXT | {""} or path.suffix == ".lock":
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for match in FOREIGN.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            foreign.append(f"{path.relative_to(ROOT)}:{line}: {match[0]!r}")
    assert not foreign
