"""Jobs against brute force: groups, intervals, ancestors and windows, with keys and without."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from otlp_verifier.columns import NO_ROW
from otlp_verifier.machine.ancestors import keyed_path, path
from otlp_verifier.machine.groups import group
from otlp_verifier.machine.intervals import interval, keyed_interval
from otlp_verifier.machine.program import Function
from otlp_verifier.machine.windows import window
from otlp_verifier.relate.tables import SpanTree
from tests.reference.jobs import Folded, alike, folded
from tests.reference.machine import real_bits
from tests.strategies import RANDOMS

SEEDS = st.integers(0, 2**64 - 1).map(np.uint64)
# Decimals whose sums are exact in any order.
REALS = tuple(map(real_bits, (0.0, -0.0, 1.0, -1.5, 2.25, float("inf"), float("-inf"), float("nan"))))
WHOLES = (0, 1, 2, 2**63 - 1, 2**63, 2**64 - 1, 7)
Words = NDArray[np.uint64]


def words(rng: Random, count: int, function: Function) -> Words:
    return array([rng.choice(REALS if "FLOAT" in function.name else WHOLES) for _ in range(count)])


def array(numbers: Sequence[int]) -> Words:
    return np.array(numbers, np.uint64)


def marks(rng: Random, count: int) -> NDArray[np.uint8]:
    return np.array([rng.random() < 0.7 for _ in range(count)], np.uint8)


def rubbish(count: int) -> tuple[Words, Words]:
    """Results as they are before a job: whatever was there."""
    return np.full(count, 99, np.uint64), np.full(count, 98, np.uint64)


def check(function: Function, found: tuple[Words, Words], expected: Sequence[Folded]) -> None:
    pairs = list(zip(found[0].tolist(), found[1].tolist(), strict=True))
    assert all(alike(function, one, other) for one, other in zip(pairs, expected, strict=True)), (pairs, expected)


def grouped(rng: Random, function: Function, members: int, *, keyed: bool, siblings: bool, seed: np.uint64) -> None:
    groups_end = rng.choice((1, 3, members + 1))
    queries = members if siblings else rng.randrange(8)

    def groups(count: int) -> Words:
        return array([rng.choice((NO_ROW, rng.randrange(groups_end))) for _ in range(count)])

    keys_end = rng.choice((1, 3, 2**63))
    mask, values, member_at = marks(rng, members), words(rng, members, function), groups(members)
    member_keys = array([rng.randrange(keys_end) for _ in range(members)])
    # Of siblings, a query's own values are the member's; only a key may be another one on either side.
    query_at = member_at.copy() if siblings else groups(queries)
    query_keys = (
        member_keys.copy()
        if siblings and rng.random() < 0.5
        else array([rng.randrange(keys_end) for _ in range(queries)])
    )
    found = rubbish(queries)
    group(
        function, keyed, siblings, mask, values, member_at, member_keys if keyed else array([]), query_at,
        query_keys if keyed else array([]), seed, groups_end, *found,
    )  # fmt: skip
    expected = [
        folded(
            function,
            [
                int(values[row])
                for row in range(members)
                if mask[row]
                and member_at[row] == query_at[query] != NO_ROW
                and (not keyed or member_keys[row] == query_keys[query])
                and not (siblings and row == query)
            ],
        )
        for query in range(queries)
    ]
    check(function, found, expected)


@pytest.mark.parametrize("function", list(Function), ids=lambda function: function.name)
@given(RANDOMS, st.integers(0, 12), st.booleans(), st.booleans(), SEEDS)
def test_groups(function: Function, rng: Random, members: int, keyed: bool, siblings: bool, seed: np.uint64) -> None:
    # Distinct values are never asked of siblings.
    grouped(rng, function, members, keyed=keyed, siblings=siblings and function is not Function.DISTINCT, seed=seed)


def intervals(rng: Random, function: Function, members: int, *, keyed: bool, seed: np.uint64) -> None:
    positions_end = rng.choice((max(members, 1), 2 * members + 1))
    queries = rng.randrange(8)
    mask, values = marks(rng, members), words(rng, members, function)
    positions = array([rng.randrange(positions_end) for _ in range(members)])
    lows = array([rng.randrange(positions_end + 2) for _ in range(queries)])
    highs = array([rng.randrange(positions_end + 3) for _ in range(queries)])
    keys_end = rng.choice((1, 3, 2**63))
    member_keys = array([rng.randrange(keys_end) for _ in range(members)])
    query_keys = array([rng.choice([*member_keys.tolist(), 0]) for _ in range(queries)])
    found = rubbish(queries)
    if keyed:
        keyed_interval(
            function, mask, values, positions, member_keys, lows, highs, query_keys, seed, positions_end, *found
        )
    else:
        interval(function, mask, values, positions, lows, highs, positions_end, *found)
    expected = [
        folded(
            function,
            [
                int(values[row])
                for row in range(members)
                if mask[row]
                and lows[query] <= positions[row] < highs[query]
                and (not keyed or member_keys[row] == query_keys[query])
            ],
        )
        for query in range(queries)
    ]
    check(function, found, expected)


FOLDS = [function for function in Function if function is not Function.DISTINCT]


@pytest.mark.parametrize("function", FOLDS, ids=lambda function: function.name)
@given(RANDOMS, st.integers(0, 14), st.booleans(), SEEDS)
def test_intervals(function: Function, rng: Random, members: int, keyed: bool, seed: np.uint64) -> None:
    intervals(rng, function, members, keyed=keyed, seed=seed)


def forest(rng: Random, spans: int) -> tuple[list[int], NDArray[np.uint32], NDArray[np.uint32]]:
    """Parents with spans in any order, the tree's columns and its preorder."""
    order = rng.sample(range(spans), spans)
    parents = [NO_ROW] * spans
    for place, row in enumerate(order):
        if place and rng.random() < 0.8:
            parents[row] = order[rng.randrange(place)]
    tree = np.zeros((len(SpanTree), spans), np.uint32)
    tree[SpanTree.PARENT] = parents
    preorder: list[int] = []

    def visit(row: int) -> None:
        tree[SpanTree.FIRST, row] = len(preorder)
        preorder.append(row)
        for child in range(spans):
            if parents[child] == row:
                visit(child)
        tree[SpanTree.LAST, row] = len(preorder) - 1

    for row in range(spans):
        if parents[row] == NO_ROW:
            visit(row)
    return parents, tree, np.array(preorder, np.uint32)


@pytest.mark.parametrize("function", FOLDS, ids=lambda function: function.name)
@given(RANDOMS, st.integers(0, 12), st.booleans(), SEEDS)
def test_ancestors(function: Function, rng: Random, spans: int, keyed: bool, seed: np.uint64) -> None:
    parents, tree, preorder = forest(rng, spans)
    mask, values = marks(rng, spans), words(rng, spans, function)
    keys_end = rng.choice((1, 2, 2**63))
    member_keys, query_keys = (array([rng.randrange(keys_end) for _ in range(spans)]) for _ in range(2))
    found = rubbish(spans)
    if keyed:
        keyed_path(function, mask, values, member_keys, query_keys, tree, preorder, seed, *found)
    else:
        path(function, mask, values, tree, preorder, *found)

    def above(row: int) -> list[int]:
        return [] if parents[row] == NO_ROW else [parents[row], *above(parents[row])]

    expected = [
        folded(
            function,
            [
                int(values[one])
                for one in above(row)
                if mask[one] and (not keyed or member_keys[one] == query_keys[row])
            ],
        )
        for row in range(spans)
    ]
    check(function, found, expected)


TIMES = (0, 1, 2, 3, 4, 5, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1)
NO_END = 2**63 - 1
BOUNDS = (-3, -1, 0, 0, 1, 2, 5, 2**62, -(2**62))


@given(RANDOMS, st.integers(0, 10), st.sampled_from(BOUNDS), st.sampled_from((*BOUNDS, NO_END)), st.booleans())
def test_windows(rng: Random, spans: int, low: int, high: int, future: bool) -> None:
    times = TIMES if rng.random() < 0.5 else TIMES[:5]
    one_end = rng.random() < 0.5
    query_times = [rng.choice(times) for _ in range(spans)]
    member_times = query_times if one_end else [rng.choice(times) for _ in range(spans)]
    ids, depth = [rng.randrange(3) for _ in range(spans)], [rng.randrange(3) for _ in range(spans)]
    trace_of = sorted(rng.randrange(3) for _ in range(spans))
    rows = rng.sample(range(spans), spans)  # row -> which of the traces
    trace = {row: trace_of[place] for place, row in enumerate(rows)}
    begins = [sum(one < number for one in trace_of) for number in range(4)]

    def by(anchors: Sequence[int]) -> list[int]:
        return sorted(range(spans), key=lambda row: (trace[row], anchors[row], depth[row], ids[row], row))

    found = rubbish(spans)
    by_member = by(member_times)
    window(
        low, high, future, array(query_times), array(member_times), array(ids), np.array(depth, np.uint32),
        np.array(by(query_times), np.uint32), np.array(by_member, np.uint32), np.array(begins, np.uint32), 3, *found,
    )  # fmt: skip

    def is_inside(query: int, member: int) -> bool:
        sign = 1 if future else -1
        distance = sign * (member_times[member] - query_times[query])
        rank = [(anchors[row], depth[row], ids[row]) for anchors, row in ((query_times, query), (member_times, member))]
        in_order = rank[0] <= rank[1] if future else rank[0] >= rank[1]
        far_enough = in_order if low == 0 else distance >= low
        return trace[query] == trace[member] and far_enough and (high == NO_END or distance <= high)

    for query in range(spans):
        first, last = int(found[0][query]), int(found[1][query])
        assert set(by_member[first:last]) == {member for member in range(spans) if is_inside(query, member)}


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 64, 65, 1_000])
@pytest.mark.parametrize("keyed", [False, True])
def test_sizes(count: int, keyed: bool) -> None:
    """The sizes at which hash tables have just fitted, or have just grown, and odd numbers of leaves."""
    rng = Random(count)
    for function in (Function.COUNT, Function.SUM, Function.MAX_SIGNED):
        grouped(rng, function, count, keyed=keyed, siblings=False, seed=np.uint64(count))
        intervals(rng, function, count, keyed=keyed, seed=np.uint64(count))


def test_a_deep_tree() -> None:
    spans = 5_000
    tree = np.zeros((len(SpanTree), spans), np.uint32)
    tree[SpanTree.PARENT] = [NO_ROW, *range(spans - 1)]
    tree[SpanTree.FIRST], tree[SpanTree.LAST] = range(spans), spans - 1
    preorder, mask = np.arange(spans, dtype=np.uint32), np.ones(spans, np.uint8)
    keys = array([row % 7 for row in range(spans)])
    found = rubbish(spans)
    keyed_path(Function.SUM, mask, keys, keys, keys, tree, preorder, np.uint64(5), *found)
    assert found[0].tolist() == [row // 7 * (row % 7) for row in range(spans)]
    path(Function.MAX_UNSIGNED, mask, keys, tree, preorder, *found)
    assert found[0].tolist() == [min(6, max(row - 1, 0)) if row < 8 else 6 for row in range(spans)]
