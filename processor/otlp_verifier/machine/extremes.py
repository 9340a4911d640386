"""The largest of any interval of ranks: blocks of sixteen, and among whole blocks runs of two to a power. O(n).

Two ranks give what lies in the interval of the first and the last block, two more
all blocks between; a tree of segments, which needs log n, took 70 ns and more a query.
"""

import numpy as np

from otlp_verifier.kernels import inner

_SHIFT = np.int64(4)
_BLOCK = 1 << 4


@inner
def _prepare(ranks):
    """What `largest` needs of uint64 (n,) ranks.

    The largest from each to its block's end and from its block's begin to each, that of 2**level blocks from each on,
    and the binary logarithms of numbers of blocks.
    """
    n = len(ranks)
    blocks = (n + _BLOCK - 1) >> _SHIFT
    levels = 1
    while 1 << levels <= blocks:
        levels += 1
    logarithms = np.zeros(blocks + 1, np.uint8)
    for count in range(2, blocks + 1):
        logarithms[count] = logarithms[count >> 1] + 1
    ends, begins = np.empty(n, np.uint64), np.empty(n, np.uint64)
    table = np.empty((levels, blocks), np.uint64)
    for block in range(blocks):
        first, last = block << _SHIFT, min((block + 1) << _SHIFT, n)
        best = np.uint64(0)
        for i in range(first, last):
            best = max(best, ranks[i])
            begins[i] = best
        table[0, block] = best
        best = np.uint64(0)
        for i in range(last - 1, first - 1, -1):
            best = max(best, ranks[i])
            ends[i] = best
    for level in range(1, levels):
        half = 1 << (level - 1)
        for block in range(blocks - 2 * half + 1):
            table[level, block] = max(table[level - 1, block], table[level - 1, block + half])
    return ends, begins, table, logarithms


@inner
def largest(ranks, lows, highs, out):
    """Fill out with the largest of ranks[low:high] per query, 0 of none; all uint64, `highs` at most len(ranks)."""
    ends, begins, table, logarithms = _prepare(ranks)
    for query in range(len(lows)):
        low, high = np.int64(lows[query]), np.int64(highs[query])
        if low >= high:
            out[query] = 0
            continue
        first_block, last_block = low >> _SHIFT, (high - 1) >> _SHIFT
        if first_block == last_block:
            best = ranks[low]
            for i in range(low + 1, high):
                best = max(best, ranks[i])
        else:
            best = max(ends[low], begins[high - 1])
            between = last_block - first_block - 1
            if between > 0:
                level = np.int64(logarithms[between])
                best = max(best, table[level, first_block + 1], table[level, last_block - (np.int64(1) << level)])
        out[query] = best
