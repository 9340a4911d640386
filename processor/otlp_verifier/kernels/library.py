"""The library of compiled kernels, which `python setup.py build_ext` makes; see call.c."""

import importlib
from collections.abc import Callable
from typing import Any, Final

from otlp_verifier.kernels import Declared, Link, Native, Steps, Uncompiled, declared
from otlp_verifier.kernels.digest import digest, modules

REBUILD: Final = "build the package again: `make setup` in a checkout, or `pip install .`"

try:
    from otlp_verifier.kernels import _library  # type: ignore[attr-defined]  # built of call.c
except ImportError as error:
    raise ImportError(f"the compiled kernels cannot be loaded ({error}); {REBUILD}") from error


class Library(Uncompiled):
    """Kernels are those of the library. What they call is in them; Python may call the functions as they are."""

    def __init__(self) -> None:
        self._names: dict[Callable[..., Any], tuple[str, str]] = {}

    def kernel(self, name: str, each: Declared) -> Callable[..., Any]:
        """The machine code.

        Raises:
            ImportError: the library has no such kernel, because it was built from other sources.

        """
        code = each.signature.code
        found: Callable[..., Any] | None = _library.kernel(name, code)
        if found is None:
            raise ImportError(f"the compiled kernels were made of other sources: no {name} of type {code}; {REBUILD}")
        self._names[found] = name, code
        return found

    def link(self, steps: Steps) -> Link:
        """A loop in C (chain.c), without the interpreter's lock.

        Raises:
            TypeError, ValueError: arguments that the kernel does not take.

        """
        linked: Link = _library.chain([
            (call.address, words) if isinstance(call, Native) else (*self._names[call], words) for call, words in steps
        ])  # fmt: skip
        return linked


def stale() -> list[str]:
    """Names of kernels whose sources are not what the library was built from."""
    for module in modules():
        importlib.import_module(module)
    digests: dict[str, str] = _library.digests()
    made = {name: digest(each) for name, each in declared.items()}
    return sorted(name for name, _ in made.items() ^ digests.items())
