"""`assume skew`: what is said for certain holds however clocks are apart, and what might be violated is never denied.

Clocks are apart by at most the skew, two by two; each resource has one.
"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.language.contracts import Contract
from tests.language.judging import Judge, accepted, refusal
from tests.reference.evaluator import Violation
from tests.strategies import batches, request_of_resources

SEEDS = st.integers(0, 2**32)
SKEW_NS = 3
SKEW = f"{SKEW_NS}ns"
Batch = list[tuple[int, Span]]


def shifted(spans: Batch, offsets: list[int]) -> Batch:
    """The same spans as clocks would show them that are ahead by these offsets."""
    moved = []
    for number, span in spans:
        copy = Span.FromString(span.SerializeToString())
        copy.start_time_unix_nano += offsets[number]
        copy.end_time_unix_nano += offsets[number]
        for event in copy.events:
            event.time_unix_nano += offsets[number]
        moved.append((number, copy))
    return moved


def clocked(spans: Batch) -> Batch:
    """The same, but spans that share ids share a resource too.

    Copies are one span that was sent again, which was timed once. Moved apart they would no more be copies, and others
    that happen to meet would become some.
    """
    first: dict[tuple[bytes, bytes], int] = {}
    return [(first.setdefault((span.trace_id, span.span_id), number), span) for number, span in spans]


@pytest.mark.many
@given(
    SEEDS,
    batches(resources=3, most=6).map(clocked),
    st.lists(st.lists(st.integers(0, SKEW_NS), min_size=3, max_size=3), min_size=4, max_size=4),
)
def test_every_shift_within_the_skew_agrees(seed: int, spans: Batch, shifts: list[list[int]]) -> None:
    texts = accepted(seed, 8, Contract, skew=SKEW, assume="assume nothing ")
    blurred = Judge(texts).fast(request_of_resources(spans))
    exact = Judge([text.replace(f"assume skew <= {SKEW} ", "") for text in texts])
    for offsets in [[0, 0, 0], *shifts]:
        found = exact.slow(request_of_resources(shifted(spans, offsets))).violated
        wrong = (blurred.violated - found) | (found - blurred.violated - blurred.undecided)
        assert not wrong, (offsets, {texts[int(one.rule[1:])] for one in wrong})


@pytest.mark.many
@given(SEEDS, st.lists(batches(), min_size=2, max_size=2))
def test_no_more_is_undecided_than_needs_be(seed: int, traces: list[Batch]) -> None:
    """The walk knows for each pair of points whether clocks may turn it.

    The engine is as exact but where an inequality joins two rows: an extreme does not tell whose clock it was.
    """
    judge = Judge(accepted(seed, 8, Contract, skew=SKEW, extremes=False))
    for spans in traces:
        request = request_of_resources(spans)
        fast, slow = judge.fast(request), judge.slow(request)
        assert fast.violated <= slow.violated
        assert slow.violated | slow.undecided <= fast.violated | fast.undecided
        for rule in judge.disputed(fast, slow):
            assert any(word in rule for word in ("start", "end", "once", "eventually", "historically", "always")), rule


@given(SEEDS, batches(resources=1, missing=False))
def test_on_one_clock_time_operators_are_exact(seed: int, spans: Batch) -> None:
    rng = Random(seed)
    words, texts = ("once", "eventually", "historically", "always"), []
    for _ in range(6):
        inner = rng.choice(['where name == "a"', "v where v.kind == s.kind", "at end", 'v where v.name != "b"'])
        window = rng.choice(["", "[0s, 0s] ", "[1ns, 3ns] ", "[2ns, ] ", "[0s, 5ns] "])
        texts.append(f"for each span s require {rng.choice(words)} {window}(span {inner})")
    request = request_of_resources(spans)
    exact = Judge([f"assume nothing {text}" for text in texts]).fast(request)
    blurred = Judge([f"assume nothing assume skew <= 4ns {text}" for text in texts]).fast(request)
    assert (blurred.violated, blurred.undecided) == (exact.violated, exact.undecided) == (exact.violated, set())


def span(number: int, parent: int, start: int, end: int = 100, **fields: object) -> Span:
    return Span(
        trace_id=b"\1" * 16,
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big"),
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("resource", "start", "verdict"),
    [
        (0, 9, "violated"),
        (0, 10, ""),
        (1, 9, "undecided"),
        (1, 6, "violated"),
        (1, 7, "undecided"),
        (1, 12, "undecided"),
        (1, 13, ""),
    ],
)
@pytest.mark.parametrize("form", ["with parent p require s.start >= p.start", "require not start < parent.start"])
def test_a_child_and_its_parent(resource: int, start: int, verdict: str, form: str) -> None:
    judge = Judge([f"assume nothing assume skew <= 3ns for each span s {form}"])
    found = judge.fast(request_of_resources([(0, span(1, 0, 10)), (resource, span(2, 1, start))]))
    row = {Violation("r0", 0, 1)}
    assert found.violated == (row if verdict == "violated" else set())
    assert found.undecided == (row if verdict == "undecided" else set())


@pytest.mark.parametrize(("end", "verdict"), [(94, "violated"), (95, "undecided"), (106, "undecided"), (107, "")])
def test_differences_of_several_clocks_add_up(end: int, verdict: str) -> None:
    """Each of the two differences may be off by one skew, and so one more than the other by two."""
    rule = "for each span s with parent p require s.start - p.start > p.end - s.end"
    judge = Judge([f"assume nothing assume skew <= 3ns {rule}"])
    found = judge.fast(request_of_resources([(0, span(1, 0, 10, 100)), (1, span(2, 1, 10, end))]))
    row = {Violation("r0", 0, 1)}
    assert found.violated == (row if verdict == "violated" else set())
    assert found.undecided == (row if verdict == "undecided" else set())


def test_differences_of_the_same_clocks_are_exact() -> None:
    rule = "for each span s with parent p require s.start - p.start > s.end - p.end"
    judge = Judge([f"assume nothing assume skew <= 3ns {rule}"])
    found = judge.fast(request_of_resources([(0, span(1, 0, 10, 100)), (1, span(2, 1, 10, 100))]))
    assert found.violated == {Violation("r0", 0, 1)}


def test_events_have_their_spans_clock() -> None:
    judge = Judge(["assume nothing assume skew <= 3ns for each event e with span s require e.time >= s.start"])
    early = span(1, 0, 10)
    early.events.add(time_unix_nano=9)
    # The event's own row number leads to another resource.
    spans = [(0, early), (1, span(2, 0, 5))]
    assert judge.fast(request_of_resources(spans)).violated == {Violation("r0", 0, 0)}


def test_a_resource_that_comes_again_has_the_same_clock() -> None:
    judge = Judge(["assume nothing assume skew <= 3ns for each span s with parent p require s.start >= p.start"])
    spans = [(0, span(1, 0, 10)), (1, span(3, 0, 0)), (0, span(2, 1, 9))]
    assert judge.fast(request_of_resources(spans)).violated == {Violation("r0", 0, 2)}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("require span since span where kind == 1", "allows no skew"),
        ("require exists child c where c.start == s.start", "never show one time for certain"),
        ("require count(child where start < parent.start) < 2", "depends on whose clock is ahead"),
        ("require distinct(child : start) < 2", "never show one time for certain"),
        ("require sum(child c : c.start - c.parent.start) < 2ns", "clocks of two hosts are apart by more"),
        ("with parent p require (s.start - p.start) / 2 < 5ms", "bring it to the other side"),
    ],
)
def test_what_clocks_cannot_tell_is_refused(rule: str, why: str) -> None:
    assert why in refusal(f"assume skew <= 1ms for each span s {rule}")
