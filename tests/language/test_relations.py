"""What relations, joins and time mean, one small trace at a time: each of these has been wrong once, or nearly."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.policy import Completeness
from tests.language.judging import Judge, refusal
from tests.strategies import request_of

Value = bool | int | float | str


def value(of: Value) -> AnyValue:
    if isinstance(of, bool):
        return AnyValue(bool_value=of)
    if isinstance(of, int):
        return AnyValue(int_value=of)
    return AnyValue(double_value=of) if isinstance(of, float) else AnyValue(string_value=of)


def span(number: int, parent: int = 0, *, start: int = 10, links: tuple[int, ...] = (), **attributes: Value) -> Span:
    name = attributes.pop("name", "")
    made = Span(
        trace_id=b"\1" * 16,
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big"),
        name=str(name),
        start_time_unix_nano=start,
        end_time_unix_nano=start + 5,
        attributes=[KeyValue(key=key, value=value(of)) for key, of in attributes.items()],
    )
    for to in links:
        made.links.add(trace_id=made.trace_id, span_id=to.to_bytes(8, "big"))
    return made


def where(condition: str, spans: list[Span]) -> set[int]:
    """The rows of which a condition on `s` is true; its negation is true of the others, and the walk agrees."""
    judge = Judge(
        [
            f"assume nothing for each span s require not ({condition})",
            f"assume nothing for each span s require {condition}",
        ]
    )
    request = request_of(spans)
    fast = judge.fast(request)
    assert (fast.violated, fast.undecided) == (judge.slow(request).violated, set())
    rows: list[set[int]] = [set(), set()]
    for one in fast.violated:
        rows[int(one.rule[1:])].add(one.row)
    assert not rows[0] & rows[1]
    return rows[0]


# Which row a condition speaks of


def test_a_nested_quantifier_is_about_the_row_that_was_chosen() -> None:
    parent, child = span(1, name="a"), span(2, 1, name="b")
    parent.events.add(name="b")
    child.events.add(name="a")
    # Judged of the row before, this would be true of no span, as the parent has no event with its own name.
    assert "cannot be reached" in refusal(
        "for each span s require exists child c where exists event e where e.name == s.name"
    )
    assert where("exists child c where exists event e where e.name == c.name", [parent, child]) == set()
    assert where("exists child c where exists event e where e.name != c.name", [parent, child]) == {0}
    assert where('exists child c where (exists event where name == "a") and c.kind == s.kind', [parent, child]) == {0}


def test_bare_paths_under_a_named_parent_are_the_parents() -> None:
    spans = [span(1, name="a"), span(2, 1, name="b")]
    assert where('exists parent p where name == "a"', spans) == {1}
    assert where('exists parent p where name == "a" and s.name == "b"', spans) == {1}
    assert where('exists child c where name == "b"', spans) == {0}


def test_a_parent_may_be_asked_for_its_own_relations() -> None:
    spans = [span(1), span(2, 1), span(3, 1), span(4, 2)]
    assert where("exists parent where count(child) == 2", spans) == {1, 2}
    assert where("exists parent p where exists child c where c.kind == p.kind and c.start >= p.start", spans) == {
        1,
        2,
        3,
    }
    assert where("exists root where exists child where exists child", spans) == {0, 1, 2, 3}
    assert where("exists parent where exists parent", spans) == {3}


def test_is_root_span_is_about_the_row_in_hand() -> None:
    judge = Judge(["assume nothing for each span require not exists parent where IsRootSpan()"])
    assert {one.row for one in judge.fast(request_of([span(1), span(2, 1), span(3, 2)])).violated} == {1}


def test_a_variable_may_be_called_as_a_field_is() -> None:
    """The default assumption looks at parents and trace states, whatever the rule calls its rows."""
    judge = Judge(["for each span trace_state with parent parent require exists child"])
    found = judge.fast(request_of([span(1), span(2, 1)]))
    assert [one.row for one in found.violated] == [1]
    assert not found.undecided


def test_a_cycle_is_cut_for_every_relation() -> None:
    spans = [span(1, 2), span(2, 1), span(3, 3), span(4, 1)]
    for relation in ("parent", "ancestor"):
        assert where(f"exists {relation}", spans) == {3}
    assert where("exists child", spans) == {0}
    assert where("exists sibling", spans) == set()
    assert where("s.parent != nil", spans) == {0, 1, 2, 3}


# Exact duplicates


def test_an_exact_duplicate_is_removed_first() -> None:
    parent, child = span(1), span(2, 1, name="b", links=(1,))
    child.events.add(name="e")
    spans = [parent, child, child, child, parent]
    assert where("count(child) == 1", spans) == {0}
    assert where("count(link from span) == 1", spans) == {0}
    assert where("count(span) == 2", spans) == {0, 1}
    judge = Judge(["assume nothing for each event e require not exists span", "for each event e require false"])
    rows = [{one.row for one in judge.fast(request_of(spans)).violated if one.rule == rule} for rule in ("r0", "r1")]
    assert rows == [{0}, {0, 1, 2}]


def test_a_rule_that_looks_at_a_parent_judges_a_duplicate_once() -> None:
    judge = Judge(
        ["assume nothing for each span s require exists parent", "assume nothing for each span s require false"]
    )
    found = judge.fast(request_of([span(1), span(1)])).violated
    assert {(one.rule, one.row) for one in found} == {("r0", 0), ("r1", 0), ("r1", 1)}


def test_several_links_to_one_span_are_one() -> None:
    spans = [span(1), span(2, 1, links=(1, 1)), span(3, 1, links=(1, 2))]
    assert where("count(link) == 1", spans) == {1}
    assert where("count(link from span) == 2", spans) == {0}


# Joins


NAN = math.nan


@pytest.mark.parametrize(
    ("child", "operator", "parent", "holds"),
    [
        (1, "<", 2, True), (2, "<", 1, False), (1, "<", 1.5, True), (1.5, "<=", 1, False), (1.0, "<=", 1, True),
        (False, "<", True, True), (True, "<", True, False), (True, "<=", True, True), (True, "<", 2, False),
        ("a", "<", "b", False), (NAN, "<", 1, False), (1, "<", NAN, False), (NAN, "<=", NAN, False),
        (None, "<", 1, False), (None, "<=", None, True), (None, ">=", None, True), (None, "<", None, False),
        (1, "<=", None, False), (2**53 + 1, ">", 2**53, True), (2**62 + 1, ">", 2**62, True), (-1, "<", 0, True),
        (1, "==", 1.0, True), (NAN, "==", NAN, False), (NAN, "!=", NAN, True), (None, "==", None, True),
        (None, "!=", 1, True), ("1", "==", 1, False), (True, "==", 1, False), ("a", "==", "a", True),
    ],
)  # fmt: skip
def test_two_rows_compare_as_two_attributes_of_one_row(
    child: object, operator: str, parent: object, holds: bool
) -> None:
    def made(number: int, above: int, of: object) -> Span:
        return span(number, above) if of is None else span(number, above, x=of)  # type: ignore[arg-type]

    spans = [made(1, 0, parent), made(2, 1, child)]
    comparison = f'c.attributes["x"] {operator} s.attributes["x"]'
    assert where(f"exists child c where {comparison}", spans) == ({0} if holds else set())
    assert where(f"exists child c where not ({comparison})", spans) == (set() if holds else {0})
    assert where("exists child", spans) == {0}


def test_nil_is_not_less_than_the_nil_of_nobody() -> None:
    assert where('exists child c where c.attributes["x"] <= s.attributes["x"]', [span(1), span(2)]) == set()


def test_arrays_equal_nothing_not_even_themselves() -> None:
    one = span(1)
    one.attributes.add(key="x").value.array_value.values.add(int_value=1)
    assert where('exists span o where o.attributes["x"] == s.attributes["x"]', [one]) == set()
    assert where('exists span o where o.attributes["x"] != s.attributes["x"]', [one]) == {0}


def test_ancestors_with_a_key_are_added_up_and_compared() -> None:
    spans = [span(1, k=1, x=5), span(2, 1, k=2, x=7), span(3, 2, k=1, x=9), span(4, 3, k=1, x=1)]
    assert where('sum(ancestor a where a.attributes["k"] == s.attributes["k"] : a.attributes["x"]) == 14', spans) == {3}
    assert where('max(ancestor a where a.attributes["k"] == s.attributes["k"] : a.attributes["x"]) == 5', spans) == {2}
    joined = 'a.attributes["k"] == s.attributes["k"] and a.attributes["x"] > s.attributes["x"]'
    assert where(f"exists ancestor a where {joined}", spans) == {3}


def test_distinct_values_leave_nil_out() -> None:
    assert where("distinct(span : parent_span_id) == 1", [span(1), span(2, 1), span(3, 1)]) == {0, 1, 2}


def test_sums_and_extremes_of_what_is_no_number() -> None:
    spans = [span(1), span(2, 1, x=NAN), span(3, 1, x=math.inf), span(4, 1, x=2)]
    assert where('max(child : attributes["x"]) > 1e300', spans) == {0}
    assert where('min(child : attributes["x"]) == 2', spans) == {0}
    assert where('sum(sibling where attributes["x"] > 0 : attributes["x"]) == 2', spans) == {2}
    lonely = [span(1), span(2, 1, x=NAN)]
    assert (
        where('max(child : attributes["x"]) < 5', lonely) == where('max(child : attributes["x"]) >= 5', lonely) == set()
    )
    assert where('max(child : attributes["x"]) != nil', lonely) == {0}


# Time


def test_at_end_is_kept_through_relations() -> None:
    """A chosen span's past is seen from its end where the rule says so."""
    spans = [span(1, start=0), span(2, 1, start=10), span(3, start=12, name="x")]
    assert where('exists child at end where once [0s, 4ns] span where name == "x"', spans) == {0}
    assert where('exists child where once [0s, 4ns] span where name == "x"', spans) == set()


def test_span_alone_is_every_span() -> None:
    assert where("eventually [1ns, ] span", [span(1, start=1), span(2, start=2)]) == {0}
    assert where("(not span) since span", [span(1, start=1), span(2, start=2)]) == {0, 1}


MANY = " and ".join(["(c.kind == 1 or c.name == s.name)"] * 30)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("for each span s require once [0s, 9999999h] span", "at most 146 years"),
        ("for each span s require once [9999999h, ] span", "at most 146 years"),
        ("assume skew <= 25h for each span s require once span", "more than a day apart"),
        ("for each resource r require exists span", "a resource has no relation `span`"),
        ("for each scope c require count(span) > 1", "a scope has no relation `span`"),
        ("for each event e require exists child", "an event has no relation `child`; only a span has"),
        ("for each span s require exists event at end", "`at end` is for spans"),
        ("for each event e require once span", "only a span has a before and an after"),
        ("assume skew <= 1ms for each event e require once span", "only a span has a before and an after"),
        ('for each span s require exists child c where c.attributes["x"] == s.span_id', "cannot be compared"),
        ("for each span s require exists child c where c.start == s.duration", "subtract two times first"),
        ("for each span s require exists child c where c.name < s.name", "cannot be compared"),
        (f"for each span s require exists child c where {MANY}", "more than 64 alternatives"),
    ],
)  # fmt: skip
def test_refused(rule: str, why: str) -> None:
    assert why in refusal(rule)


def test_alternatives_about_one_row_do_not_multiply() -> None:
    many = " and ".join('(c.kind == 1 or c.name == "a")' for _ in range(40))
    assert where(f"exists child c where {many}", [span(1), span(2, 1, name="a"), span(3)]) == {0}


# Finality of joins, beyond what test_formulas.py lists


@pytest.mark.parametrize(
    ("rule", "final"),
    [
        ("require not exists child c where c.name == s.name", True),
        ("require not exists child c where c.start < s.start", True),
        ("require not exists child c where c.start < s.root.start", False),
        ("require not exists child c where c.parent.name == s.name", False),
        ("require not exists span c where c.cyclic == s.cyclic", False),
        ("require not exists root where kind == 2", False),
        ("require not exists root where count(child) > 2", False),
        ("require not exists parent where kind == 2", True),
        ("require not exists parent where count(child) > 2", True),
        ("require exists parent", False),
        ("require count(child) <= 5", True),
        ("require count(child c where c.parent.name == s.name) <= 5", False),
        ("require distinct(child : name) <= 5", True),
        ("require distinct(child : parent.name) <= 5", False),
        ("require max(child : kind) <= 5", False),
        ("require always span where kind == 1", True),
        ("require not (span since span where kind == 1)", False),
        ('require not ({ name == "a" } >> { name == "b" })', True),
        ('require not ({ name == "a" } !>> { name == "b" })', False),
        ("with parent p require exists child", False),
    ],
)
def test_finality(rule: str, final: bool) -> None:
    assert Judge([f"for each span s {rule}"]).final == (final,)
    assert Judge([f"assume nothing for each span s {rule}"]).final == (final,)
    assert Judge([f"assume complete for each span s {rule}"]).final == (False,), "a lost span may still show"


def test_what_is_assumed_makes_doubtful() -> None:
    judge = Judge(
        [f'assume {what} for each span s require s.name != "b"' for what in ("complete", "unsampled", "nothing")]
    )
    lost, sampled = span(1, 7, name="b"), span(2, name="b")
    sampled.trace_state = "ot=th:8"
    for one, doubtful in ((lost, {"r0"}), (sampled, {"r1"}), (span(3, name="b"), set())):
        found = judge.fast(request_of([one]), Completeness.TRACE)
        assert {row.rule for row in found.undecided} == doubtful
        assert {row.rule for row in found.violated} == {"r0", "r1", "r2"} - doubtful


PREVIOUS = Judge(
    [
        "for each event e with previous p require p.time <= e.time",
        "for each event e with previous p require p.name == e.name",
        "assume nothing for each event e require e.previous.name != e.name",
        "assume nothing for each event e require e.previous.time != nil",
        "assume nothing for each event e require e.previous.previous.name == e.name",
        'assume nothing for each span s require not exists event e where e.previous.name == "a"',
    ]
)


@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=4), max_size=4))
def test_the_event_before_an_event_is_of_the_same_span(events: list[list[tuple[str, int]]]) -> None:
    spans = [Span(trace_id=bytes([row + 1]) * 16, span_id=bytes([row + 1]) * 8) for row in range(len(events))]
    for span, of_span in zip(spans, events, strict=True):
        for name, time in of_span:
            span.events.add(name=name, time_unix_nano=time)
    request = request_of(spans)
    assert not PREVIOUS.disputed(PREVIOUS.fast(request), PREVIOUS.slow(request))
