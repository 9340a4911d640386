"""Compiles all kernels with numba, one object file for each and each kind of processor; part of building the package.

`python -m otlp_verifier.kernels.compile NATIVE FOLDER` writes the objects and `kernels.c`, the table of them that
call.c reads, and prints the paths of the objects. NATIVE is the native module of `wire`, which has the numbers of
columns. An object that is in the folder already and was made of the same sources is kept.

Of numba it takes what is documented: `cfunc`, the text of its LLVM code, and NUMBA_CPU_NAME and NUMBA_CPU_FEATURES;
llvmlite makes position-independent objects of it. Arguments come as words, as call.c lays them out, so that the
calling convention of numba, which is not documented, stays within an object.
"""

import hashlib
import importlib
import importlib.util
import multiprocessing
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = Path(__file__).parents[1]
NATIVE: Final = "otlp_verifier.wire._native"
# Kinds of processors, best last: for LLVM a name and features beyond it. `features` are as C asks for them.
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
        from numba.core import cgutils, types  # noqa: PLC0415
        from numba.extending import intrinsic  # noqa: PLC0415

        def to_pointer(_typing: Any, address: Any) -> Any:
            def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
                return builder.inttoptr(arguments[0], cgutils.voidptr_t)

            return types.voidptr(address), generate

        self.pointer = intrinsic(to_pointer)
        self._numba = numba
        carray, pointer = numba.carray, self.pointer

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


def _start(native: str, kind: Kind) -> None:
    """Prepare a process to compile for one kind of processor."""
    name, features = kind
    os.environ |= {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ",".join(f"+{each}" for each in features)}
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


def _object(name: str, symbol: str, kind: Kind) -> bytes:
    """The object file of one kernel, with one symbol that others see."""
    import numba  # noqa: PLC0415  # after its settings
    import numpy as np  # noqa: PLC0415
    from llvmlite import binding  # noqa: PLC0415
    from numba import types  # noqa: PLC0415

    from otlp_verifier import kernels  # noqa: PLC0415

    declared = kernels.declared[name]
    module = sys.modules[declared.function.__module__]
    names: dict[str, Any] = {
        "carray": numba.carray, "pointer": _numba[0].pointer, "np": np,
        "kernel": getattr(module, declared.function.__name__),
    }  # fmt: skip
    exec(_call_source(declared.signature), names)  # noqa: S102  # ours, a few lines above
    call = _numba[0].inner(names["call"], inlined=False)

    def entry(words: Any) -> int:
        """1 where the kernel raised an exception; one call alone, as numba looks for one after each."""
        try:
            call(words)
        except Exception:  # noqa: BLE001  # numba knows no other
            return 1
        return 0

    compiled = numba.cfunc(types.int32(types.CPointer(types.int64)))(entry)
    code = binding.parse_assembly(compiled.inspect_llvm())
    for each in (*code.functions, *code.global_variables):
        if not each.is_declaration:
            each.linkage = "internal"
    shown = code.get_function(compiled.native_name)
    shown.linkage, shown.visibility, shown.name = "external", "hidden", symbol
    cpu, features = kind
    machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine(
        cpu=cpu, features=",".join(f"+{each}" for each in features), opt=3, reloc="pic", codemodel="small"
    )
    made: bytes = machine.emit_object(code)
    return made


def _make(task: tuple[str, str, Kind, str]) -> None:
    name, symbol, kind, path = task
    made = _object(name, symbol, kind)
    unfinished = Path(path + ".part")
    unfinished.write_bytes(made)
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
    paths, missing = {}, []
    for number, kind in enumerate(kinds()):
        tasks = []
        for name in order:
            made_of = hashlib.sha256(f"{digests[name]} {kind} {made_by}".encode()).hexdigest()[:16]
            paths[name, number] = folder / f"{name}-{number}-{made_of}.o"
            if not paths[name, number].exists():
                tasks.append((name, _symbol(name, number), kind, str(paths[name, number])))
        missing.append(tasks)
    processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for kind, tasks in zip(kinds(), missing, strict=True):
        if not tasks:
            continue
        _say(f"compiling {len(tasks)} kernels for {'+'.join((kind[0], *kind[1]))}, {processes} at a time")
        spawning = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(processes, len(tasks)), spawning, _start, (native, kind)) as pool:
            for (name, *_), _ in zip(tasks, pool.map(_make, tasks), strict=True):
                _say(f"  {name}")
    (folder / "kernels.c").write_text(_table(digests))
    return paths.values()


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
