"""Hash tables of rows, for kernels: their sizes, and where a row's search begins.

Who sends a batch must not be able to choose what collides in it: all but one of the numbers that make a hash are
multiplied by secret factors before they are added, since numbers that are only added can be chosen with equal sums.
"""

import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.kernels import inlined, inner

_NONE = np.uint32(NO_ROW)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@inner
def table_shift(rows):
    """The shift of a table of 2**(64 - shift) cells, at most half of them rows'; a hash begins at `hash >> shift`."""
    size, shift = 16, np.uint64(60)
    while size < 2 * rows:
        size *= 2
        shift -= np.uint64(1)
    return shift


@inner
def empty_table(rows):
    """The cells of a table for so many rows, and its shift."""
    shift = table_shift(rows)
    return np.full(np.int64(1) << (np.int64(64) - np.int64(shift)), _NONE, np.uint32), shift


@inlined
def mixed(key):
    """A key whose high bits tell in its low ones too, such as a float's."""
    return key ^ (key >> np.uint64(31))


@inlined
def key_hash(key, seed):
    """Multiply-shift of one number, with a secret factor."""
    return mixed(key) * (seed | np.uint64(1))


@inner
def pair_hash(a, b, seed):
    """Multiply-shift of two numbers, with secret factors."""
    return (a + b * (seed | np.uint64(1))) * (seed >> np.uint64(7) | np.uint64(1))


@inner
def triple_hash(a, b, c, seed):
    """Multiply-shift of three."""
    return pair_hash(a + b * (seed >> np.uint64(13) | np.uint64(1)), c, seed)


@inner
def fold(a, b):
    """Both halves of the 128 bits of a * b, laid on each other: no bit of `a` keeps its place, whoever chose it."""
    a_low, a_high, b_low, b_high = a & _LOW_HALF, a >> _HALF, b & _LOW_HALF, b >> _HALF
    low, left, right = a_low * b_low, a_low * b_high, a_high * b_low
    middle = (low >> _HALF) + (left & _LOW_HALF) + (right & _LOW_HALF)
    high = a_high * b_high + (left >> _HALF) + (right >> _HALF) + (middle >> _HALF)
    return ((low & _LOW_HALF) | (middle << _HALF)) ^ high
