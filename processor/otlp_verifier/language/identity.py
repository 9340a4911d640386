"""One word for a value, by which values that functions made are compared; equal where `plain.compare` says so."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

from otlp_verifier.wire.seed import SEED
from otlp_verifier.wire.values import MapValue

if TYPE_CHECKING:
    from otlp_verifier.wire.values import Plain

NOTHING: Final = 0  # of what equals nothing, not even itself
NIL: Final = 1
# Nobody outside of this process can look for two values with one word;
# by chance two of a million do with a probability of 2^-25.
_KEY: Final = SEED.to_bytes(8, "little")


def identity(value: Plain) -> int:
    """The word of a value, unsigned, 64 bits."""
    if value is None:
        return NIL
    if isinstance(value, float) and math.isnan(value):
        return NOTHING
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as a number 1.0 is 1
    written = repr(_standing(value)).encode("utf-8", "surrogatepass")
    word = int.from_bytes(hashlib.blake2b(written, digest_size=8, key=_KEY).digest(), "little")
    return max(word, NIL + 1)


def _standing(value: Plain) -> object:
    """The same for equal values: their types, and their content in one order."""
    match value:
        case MapValue():
            return "map", sorted((key, _standing(each)) for key, each in dict(value.entries).items())
        case tuple():
            return "list", *map(_standing, value)
        case _:
            return type(value).__name__, value
