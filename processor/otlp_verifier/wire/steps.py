"""Functions of the native module as steps of a chain (kernels.chain)."""

from collections.abc import Sequence
from typing import Any

from otlp_verifier.kernels import Native
from otlp_verifier.wire._native import ffi, lib


def step(name: str, *arguments: Any) -> tuple[Native, tuple[int | None, ...]]:
    """A function of steps.h, and its words.

    Args:
        name: of the function, without its prefix.
        arguments: pointers and arrays of cffi, which are kept alive, numbers, and kernels.chain.BATCH.

    """
    function = getattr(lib, f"otlpv_step_{name}")

    def call(words: Sequence[int]) -> int:
        return int(function(ffi.new("int64_t[]", list(words))))

    address = int(ffi.cast("intptr_t", ffi.addressof(lib, f"otlpv_step_{name}")))
    return Native(address, call, arguments), tuple(map(_word, arguments))


def _word(argument: Any) -> int | None:
    if argument is None or isinstance(argument, int):
        return argument
    return int(ffi.cast("intptr_t", argument))
