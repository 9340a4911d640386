"""Jobs, slowly: for each query the members one by one, on Python's own numbers.

Written from the docstrings of otlp_verifier.machine.program and of the kernels.
"""

import math
from collections.abc import Callable, Sequence

from otlp_verifier.machine.program import Function
from tests.reference.machine import real, real_bits, signed, unsigned

Folded = tuple[int, int]  # the result and how many members it was made of


def folded(function: Function, words: Sequence[int]) -> Folded:
    """What a function makes of words; minima and maxima of none are 0, and a NaN loses against any number."""
    if function is Function.COUNT:
        return len(words), len(words)
    if function is Function.DISTINCT:
        return len(set(words)), len(set(words))
    if not words:
        return 0, 0
    if function is Function.SUM:
        return unsigned(sum(words)), len(words)
    if function is Function.SUM_FLOAT:
        return real_bits(sum(map(real, words))), len(words)
    numbers = [word for word in words if not math.isnan(real(word))]
    reading: Callable[[int], float] = {"SIGNED": signed, "UNSIGNED": int, "FLOAT": real}[function.name.split("_")[1]]
    candidates = numbers if "FLOAT" in function.name and numbers else words
    return (min if "MIN" in function.name else max)(candidates, key=reading), len(words)


def alike(function: Function, found: Folded, expected: Folded) -> bool:
    """Whether two results are one: for decimals zero has no sign and there is one NaN."""
    if "FLOAT" not in function.name:
        return found == expected
    a, b = real(found[0]), real(expected[0])
    return found[1] == expected[1] and (a == b or (math.isnan(a) and math.isnan(b)))
