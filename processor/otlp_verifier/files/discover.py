"""What the paths on a command line stand for: files, all files of a folder, globs, standard input."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from otlp_verifier.files.notes import STDIN, Inputs, Source

_STDIN_ARGUMENT = "-"


class Input(msgspec.Struct, frozen=True):
    """A file to read.

    Attributes:
        name: what it is called in reports.
        path: where it is; None for standard input.
        size: in bytes; None when that is not known beforehand.

    """

    name: str
    path: Path | None
    size: int | None


def discover(paths: Sequence[str], inputs: Inputs) -> list[Input]:
    """Find the files, each once, in the order of the arguments and by name within a folder or glob.

    Hidden files and folders are left out unless they are named. What cannot be found or listed is noted in `inputs`,
    where the totals are set as well.
    """
    found: dict[str, Input] = {}
    for argument in paths:
        errors = inputs.notes.error_count
        names = []
        for path in _files(argument, inputs):
            names.append(STDIN if path is None else str(path))
            found.setdefault(names[-1], Input(names[-1], path, _size(path)))
        if not names and inputs.notes.error_count == errors:
            inputs.notes.error(Source(argument), "holds no files" if Path(argument).is_dir() else "matches no files")
    sizes = [entry.size for entry in found.values()]
    inputs.files_total = len(found)
    inputs.bytes_total = None if None in sizes else sum(size for size in sizes if size is not None)
    return list(found.values())


def _files(argument: str, inputs: Inputs) -> Iterator[Path | None]:
    if argument == _STDIN_ARGUMENT:
        yield None
        return
    path = Path(argument)
    if path.is_dir():
        yield from _walk(path, inputs)
    elif os.path.lexists(path):
        yield path
    elif glob.has_magic(argument):
        for name in sorted(glob.glob(argument, recursive=True)):
            match = Path(name)
            if match.is_dir():
                continue
            yield match
    else:
        inputs.notes.error(Source(argument), "no such file or folder")


def _walk(folder: Path, inputs: Inputs) -> Iterator[Path]:
    def complain(error: OSError) -> None:
        inputs.notes.error(Source(str(error.filename or folder)), f"cannot be listed: {error.strerror}")

    for top, folders, names in os.walk(folder, onerror=complain):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(top) / name for name in sorted(names) if not name.startswith("."))


def _size(path: Path | None) -> int | None:
    if path is None or not path.is_file():
        return None
    try:
        return path.stat().st_size
    except OSError:
        return None  # opening it will tell
