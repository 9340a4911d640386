"""Builds the native module `otlp_verifier.wire._native` with cffi in API mode.

The headers beside this file are the contract: the same text is given to the C
compiler and to cffi, so that neither can drift from the other.
"""

import os
import re
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).parent
ROOT = HERE.parents[2]  # setuptools wants sources relative to setup.py
HEADERS = (
    "columns.h",
    "scan.h",
    "splice.h",
    "lookup.h",
    "control.h",
    "steps.h",
    "envelope.h",
    "origin.h",
    "json.h",
    "partition.h",
    "assembly.h",
)
SOURCES = (
    "scan.c",
    "pass.c",
    "attribute.c",
    "plain.c",
    "keys.c",
    "duplicates.c",
    "utf8.c",
    "splice.c",
    "lookup.c",
    "dictionary.c",
    "control.c",
    "steps.c",
    "envelope.c",
    "json.c",
    "json_scalar.c",
    "json_schema.c",
    "json_lexer.c",
    "json_number.c",
    "json_text.c",
    "json_end.c",
    "partition.c",
    "partition_index.c",
    "partition_plain.c",
    "assembly.c",
)
COVERAGE = bool(os.environ.get("OTLP_VERIFIER_COVERAGE"))  # count executed lines, for gcov
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
OPTIMISATION = ["--coverage", "-O1"] if COVERAGE else ["-O3"]
FLAGS = ["-std=c11", *OPTIMISATION, *WARNINGS, "-fno-semantic-interposition"]


def declarations() -> str:
    """The headers as cffi reads them: without comments and preprocessor lines other than numbers."""
    text = "\n".join((HERE / name).read_text() for name in HEADERS)
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "otlp_verifier.wire._native",
    # cffi's own glue converts freely between integer types; only our files are held to the strict flags.
    '#pragma GCC diagnostic ignored "-Wconversion"\n#include <stdint.h>\n'
    + "\n".join(f'#include "{name}"' for name in HEADERS),
    sources=[str((HERE / name).relative_to(ROOT)) for name in SOURCES],
    include_dirs=[str(HERE.relative_to(ROOT))],
    depends=sorted(str(path.relative_to(ROOT)) for path in HERE.glob("*.h")),
    extra_compile_args=FLAGS,
    extra_link_args=["--coverage"] if COVERAGE else [],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
