"""Kernels: loops over columns that numba compiles when the package is built, and that Python calls as C functions.

A kernel is a Python function with `@kernel(signature)`, in whatever part of the package it belongs to; what it calls
has `@inner`. numba is a compiler: where the package runs, there is none (docs/decisions/0013). What a declaration
makes of a function is the way that is chosen when this module is loaded:

- the machine code of the library (`otlp_verifier.kernels.library`): everywhere;
- the function itself (`Uncompiled`), for coverage, bounds checks and debuggers: with OTLP_VERIFIER_UNCOMPILED set;
- numba's dispatcher (`otlp_verifier.kernels.compile`), while the library is made.
"""

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.kernels.types import Signature

UNCOMPILED: Final = bool(os.environ.get("OTLP_VERIFIER_UNCOMPILED"))

Function = TypeVar("Function", bound=Callable[..., Any])


class Declared(NamedTuple):
    """A kernel as its source has it."""

    signature: Signature
    function: Callable[..., Any]


class Native(NamedTuple):
    """A C function that takes words, as compiled kernels do: pointers and numbers, and gives a number.

    Attributes:
        address: of the function.
        call: the same for Python.
        keeps: what the words point to.

    """

    address: int
    call: Callable[[Sequence[int]], int]
    keeps: tuple[Any, ...]


# Runs steps on bytes from one on; which one gave something else than 0, and what.
Link: TypeAlias = Callable[[bytes | memoryview, int], tuple[int, int] | None]
Steps: TypeAlias = Sequence[tuple[Callable[..., Any] | Native, tuple[Any, ...]]]


class Way(Protocol):
    """What declarations make of functions."""

    def kernel(self, name: str, each: Declared) -> Callable[..., Any]:
        """What Python calls."""

    def inner(self, function: Callable[..., Any], *, inlined: bool) -> Callable[..., Any]:
        """What kernels call."""

    def view(self, address: int, rows: int, dtype: type[np.generic]) -> NDArray[Any]:
        """What kernels call for an array at an address."""

    def link(self, steps: Steps) -> Link:
        """What runs steps one after another; of the arguments None stands for the bytes."""


class Uncompiled:
    """Functions as they are. Numbers of numpy warn where machine numbers wrap: run them under np.errstate."""

    def kernel(self, name: str, each: Declared) -> Callable[..., Any]:  # noqa: ARG002  # other ways go by it
        """The function."""
        return each.function

    def inner(self, function: Callable[..., Any], *, inlined: bool) -> Callable[..., Any]:  # noqa: ARG002
        """The function."""
        return function

    def view(self, address: int, rows: int, dtype: type[np.generic]) -> NDArray[Any]:
        """An array over memory that somebody else keeps."""
        room = (ctypes.c_char * (int(rows) * np.dtype(dtype).itemsize)).from_address(int(address))
        return np.frombuffer(room, np.dtype(dtype))  # type: ignore[call-overload,no-any-return]  # numpy reads ctypes

    def link(self, steps: Steps) -> Link:
        """A loop."""

        def run(buffer: bytes | memoryview, first: int) -> tuple[int, int] | None:
            content = np.frombuffer(buffer, np.uint8)
            for at, (call, arguments) in enumerate(steps[first:], first):
                if isinstance(call, Native):
                    words = [content.ctypes.data if each is None else each for each in arguments]
                    result = call.call(words)
                else:
                    result = call(*(content if each is None else each for each in arguments))
                if result:
                    return at, int(result)
            return None

        return run


def _way() -> Way:
    if UNCOMPILED:
        return Uncompiled()
    from otlp_verifier.kernels.library import Library  # noqa: PLC0415  # not there before it is built

    return Library()


_declared: dict[str, Declared] = {}
_taken: list[Way] = []
declared: Final[Mapping[str, Declared]] = MappingProxyType(_declared)


def take(way: Way) -> None:
    """Choose a way for all declarations to come; once, before any."""
    assert not _taken  # noqa: S101  # functions of two ways cannot call each other
    _taken.append(way)


def _taken_way() -> Way:
    if not _taken:
        take(_way())
    return _taken[0]


def kernel(signature: Signature) -> Callable[[Function], Function]:
    """Declare a function that Python calls. It may allocate, and must not raise.

    Args:
        signature: what the caller hands over. Arrays are checked for their type and layout at every call.

    """

    def declare(function: Function) -> Function:
        name = f"{function.__module__.removeprefix('otlp_verifier.')}.{function.__name__}"
        _declared[name] = Declared(signature, function)
        made: Any = _taken_way().kernel(name, _declared[name])
        return made  # type: ignore[no-any-return]  # a kernel is called as its function is

    return declare


def inner(function: Callable[..., Any]) -> Any:
    """Declare a function that kernels call; types are inferred from each call."""
    return _taken_way().inner(function, inlined=False)


def inlined(function: Callable[..., Any]) -> Any:
    """The same, as a part of whatever calls it, for what is smaller than a call."""
    return _taken_way().inner(function, inlined=True)


def link(steps: Steps) -> Link:
    """What runs kernels and C functions one after another; see kernels.chain."""
    return _taken_way().link(steps)


def viewer() -> Callable[[int, int, type[np.generic]], Any]:
    """How kernels see `rows` numbers of a numpy type at an address; counts no references."""
    return _taken_way().view
