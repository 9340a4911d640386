"""How two values become one, for sums, minima and maxima over 64-bit words."""

import numba as nb
import numpy as np

# machine.program.Function
SUM, SUM_FLOAT, MIN_SIGNED, MAX_SIGNED, MIN_UNSIGNED, MAX_UNSIGNED, MIN_FLOAT, MAX_FLOAT = 1, 2, 3, 4, 5, 6, 7, 8
_TOP = np.uint64(1 << 63)


@nb.njit(cache=True, nogil=True)
def start(function):
    """What a fold begins with: any value is better, and any number than NaN."""
    if function == MIN_SIGNED:
        return _TOP - np.uint64(1)
    if function == MAX_SIGNED:
        return _TOP
    if function == MIN_UNSIGNED:
        return np.uint64(0xFFFFFFFFFFFFFFFF)
    if function == MIN_FLOAT or function == MAX_FLOAT:
        return np.uint64(0x7FF8000000000000)
    return np.uint64(0)


@nb.njit(cache=True, nogil=True)
def better(function, a, b):
    """The sum, or the smaller or larger of two words; a NaN loses against any number."""
    if function == SUM:
        return a + b
    if function == MIN_UNSIGNED:
        return min(a, b)
    if function == MAX_UNSIGNED:
        return max(a, b)
    if function == MIN_SIGNED:
        return a if (a ^ _TOP) <= (b ^ _TOP) else b
    if function == MAX_SIGNED:
        return a if (a ^ _TOP) >= (b ^ _TOP) else b
    pair = np.empty(2, np.uint64)
    pair[0], pair[1] = a, b
    floats = pair.view(np.float64)
    if function == SUM_FLOAT:
        floats[0] += floats[1]
        return pair[0]
    if floats[0] != floats[0]:
        return b
    if function == MIN_FLOAT:
        return b if floats[1] < floats[0] else a
    return b if floats[1] > floats[0] else a


_EXPONENT, _FRACTION = np.uint64(0x7FF0000000000000), np.uint64(0x000FFFFFFFFFFFFF)
_NAN, _INFINITY, _MINUS = np.uint64(1), np.uint64(1 << 21), np.uint64(1 << 42)


@nb.njit(cache=True, nogil=True)
def endless(function, value):
    """What a term of a sum of decimals is instead of a finite number, as a count of each that can be added up.

    Kept apart, as an infinity cannot be taken out of a sum again.
    """
    if function != SUM_FLOAT or value & _EXPONENT != _EXPONENT:
        return np.uint64(0)
    if value & _FRACTION != 0:
        return _NAN
    return _INFINITY if value < _TOP else _MINUS


@nb.njit(cache=True, nogil=True)
def with_endless(total, counts):
    """The sum of finite terms that give `total`, and of others, counted."""
    infinite, minus = counts & (_MINUS - _INFINITY), counts >= _MINUS
    if counts & (_INFINITY - _NAN) != 0 or (infinite != 0 and minus):
        return np.uint64(0x7FF8000000000000)
    if infinite != 0:
        return _EXPONENT
    return _TOP | _EXPONENT if minus else total


@nb.njit(cache=True, nogil=True)
def without(function, total, value):
    """A sum less one of its terms."""
    if function == SUM:
        return total - value
    pair = np.empty(2, np.uint64)
    pair[0], pair[1] = total, value
    floats = pair.view(np.float64)
    floats[0] -= floats[1]
    return pair[0]
