"""How many 64-bit words become one: sums, and minima and maxima by rank."""

import numpy as np

from otlp_verifier.kernels import inlined, inner

# machine.program.Function
COUNT, SUM, SUM_FLOAT, MIN_SIGNED, MAX_SIGNED, MIN_UNSIGNED, MAX_UNSIGNED, MIN_FLOAT, MAX_FLOAT = range(9)
DISTINCT = 9
_TOP = np.uint64(1 << 63)
_EXPONENT, _FRACTION = np.uint64(0x7FF0000000000000), np.uint64(0x000FFFFFFFFFFFFF)
_NOT_A_NUMBER = np.uint64(0x7FF8000000000000)


@inlined
def rank(function, value):
    """An unsigned word that is the larger, the better a value is for a minimum or maximum; of NaN 0, the least."""
    if function >= MIN_FLOAT:
        if value & _EXPONENT == _EXPONENT and value & _FRACTION != 0:
            return np.uint64(0)
        value = ~value if value >= _TOP else value | _TOP
    elif function <= MAX_SIGNED:
        value ^= _TOP
    return ~value if function == MIN_SIGNED or function == MIN_UNSIGNED or function == MIN_FLOAT else value


@inlined
def ranked(function, place):
    """The value of a rank."""
    if function >= MIN_FLOAT and place == 0:
        return _NOT_A_NUMBER
    value = ~place if function == MIN_SIGNED or function == MIN_UNSIGNED or function == MIN_FLOAT else place
    if function >= MIN_FLOAT:
        return value ^ _TOP if value >= _TOP else ~value
    return value ^ _TOP if function <= MAX_SIGNED else value


_NAN, _INFINITY, _MINUS = np.uint64(1), np.uint64(1 << 21), np.uint64(1 << 42)


@inlined
def endless(value):
    """What a decimal is instead of a finite number, as a count of each such kind that can be added up."""
    if value & _EXPONENT != _EXPONENT:
        return np.uint64(0)
    if value & _FRACTION != 0:
        return _NAN
    return _INFINITY if value < _TOP else _MINUS


@inner
def not_finite(counts):
    """The sum of decimals of which some are not finite: of each kind so many."""
    infinite, minus = counts & (_MINUS - _INFINITY), counts >= _MINUS
    if counts & (_INFINITY - _NAN) != 0 or (infinite != 0 and minus):
        return _NOT_A_NUMBER
    return _EXPONENT if infinite != 0 else _TOP | _EXPONENT
