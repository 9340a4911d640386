"""Digests change with what is compiled, and with nothing else."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from otlp_verifier.kernels import Declared
from otlp_verifier.kernels import types as ty
from otlp_verifier.kernels.digest import digest, modules

SOURCE = '''"""Kernels."""

import numpy as np

STEP = np.uint64(3)


def once(x):
    """One more."""
    return x + STEP


def kernel(values):
    """Adds."""
    # slowly
    for i in range(len(values)):
        values[i] = once(values[i])
'''


def digest_of(folder: Path, source: str, signature: ty.Signature = ty.void(ty.uint64[::1])) -> str:  # noqa: B008
    path = folder / f"kernels{len(list(folder.iterdir()))}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
        return digest(Declared(signature, module.kernel))
    finally:
        del sys.modules[path.stem]


@pytest.mark.parametrize(
    ("old", "new"),
    [("    # slowly\n", ""), ('    """Adds."""\n', ""), ("One more.", "Three more."), ("STEP = np", "\n\nSTEP = np")],
    ids=["comment", "docstring", "docstring of what it calls", "place"],
)
def test_words_change_nothing(tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    assert digest_of(tmp_path, SOURCE) == digest_of(tmp_path, SOURCE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [("range(len", "range(1, len"), ("x + STEP", "x - STEP"), ("np.uint64(3)", "np.uint64(4)"), ("uint64", "uint32")],
    ids=["kernel", "what it calls", "constant", "type of a constant"],
)
def test_code_changes_it(tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    assert digest_of(tmp_path, SOURCE) != digest_of(tmp_path, SOURCE.replace(old, new))


def test_types_change_it(tmp_path: Path) -> None:
    assert digest_of(tmp_path, SOURCE) != digest_of(tmp_path, SOURCE, ty.void(ty.uint32[::1]))


def test_every_module_with_kernels_is_found() -> None:
    found = modules()
    assert {"otlp_verifier.machine.interpreter", "otlp_verifier.verdict", "otlp_verifier.relate.join"} <= set(found)
