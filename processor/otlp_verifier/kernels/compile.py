"""Compiles all kernels with numba, one object file for each and each kind of processor; part of building the package.

`python -m otlp_verifier.kernels.compile NATIVE FOLDER` writes the objects and `kernels.c`, the table of them that
call.c reads, and prints the paths of the objects. NATIVE is the native module of `wire`, which has the numbers of
columns. An object that is in the folder already and was made of the same sources is kept.

Of numba it takes what is documented, `cfunc` and the text of its LLVM code; llvmlite makes objects of that. Arguments
come as words, as call.c lays them out, so that numba's calling convention, which is not documented, stays within an
object.
"""

import hashlib
import importlib
import importlib.util
import multiprocessing
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = Path(__file__).parents[1]
NATIVE: Final = "otlp_verifier.wire._native"
# Kinds of processors, best last: for LLVM a name, and features beyond it, which C knows by the same names. AVX2 brings
# an eighth; AVX-512 and all else that a processor of 2023 has, 2 % more.
Kind = tuple[str, tuple[str, ...]]
KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "x86_64": (("x86-64", ()), ("x86-64", ("sse4.2", "popcnt", "avx2", "bmi", "bmi2", "fma"))),
}
ANY_KIND: Final[tuple[Kind, ...]] = (("generic", ()),)
_COMPILER: Final = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def kinds() -> tuple[Kind, ...]:
    """The kinds of processors that this machine's architecture has; every one can run what is made for the first."""
    return KINDS.get(platform.machine(), ANY_KIND)


def declare_all(native: str) -> None:
    """Import every module with kernels in it."""
    spec = importlib.util.spec_from_file_location(NATIVE, native)
    assert spec is not None  # noqa: S101  # it ends as a module does
    assert spec.loader is not None  # noqa: S101
    sys.modules[NATIVE] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path in sorted(PACKAGE.rglob("*.py")):
        if "\n@kernel(" in path.read_text():
            importlib.import_module(".".join(path.with_suffix("").relative_to(PACKAGE.parent).parts))


class Numba:
    """Declarations make dispatchers; nothing is compiled before somebody asks for an object."""

    def __init__(self) -> None:
        import numba  # noqa: PLC0415  # its settings have to be there before
        from numba import carray  # type: ignore[attr-defined]  # noqa: PLC0415  # not in its __all__
        from numba.core import cgutils, types  # noqa: PLC0415
        from numba.extending import intrinsic  # noqa: PLC0415

        def to_pointer(_typing: Any, address: Any) -> Any:
            def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
                return builder.inttoptr(arguments[0], cgutils.voidptr_t)

            return types.voidptr(address), generate

        self.pointer: Any = intrinsic(to_pointer)
        self._numba, self.carray = numba, carray
        pointer = self.pointer

        def view(address: Any, rows: Any, dtype: Any) -> Any:
            return carray(pointer(address), (rows,), dtype)

        self.view = self.inner(view, inlined=False)

    def kernel(self, _name: str, declared: Any) -> Callable[..., Any]:
        """A dispatcher."""
        return self.inner(declared.function, inlined=False)

    def inner(self, function: Callable[..., Any], *, inlined: bool) -> Callable[..., Any]:
        """A dispatcher."""
        # Divisions by zero give what the processor gives: kernels do not raise.
        made: Callable[..., Any] = self._numba.njit(
            nogil=True, error_model="numpy", inline="always" if inlined else "never"
        )(function)
        return made


_numba: list[Numba] = []


def _start(native: str) -> None:
    """Prepare a process to compile."""
    # numba's own machine code is thrown away, and its LLVM code is to be optimised for each kind of processor.
    os.environ["NUMBA_OPT"] = "0"
    from otlp_verifier import kernels  # noqa: PLC0415

    _numba.append(Numba())
    kernels.take(_numba[0])
    declare_all(native)


def _call_source(signature: Any) -> str:
    """A function that takes the words of a call apart."""
    from otlp_verifier.kernels.types import Array  # noqa: PLC0415

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


def _llvm(name: str) -> tuple[str, str]:
    """The LLVM code of one kernel, for any kind of processor, and what its entry is called in it."""
    import numba  # noqa: PLC0415  # after its settings
    import numpy as np  # noqa: PLC0415
    from numba import types  # noqa: PLC0415

    from otlp_verifier import kernels  # noqa: PLC0415

    declared = kernels.declared[name]
    module = sys.modules[declared.function.__module__]
    names: dict[str, Any] = {
        "carray": _numba[0].carray, "pointer": _numba[0].pointer, "np": np,
        "kernel": getattr(module, declared.function.__name__),
    }  # fmt: skip
    exec(_call_source(declared.signature), names)  # noqa: S102  # ours, a few lines above
    call = _numba[0].inner(names["call"], inlined=False)

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


def _object(llvm: str, entry: str, symbol: str, kind: Kind) -> bytes:
    """An object file for a kind of processor, with one symbol that others see."""
    from llvmlite import binding  # noqa: PLC0415  # no part of the package where it runs

    code = binding.parse_assembly(llvm)
    for each in (*code.functions, *code.global_variables):
        if not each.is_declaration:
            each.linkage = "internal"
    shown = code.get_function(entry)
    shown.linkage, shown.visibility, shown.name = "external", "hidden", symbol
    cpu, features = kind
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
    made: bytes = machine.emit_object(code)
    return made


def _make(name: str, objects: list[tuple[str, Kind, Path]]) -> None:
    """Write a kernel's objects: symbol, kind and path of each."""
    llvm, entry = _llvm(name)
    for symbol, kind, path in objects:
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(_object(llvm, entry, symbol, kind))
        unfinished.rename(path)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # a command's progress


def compile_all(native: str, folder: Path) -> Iterable[Path]:
    """Make what is not in the folder yet; every object of the table."""
    from importlib.metadata import version  # noqa: PLC0415

    from otlp_verifier import kernels  # noqa: PLC0415
    from otlp_verifier.kernels.digest import digest, source  # noqa: PLC0415

    kernels.take(kernels.Uncompiled())  # this process only asks what there is
    declare_all(native)
    folder.mkdir(parents=True, exist_ok=True)
    made_by = f"{version('numba')} {version('llvmlite')} {_COMPILER}"
    digests = {name: digest(each) for name, each in kernels.declared.items()}
    # The longest first, so that no process is left with it at the end.
    order = sorted(digests, key=lambda name: -len(source(kernels.declared[name])))
    objects = {}
    for name in order:
        made_of = hashlib.sha256(f"{digests[name]} {kinds()} {made_by}".encode()).hexdigest()[:16]
        objects[name] = [
            (_symbol(name, number), kind, folder / f"{name}-{number}-{made_of}.o")
            for number, kind in enumerate(kinds())
        ]
    missing = [name for name in order if not all(path.exists() for _, _, path in objects[name])]
    if missing:
        processes = min(_processors(), len(missing))
        _say(f"compiling {len(missing)} of {len(order)} kernels, {processes} at a time; it takes a minute or two")
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _start, (native,)) as pool:
            made = {pool.submit(_make, name, objects[name]): name for name in missing}
            for number, each in enumerate(as_completed(made), 1):
                each.result()
                _say(f"  {number} of {len(missing)} {made[each]}")
    table = _table(digests)
    if not (folder / "kernels.c").exists() or (folder / "kernels.c").read_text() != table:
        (folder / "kernels.c").write_text(table)  # setuptools builds again what is newer
    return [path for name in digests for _, _, path in objects[name]]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _symbol(name: str, kind: int) -> str:
    return f"otlpv_{name.replace('.', '_')}_{kind}"


def _table(digests: Mapping[str, str]) -> str:
    """C code: which kernels there are, and for which processors."""
    from otlp_verifier import kernels  # noqa: PLC0415

    numbers = range(len(kinds()))
    lines = ["/* Written by compile.py. */", '#include "call.h"', ""]
    lines += [f"extern otlpv_code {_symbol(name, number)};" for name in digests for number in numbers]
    lines += ["", "struct otlpv_kernel otlpv_kernels[] = {"]
    for name, made_of in digests.items():
        codes = ", ".join(_symbol(name, number) for number in numbers)
        signature = kernels.declared[name].signature.code
        lines.append(f'    {{.name = "{name}", .takes = "{signature}", .digest = "{made_of}", .codes = {{{codes}}}}},')
    lines += ["    {.name = 0},", "};", "", "const char *const otlpv_kinds[] = {"]
    lines += [f'    "{"+".join((name, *features))}",' for name, features in kinds()]
    lines += ["    0,", "};", "", "int otlpv_runs_here(int kind) {", "    switch (kind) {"]
    for number, (_, features) in enumerate(kinds()):
        asked = " && ".join(f'__builtin_cpu_supports("{each}")' for each in features) or "1"
        lines.append(f"    case {number}: return {asked};")
    lines += ["    default: return 0;", "    }", "}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    for path in compile_all(sys.argv[1], Path(sys.argv[2])):
        print(path)  # noqa: T201  # for who builds the package
