"""Jobs against brute force: groups, intervals, ancestors and windows, with keys and without."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from otlp_verifier.columns import NO_ROW, SpanWide
from otlp_verifier.machine.ancestors import keyed_path, path, subtree
from otlp_verifier.machine.exists import any_in_tree, any_of_group
from otlp_verifier.machine.groups import group
from otlp_verifier.machine.intervals import interval
from otlp_verifier.machine.program import Function
from otlp_verifier.machine.sweeps import sweep
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
    counts = found[0] if function in (Function.COUNT, Function.DISTINCT) else found[1]
    pairs = list(zip(found[0].tolist(), counts.tolist(), strict=True))
    assert all(alike(function, one, other) for one, other in zip(pairs, expected, strict=True)), (pairs, expected)


def grouped(rng: Random, function: Function, members: int, *, keyed: bool, siblings: bool, seed: np.uint64) -> None:
    groups_end = rng.choice((1, 3, members + 1))
    queries = members if siblings else rng.randrange(8)
    own = not siblings and rng.random() < 0.5  # each query asks for the group of its own number
    groups_end = queries if own else groups_end

    def groups(count: int) -> Words:
        return array([rng.choice((NO_ROW, rng.randrange(groups_end) if groups_end else NO_ROW)) for _ in range(count)])

    keys_end = rng.choice((1, 3, 2**63))
    mask, values, member_at = marks(rng, members), words(rng, members, function), groups(members)
    member_keys = array([rng.randrange(keys_end) for _ in range(members)])
    # Of siblings, a query's own values are the member's; only a key may be another one on either side.
    query_at = member_at.copy() if siblings else array(range(queries)) if own else groups(queries)
    query_keys = (
        member_keys.copy()
        if siblings and rng.random() < 0.5
        else array([rng.randrange(keys_end) for _ in range(queries)])
    )
    found = rubbish(queries)
    keys = (member_keys, query_keys) if keyed else (array([]), array([]))
    asked = array([]) if own else query_at
    group(
        members, queries, groups_end, function, siblings, mask, values, member_at, keys[0], asked, keys[1], seed, *found
    )
    chosen = [
        [
            int(values[row])
            for row in range(members)
            if mask[row]
            and member_at[row] == query_at[query] != NO_ROW
            and (not keyed or member_keys[row] == query_keys[query])
            and not (siblings and row == query)
        ]
        for query in range(queries)
    ]
    expected = [folded(function, each) for each in chosen]
    check(function, found, expected)
    if (own or not keyed) and not siblings:
        flags = np.full(queries, 99, np.uint8)
        any_of_group(members, queries, groups_end, mask, member_at, keys[0], asked, keys[1], flags)
        counted = [folded(Function.COUNT, each)[0] > 0 for each in chosen]
        assert flags.tolist() == counted


FUNCTIONS = [function for function in Function if function is not Function.ANY]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
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
    keys = (member_keys, query_keys) if keyed else (array([]), array([]))
    interval(
        members, queries, positions_end, function, mask, values, positions, keys[0], lows, highs, keys[1], seed, *found
    )
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


FOLDS = [function for function in FUNCTIONS if function is not Function.DISTINCT]


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
        keyed_path(spans, function, mask, values, member_keys, query_keys, tree, preorder, seed, *found)
    else:
        path(spans, function, mask, values, tree, preorder, *found)

    def above(row: int) -> list[int]:
        return [] if parents[row] == NO_ROW else [parents[row], *above(parents[row])]

    higher = [
        [int(values[one]) for one in above(row) if mask[one] and (not keyed or member_keys[one] == query_keys[row])]
        for row in range(spans)
    ]
    expected = [folded(function, each) for each in higher]
    check(function, found, expected)
    below = [
        [
            int(values[one])
            for one in range(spans)
            if mask[one] and row in above(one) and (not keyed or member_keys[one] == query_keys[row])
        ]
        for row in range(spans)
    ]
    if not keyed:
        subtree(spans, function, mask, values, tree, preorder, *found)
        check(function, found, [folded(function, each) for each in below])
    flags, keys = np.full(spans, 99, np.uint8), (member_keys, query_keys) if keyed else (array([]), array([]))
    any_in_tree(spans, True, mask, *keys, seed, tree, preorder, flags)
    assert flags.tolist() == [len(each) > 0 for each in below]
    any_in_tree(spans, False, mask, *keys, seed, tree, preorder, flags)
    assert flags.tolist() == [len(each) > 0 for each in higher]


TIMES = (0, 1, 2, 3, 4, 5, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1)
NO_END = 2**63 - 1
BOUNDS = (-3, -1, 0, 0, 1, 2, 5, 2**62, -(2**62))


class Points:
    """Spans of three traces in any order, with few times, depths and ids, so that many stand at one point."""

    def __init__(self, rng: Random, spans: int) -> None:
        times = TIMES if rng.random() < 0.5 else TIMES[:5]
        self.spans = spans
        self.ends = rng.randrange(2), rng.randrange(2)  # which time stands for a query, and for a member
        self.anchors = [[rng.choice(times) for _ in range(spans)] for _ in range(2)]
        self.ids, self.depth = [rng.randrange(3) for _ in range(spans)], [rng.randrange(3) for _ in range(spans)]
        trace_of = sorted(rng.randrange(3) for _ in range(spans))
        rows = rng.sample(range(spans), spans)
        self.trace = {row: trace_of[place] for place, row in enumerate(rows)}
        self.begins = np.array([sum(one < number for one in trace_of) for number in range(4)], np.uint32)
        self.places = [[self.rank(end, row) for row in range(spans)] for end in range(2)]
        by = [sorted(range(spans), key=lambda row: (self.trace[row], of[row], row)) for of in self.places]
        self.by_time = np.array(by, np.uint32)
        self.times = np.array([[self.anchors[end][row] for row in by[end]] for end in range(2)], np.uint64)
        self.tree = np.zeros((len(SpanTree), spans), np.uint32)
        self.tree[SpanTree.DEPTH] = self.depth
        self.wide = np.zeros((len(SpanWide), spans), np.uint64)
        self.wide[SpanWide.SPAN_ID] = self.ids

    def rank(self, end: int, row: int) -> tuple[int, int, int]:
        return self.anchors[end][row], self.depth[row], self.ids[row]

    @property
    def alike(self) -> int:
        """The bits that say of which order points share everything."""
        distinct = [len({(self.trace[row], of[row]) for row in range(self.spans)}) for of in self.places]
        return sum((count < self.spans) << end for end, count in enumerate(distinct))

    def is_inside(self, query: int, member: int, low: int, high: int, *, future: bool) -> bool:
        mine, other = self.places[self.ends[0]][query], self.places[self.ends[1]][member]
        distance = other[0] - mine[0] if future else mine[0] - other[0]
        in_order = mine <= other if future else mine >= other
        far_enough = in_order if low == 0 else distance >= low
        return self.trace[query] == self.trace[member] and far_enough and (high == NO_END or distance <= high)


@given(RANDOMS, st.integers(0, 10), st.sampled_from(BOUNDS), st.sampled_from((*BOUNDS, NO_END)), st.booleans())
def test_windows(rng: Random, spans: int, low: int, high: int, future: bool) -> None:
    points = Points(rng, spans)
    found = rubbish(spans)
    query, member = points.ends
    by_member = points.by_time[member].tolist()
    window(
        spans, 3, low, high, future, bool(query), bool(member), points.wide, points.tree, points.by_time, points.times,
        points.begins, *found,
    )  # fmt: skip
    for row in range(spans):
        first, last = int(found[0][row]), int(found[1][row])
        expected = {other for other in range(spans) if points.is_inside(row, other, low, high, future=future)}
        assert set(by_member[first:last]) == expected


@given(
    RANDOMS, st.integers(0, 10), st.sampled_from(BOUNDS), st.sampled_from((*BOUNDS, NO_END)), st.booleans(),
    st.sampled_from(("alone", "broken", "keyed")), SEEDS,
)  # fmt: skip
def test_sweeps(rng: Random, spans: int, low: int, high: int, future: bool, how: str, seed: np.uint64) -> None:
    points, mask = Points(rng, spans), marks(rng, spans)
    breaks = marks(rng, spans) if how == "broken" else np.empty(0, np.uint8)
    keys_end = rng.choice((1, 3, 2**63))
    member_keys = array([rng.randrange(keys_end) for _ in range(spans)])
    query_keys = member_keys if rng.random() < 0.5 else array([rng.randrange(keys_end) for _ in range(spans)])
    keys = (member_keys, query_keys) if how == "keyed" else (array([]), array([]))
    found = np.full(spans, 99, np.uint8)
    sweep(
        spans, 3, points.alike, low, high, future, bool(points.ends[0]), bool(points.ends[1]), points.wide, points.tree,
        points.by_time, points.times, points.begins, mask, breaks, *keys, seed, found,
    )  # fmt: skip
    position = {row: place for place, row in enumerate(points.by_time[points.ends[1]].tolist())}
    for query in range(spans):
        inside = [row for row in range(spans) if mask[row] and points.is_inside(query, row, low, high, future=future)]
        if how == "keyed":
            inside = [row for row in inside if member_keys[row] == query_keys[query]]
        if how == "broken":
            own = [
                row for row in range(spans)
                if breaks[row] and points.is_inside(query, row, 0, NO_END, future=future)
            ]  # fmt: skip
            sign = -1 if future else 1
            inside = [row for row in inside if all(sign * position[other] <= sign * position[row] for other in own)]
        assert found[query] == (len(inside) > 0)


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
    keyed_path(spans, Function.SUM, mask, keys, keys, keys, tree, preorder, np.uint64(5), *found)
    assert found[0].tolist() == [row // 7 * (row % 7) for row in range(spans)]
    path(spans, Function.MAX_UNSIGNED, mask, keys, tree, preorder, *found)
    assert found[0].tolist() == [min(6, max(row - 1, 0)) if row < 8 else 6 for row in range(spans)]
