"""Kernels to LLVM code by numba, and that to objects by llvmlite; imported only where the package is built.

Of numba it takes what is documented, `cfunc` and the text of its LLVM code. Arguments come as words, laid out by
arguments.c, so that numba's calling convention, which is not documented, stays within an object. A change of this file
compiles all kernels again.
"""

import sys
from collections.abc import Callable
from typing import Any, Final

import numba
import numpy as np
from llvmlite import binding
from numba import carray  # type: ignore[attr-defined]  # not in its __all__
from numba.core import cgutils, types
from numba.extending import intrinsic

from otlp_verifier.kernels import Declared, Link, Steps, declared
from otlp_verifier.kernels.types import Array, Signature

# What objects may ask of others: memory.c, and C.
_ASKED: Final = {
    "NRT_MemInfo_alloc_aligned", "NRT_MemInfo_call_dtor", "memcpy", "memmove", "memset", "floor", "ceil", "trunc",
    "fmod", "pow",
}  # fmt: skip


def _to_pointer(_typing: Any, address: Any) -> Any:
    """Make a number a pointer, for carray."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


_pointer: Any = intrinsic(_to_pointer)


class Numba:
    """Declarations make dispatchers; nothing is compiled before somebody asks for its code."""

    def __init__(self) -> None:
        def view(address: Any, rows: Any, dtype: Any) -> Any:
            return carray(_pointer(address), (rows,), dtype)

        self.view = self.inner(view, inlined=False)

    def kernel(self, name: str, each: Declared) -> Callable[..., Any]:  # noqa: ARG002  # other ways go by it
        """A dispatcher."""
        return self.inner(each.function, inlined=False)

    def inner(self, function: Callable[..., Any], *, inlined: bool) -> Callable[..., Any]:
        """A dispatcher. Divisions by zero give what the processor gives: kernels do not raise."""
        declare = numba.njit(nogil=True, error_model="numpy", inline="always" if inlined else "never")
        made: Callable[..., Any] = declare(function)
        return made

    def link(self, steps: Steps) -> Link:
        """Nothing runs while the library is made."""
        raise NotImplementedError(f"{len(steps)} steps")


def llvm_of(name: str, way: Numba) -> tuple[str, str]:
    """The LLVM code of one kernel, for any kind of processor, and what its entry is called in it."""
    each = declared[name]
    module = sys.modules[each.function.__module__]
    names = {"carray": carray, "pointer": _pointer, "np": np, "kernel": getattr(module, each.function.__name__)}
    exec(_call_source(each.signature), names)  # noqa: S102  # ours, below
    call = way.inner(names["call"], inlined=False)

    def entry(words: Any) -> int:
        """1 where the kernel raised an exception; one call alone, as numba looks for one after each."""
        try:
            call(words)
        except Exception:  # numba knows no other
            return 1
        return 0

    words_at = types.CPointer(types.int64)  # type: ignore[no-untyped-call]
    compiled = numba.cfunc(types.int32(words_at))(entry)
    return compiled.inspect_llvm(), compiled.native_name


def _call_source(signature: Signature) -> str:
    """A function that takes the words of a call apart."""
    arguments, at = [], 0
    for each in signature.takes:
        if isinstance(each, Array):
            shape = ", ".join(f"words[{at + 1 + i}]" for i in range(each.dimensions))
            arguments.append(f"carray(pointer(words[{at}]), ({shape},), np.{each.element.name})")
            at += each.dimensions
        else:
            arguments.append(f"np.{each.name}(words[{at}])")
        at += 1
    call = f"kernel({', '.join(arguments)})"
    lines = [f"result = {call}" if signature.gives else call]
    if signature.gives == 1:
        lines.append("words[0] = result")
    elif signature.gives:
        lines += [f"words[{i}] = result[{i}]" for i in range(signature.gives)]
    return "def call(words):\n    " + "\n    ".join(lines)


def object_of(name: str, llvm: str, entry: str, symbol: str, cpu: str, features: tuple[str, ...]) -> bytes:
    """The object file of a kernel for a kind of processor, with one symbol that others see.

    Raises:
        ValueError: the kernel asks for what is not there without numba and outside of the interpreter's lock.

    """
    code = binding.parse_assembly(llvm)
    for each in (*code.functions, *code.global_variables):
        if not each.is_declaration:
            each.linkage = "internal"
    shown = code.get_function(entry)
    shown.linkage, shown.visibility, shown.name = "external", "hidden", symbol
    machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine(
        cpu=cpu, features=",".join(f"+{each}" for each in features), opt=3, reloc="pic", codemodel="small"
    )
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = tuning.slp_vectorization = True
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(code, passes)
    # Once all is inlined, references that are counted up and down again can be seen, and what they stood in the way of.
    pruning = binding.create_new_module_pass_manager()
    pruning.add_refprune_pass()
    pruning.run(code, passes)
    passes.getModulePassManager().run(code, passes)
    asked = {each.name for each in code.functions if each.is_declaration and not each.name.startswith("llvm.")}
    if odd := asked - _ASKED:
        raise ValueError(
            f"{name} asks for {', '.join(sorted(odd))}: an error whose text is made of values, as that of assigning a "
            "slice of another length, needs the interpreter"
        )
    made: bytes = machine.emit_object(code)
    return made
