"""Tables of rows: numbers that somebody chose to collide lie as far apart as any others."""

import random

import numpy as np
import pytest

from otlp_verifier.relate.hashing import empty_table, fold, key_hash, pair_hash, triple_hash

ROWS = 1_000
SEEDS = [random.Random(5).getrandbits(64) for _ in range(20)]
MASK = (1 << 64) - 1


@pytest.mark.parametrize("rows", [0, 1, 8, 9, 1_000])
def test_a_table_is_at_most_half_full(rows: int) -> None:
    cells, shift = empty_table(rows)
    assert len(cells) == 1 << (64 - int(shift)) >= 2 * rows
    assert len(cells) <= max(16, 4 * rows)


def hashes(name: str, seed: int) -> np.ndarray:
    """Of ROWS different things each: equal sums, equal low bits, steps of one, equal products."""
    secret, one = np.uint64(seed), np.uint64(1)
    n = [np.uint64(i) for i in range(ROWS)]
    with np.errstate(over="ignore"):
        found = {
            "keys in steps": [key_hash(i, secret) for i in n],
            "keys of one low part": [key_hash(i << np.uint64(40), secret) for i in n],
            "pairs of one sum": [pair_hash(i, np.uint64(ROWS) - i, secret) for i in n],
            "pairs of one high part": [pair_hash(i << np.uint64(40), one, secret) for i in n],
            "triples of one sum": [triple_hash(i, np.uint64(ROWS) - i, one, secret) for i in n],
            "triples of one sum of the last": [triple_hash(one, i, np.uint64(ROWS) - i, secret) for i in n],
            "folds of steps": [fold(i, secret | one) for i in n],
            "folds of high bits": [fold(i << np.uint64(50), secret | one) for i in n],
        }
    return np.array(found[name], np.uint64)


@pytest.mark.parametrize(
    "name",
    [
        *("keys in steps", "keys of one low part"),
        *("pairs of one sum", "pairs of one high part", "triples of one sum"),
        *("triples of one sum of the last", "folds of steps", "folds of high bits"),
    ],
)
def test_chosen_numbers_fill_as_many_cells_as_others(name: str) -> None:
    _, shift = empty_table(ROWS)
    used = sorted(len(np.unique(hashes(name, seed) >> shift)) for seed in SEEDS)
    assert used[len(used) // 2] > ROWS / 2  # 780 of 1,000 in 2,048 cells were they thrown at random


@pytest.mark.parametrize("seed", SEEDS)
def test_fold_is_that_of_python(seed: int) -> None:
    for a in (0, 1, 0xFFFFFFFF, 1 << 32, MASK, seed ^ MASK):
        product = a * seed
        assert int(fold(np.uint64(a), np.uint64(seed))) == (product & MASK) ^ (product >> 64)
