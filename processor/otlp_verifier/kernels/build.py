"""How setuptools builds the library of kernels: objects by objects.py, linked with the C beside this file.

setup.py runs this file by its path: the package cannot be imported before it is built.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

HERE = Path(__file__).parent
ROOT = HERE.parents[2]  # setuptools wants sources relative to setup.py
NATIVE = "otlp_verifier.wire._native"
LIBRARY = "otlp_verifier.kernels._library"
COVERAGE = bool(os.environ.get("OTLP_VERIFIER_COVERAGE"))  # count executed lines, for gcov
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
# Objects are kept here from build to build; one that was made of the same sources is not made again.
OBJECTS = Path(os.environ.get("OTLP_VERIFIER_OBJECTS", "build/kernels"))


def _relative(name: str) -> str:
    return str((HERE / name).relative_to(ROOT))


def extension() -> Extension:
    """The library as setuptools has to know it before its objects are there."""
    return Extension(
        LIBRARY,
        sources=[_relative(f"{name}.c") for name in ("call", "arguments", "chain", "memory")],
        depends=[_relative(f"{name}.h") for name in ("call", "arguments", "chain", "memory")],
        include_dirs=[str(HERE.relative_to(ROOT))],
        extra_compile_args=["-std=c11", *(["--coverage", "-O1"] if COVERAGE else ["-O3"]), *WARNINGS],
        extra_link_args=["--coverage"] if COVERAGE else [],
        libraries=["m"],
        py_limited_api=True,
    )


class BuildKernels(build_ext):
    """Builds the native module of `wire`, asks it for the numbers of columns, and compiles kernels with them."""

    def build_extensions(self) -> None:
        """Build the library last, and nothing side by side: kernels take all cores."""
        self.parallel = None
        self.extensions.sort(key=lambda each: each.name == LIBRARY)
        super().build_extensions()

    def build_extension(self, ext: Any) -> None:
        """Build one, the library with its objects."""
        if ext.name == LIBRARY:
            missing = [name for name in ("numba", "numpy", "msgspec") if importlib.util.find_spec(name) is None]
            if missing:
                needed = "pip installs what [build-system] in pyproject.toml names, unless told --no-build-isolation"
                raise CompileError(f"kernels are compiled with {', '.join(missing)}, not found here: {needed}")
            objects = self._compile()
            [table] = self.compiler.compile([str(OBJECTS / "kernels.c")], str(OBJECTS), include_dirs=ext.include_dirs)
            ext.extra_objects = [*objects, table]
            self.force = True  # setuptools does not look whether objects are newer
        super().build_extension(ext)

    def _compile(self) -> list[str]:
        """Compile what has changed, in a process that may import the sources; paths of all objects."""
        compiler: list[str | Path] = [sys.executable, "-m", "otlp_verifier.kernels.objects"]
        path = os.pathsep.join(filter(None, (str(HERE.parents[1]), os.environ.get("PYTHONPATH"))))
        compiled = subprocess.run(  # noqa: S603  # ours
            [*compiler, self.get_ext_fullpath(NATIVE), OBJECTS],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if compiled.returncode != 0:
            raise CompileError("compiling the kernels failed; what went wrong is above")
        paths: list[str] = compiled.stdout.split("\n")[:-1]
        return paths
