"""Where records stand in files, as arrays; see origin.h."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire._native import ffi, lib

_NUMBERS: Final = {"uint32_t": np.dtype("<u4"), "uint64_t": np.dtype("<u8")}
COPY: Final = int(lib.OTLPV_ORIGIN_COPY)


def struct_dtype(name: str) -> np.dtype[Any]:
    """A numpy type with the fields of a C struct of plain numbers, laid out as the compiler does."""
    struct = ffi.typeof(name)
    fields = struct.fields
    return np.dtype(
        {
            "names": [field for field, _ in fields],
            "formats": [_NUMBERS[member.type.cname] for _, member in fields],
            "offsets": [member.offset for _, member in fields],
            "itemsize": ffi.sizeof(struct),
        }
    )


ORIGIN: Final = struct_dtype("otlpv_origin")
Origins = NDArray[np.void]  # of ORIGIN
