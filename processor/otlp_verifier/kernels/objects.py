"""`python -m otlp_verifier.kernels.objects NATIVE FOLDER`: an object for each kernel and kind of processor.

Writes them and `kernels.c`, the table that call.c reads, and prints the paths of the objects. NATIVE is the native
module of `wire`, which has the numbers of columns. An object that is in the folder and was made of the same sources by
the same compiler is kept.
"""

import hashlib
import importlib
import importlib.util
import multiprocessing
import os
import platform
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otlp_verifier import kernels
from otlp_verifier.kernels.digest import digest, modules, source

if TYPE_CHECKING:
    from otlp_verifier.kernels.compile import Numba

NATIVE: Final = "otlp_verifier.wire._native"
COMPILER: Final = Path(__file__).with_name("compile.py")
Kind = tuple[str, tuple[str, ...]]
# Kinds of processors, best last: for LLVM a name, and features beyond it, which C knows by the same names. AVX2 brings
# an eighth; AVX-512 and all else that a processor of 2023 has, 2 % more.
KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "x86_64": (("x86-64", ()), ("x86-64", ("sse4.2", "popcnt", "avx2", "bmi", "bmi2", "fma"))),
}
ANY_KIND: Final[tuple[Kind, ...]] = (("generic", ()),)


def kinds() -> tuple[Kind, ...]:
    """The kinds of processors of this machine's architecture; every one can run what is made for the first."""
    return KINDS.get(platform.machine(), ANY_KIND)


def make_all(native: str, folder: Path) -> list[Path]:
    """Make what is not in the folder yet, on all cores; every object."""
    kernels.take(kernels.Uncompiled())  # this process only asks what there is
    _declare_all(native)
    folder.mkdir(parents=True, exist_ok=True)
    made_by = f"{version('numba')} {version('llvmlite')} {hashlib.sha256(COMPILER.read_bytes()).hexdigest()} {kinds()}"
    objects = {}
    for name, each in kernels.declared.items():
        made_of = hashlib.sha256(f"{digest(each)} {made_by}".encode()).hexdigest()[:16]
        objects[name] = [folder / f"{name}-{number}-{made_of}.o" for number in range(len(kinds()))]
    missing = [name for name, paths in objects.items() if not all(path.exists() for path in paths)]
    # The longest first, so that no process is left with it at the end.
    missing.sort(key=lambda name: -len(source(kernels.declared[name])))
    if missing:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        processes = min(cores, len(missing))
        _say(f"compiling {len(missing)} of {len(objects)} kernels, {processes} at a time; all take some minutes")
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _start, (native,)) as pool:
            made = {pool.submit(_make, name, objects[name]): name for name in missing}
            for number, done in enumerate(as_completed(made), 1):
                done.result()
                _say(f"  {number} of {len(missing)} {made[done]}")
    (folder / "kernels.c").write_text(_table())
    return [path for paths in objects.values() for path in paths]


def _declare_all(native: str) -> None:
    """Import every module with kernels in it."""
    spec = importlib.util.spec_from_file_location(NATIVE, native)
    assert spec is not None  # noqa: S101  # it ends as a module does
    assert spec.loader is not None  # noqa: S101
    sys.modules[NATIVE] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in modules():
        importlib.import_module(name)


_numba: "list[Numba]" = []  # in a process that compiles


def _start(native: str) -> None:
    """Prepare a process to compile."""
    # numba's own machine code is thrown away; its LLVM code is optimised for each kind of processor afterwards.
    os.environ |= {"NUMBA_OPT": "0", "NUMBA_DISABLE_INTEL_SVML": "1"}
    from otlp_verifier.kernels.compile import Numba  # noqa: PLC0415  # reads these

    _numba.append(Numba())
    kernels.take(_numba[0])
    _declare_all(native)


def _make(name: str, paths: list[Path]) -> None:
    """Write a kernel's objects."""
    from otlp_verifier.kernels.compile import llvm_of, object_of  # noqa: PLC0415  # as above

    llvm, entry = llvm_of(name, _numba[0])
    for number, (path, kind) in enumerate(zip(paths, kinds(), strict=True)):
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(object_of(name, llvm, entry, _symbol(name, number), *kind))
        unfinished.rename(path)


def _symbol(name: str, kind: int) -> str:
    return f"otlpv_{name.replace('.', '_')}_{kind}"


def _table() -> str:
    """C code: which kernels there are, and for which processors."""
    numbers = range(len(kinds()))
    lines = ["/* Written by objects.py. */", '#include "call.h"', ""]
    lines += [f"extern otlpv_code {_symbol(name, number)};" for name in kernels.declared for number in numbers]
    lines += ["", "struct otlpv_kernel otlpv_kernels[] = {"]
    for name, each in kernels.declared.items():
        texts = f'"{name}", "{each.signature.code}", "{digest(each)}"'
        lines.append(f"    {{{texts}, {{{', '.join(_symbol(name, number) for number in numbers)}}}}},")
    lines += ["    {0, 0, 0, {0}},", "};", "", "const char *const otlpv_kinds[] = {"]
    lines += [f'    "{"+".join((name, *features))}",' for name, features in kinds()]
    lines += ["    0,", "};", "", "int otlpv_runs_here(int kind) {", "    switch (kind) {"]
    for number, (_, features) in enumerate(kinds()):
        asked = " && ".join(f'__builtin_cpu_supports("{each}")' for each in features) or "1"
        lines.append(f"    case {number}: return {asked};")
    return "\n".join([*lines, "    default: return 0;", "    }", "}", ""])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # a command's progress


if __name__ == "__main__":
    for written in make_all(sys.argv[1], Path(sys.argv[2])):
        print(written)  # noqa: T201  # for who builds the package
