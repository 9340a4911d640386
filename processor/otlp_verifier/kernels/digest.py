"""Digests of kernels: they change when the machine code would, and not with comments."""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

from otlp_verifier.kernels import Declared

PACKAGE: Final = Path(__file__).parents[1]


def modules() -> list[str]:
    """Names of the modules that declare kernels."""
    return [
        ".".join(path.with_suffix("").relative_to(PACKAGE.parent).parts)
        for path in sorted(PACKAGE.rglob("*.py"))
        if "\n@kernel(" in path.read_text()
    ]


def digest(declared: Declared) -> str:
    """Of all that a kernel is made of."""
    return hashlib.sha256(source(declared).encode()).hexdigest()[:16]


def source(declared: Declared) -> str:
    """A kernel's signature, its source, the source of all that it calls and the constants that they name."""
    parts = [declared.signature.code]
    _collect(declared.function, parts, set())
    return "\n".join(parts)


def _collect(function: Callable[..., Any], parts: list[str], seen: set[Any]) -> None:
    if function in seen:
        return
    seen.add(function)
    [node] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef)  # noqa: S101  # what declarations take
    if ast.get_docstring(node) is not None:
        del node.body[0]
    parts.append(ast.unparse(node))
    names = set(_names(function.__code__))
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        if isinstance(value, FunctionType):
            _collect(value, parts, seen)
        elif not inspect.ismodule(value) and not inspect.isroutine(value):
            parts.append(f"{name} = {value!r}")


def _names(code: CodeType) -> list[str]:
    """What a function's code names, that of its comprehensions included."""
    inside = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each)]
    return [*code.co_names, *inside]
