"""What a witness says: which spans, what came closest and by how much, for each class of operator; and its bounds."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.findings.witness import BYTES_MAX, NearMiss, Witness, WitnessSpan
from otlp_verifier.findings.witness.data import COUNTED_MAX, bounded
from tests.findings.judged import witness

MS = 1_000_000


def near(text: str, notation: str) -> tuple[str, str, str, int | None]:
    """How, role, name and slack of the near miss."""
    found = witness(text, notation)
    miss = found.near_miss
    assert miss is not None
    assert miss.span is not None
    span = found.spans[miss.span]
    return miss.how, span.role, span.name, miss.slack_ns


def said(text: str, notation: str) -> str:
    miss = witness(text, notation).near_miss
    assert miss is not None
    return miss.text


FAMILY = """
spans:
  - {id: a, name: top, start: 0ms, end: 100ms}
  - {id: b, parent: a, name: one, start: 10ms, end: 20ms, kind: client}
  - {id: c, parent: a, name: two, start: 30ms, end: 112.3ms, kind: server}
  - {id: d, parent: c, name: deep, start: 40ms, end: 50ms, attributes: {user: me}}
"""


def test_the_subject_comes_first_with_ids_and_times() -> None:
    found = witness('for each span s where s.name == "deep" require s.kind == SPAN_KIND_CLIENT', FAMILY)
    [span] = found.spans
    assert (span.role, span.name, span.service) == ("subject", "deep", "shop")
    assert int(span.end) - int(span.start) == 10 * MS
    assert len(span.span_id) == 16
    assert found.rechecked
    assert found.near_miss is None


def test_a_comparison_of_times_says_by_how_much() -> None:
    inside = "for each span s with parent p require s.start >= p.start and s.end <= p.end"
    assert near(inside, FAMILY) == ("close", "subject", "two", 12_300_000)
    assert said(inside, FAMILY) == "`s.end` is 12.3 ms too late"
    assert [span.role for span in witness(inside, FAMILY).spans] == ["subject", "parent p"]
    early = 'for each span s with parent p where s.name == "deep" require s.start >= p.start + 15ms'
    assert said(early, FAMILY) == "`s.start` is 5 ms too early"
    turned = 'for each span s with parent p where s.name == "deep" require not (p.end > s.end)'
    assert said(turned, FAMILY) == "`p.end` is 62.3 ms too late"
    long = 'for each span s where s.name == "two" require s.duration < 80ms'
    assert (near(long, FAMILY)[3], said(long, FAMILY)) == (2_300_000, "`s.duration` is 2.3 ms too long")


def test_paths_to_other_spans_name_them() -> None:
    found = witness('for each span s where s.name == "deep" require s.parent.name == s.root.name', FAMILY)
    assert [(span.role, span.name) for span in found.spans] == [("subject", "deep"), ("parent", "two"), ("root", "top")]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('d.name == "deep" and d.attributes["user"] == "you"', "deep"),
        ('d.kind == SPAN_KIND_CLIENT and d.name == "two"', "one"),
    ],
)
def test_exists_names_the_row_that_lacks_least(condition: str, expected: str) -> None:
    rule = f'for each span s where s.name == "top" require exists descendant d where {condition}'
    assert near(rule, FAMILY) == ("close", "descendant d", expected, None)
    assert "all but" in said(rule, FAMILY)
    assert "me" not in said(rule, FAMILY).split(), "no value of an attribute"


def test_exists_prefers_what_only_the_time_is_wrong_of() -> None:
    rule = 'for each span s where s.name == "top" require exists child c where c.kind > 0 and c.start > s.start + 32ms'
    assert near(rule, FAMILY) == ("close", "child c", "two", 2 * MS)
    assert said(rule, FAMILY) == "`c.start` is 2 ms too early"


def test_where_there_is_none_at_all() -> None:
    rule = 'assume nothing for each span s where s.name == "deep" require exists child'
    found = witness(rule, FAMILY)
    assert found.near_miss == NearMiss(span=None, how="close", text="there is no child", slack_ns=None)


def test_what_must_not_be_and_what_all_must_be() -> None:
    rule = 'for each span s where s.name == "top" require not exists child c where c.kind == SPAN_KIND_SERVER'
    assert near(rule, FAMILY) == ("broke", "child c", "two", None)
    rule = 'for each span s where s.name == "top" require forall child c require c.kind == SPAN_KIND_CLIENT'
    assert near(rule, FAMILY) == ("broke", "child c", "two", None)
    assert said(rule, FAMILY) == "lacks `c.kind == SPAN_KIND_CLIENT`"
    rule = 'for each span s where s.name == "top" require forall child c require c.end <= s.end'
    assert near(rule, FAMILY) == ("close", "child c", "two", 12_300_000)


def test_counts_have_a_value_and_a_bound() -> None:
    found = witness('for each span s where s.name == "top" require count(child c where c.kind > 0) < 2', FAMILY)
    measure = found.measure
    assert measure is not None
    assert (measure.what, measure.value, measure.operator, measure.bound) == (
        "count(child c where c.kind > 0)",
        2,
        "<",
        2,
    )
    assert [span.role for span in found.spans] == ["subject", "child c", "child c"]
    found = witness('for each span s where s.name == "top" require not count(child c where c.kind > 0) == 2', FAMILY)
    assert found.measure is not None
    assert (found.measure.operator, found.measure.bound) == ("!=", 2)
    found = witness('for each span s where s.name == "top" require 90ms > sum(child : duration)', FAMILY)
    assert found.measure is not None
    assert (found.measure.value, found.measure.operator, found.measure.bound) == (92_300_000, "<", 90 * MS)
    secret = witness('for each trace t require sum(span : attributes["n"]) < 5', "spans: [{attributes: {n: 7}}]")
    assert secret.measure is None, "a sum of attributes tells their values"
    secret = witness('for each span s require count(event) > s.attributes["n"]', "spans: [{attributes: {n: 7}}]")
    assert secret.measure is None


def test_an_extreme_names_the_row_that_has_it() -> None:
    rule = 'for each span s where s.name == "top" require max(child : end) <= s.end'
    assert near(rule, FAMILY) == ("close", "child", "two", 12_300_000)


def test_counted_spans_are_bounded() -> None:
    spans = "".join(f"\n  - {{parent: a, name: n{at}}}" for at in range(20))
    found = witness("for each span s require count(child) < 5", f"spans:\n  - {{id: a}}{spans}")
    assert len(found.spans) == 1 + COUNTED_MAX
    assert found.left_out == 20 - COUNTED_MAX


TIMES = """
spans:
  - {id: a, name: top, start: 0ms, end: 900ms}
  - {id: b, parent: a, name: before, start: 100ms, end: 110ms}
  - {id: s, parent: a, name: subject, start: 200ms, end: 210ms}
  - {id: c, parent: a, name: after, start: 350ms, end: 360ms}
"""


@pytest.mark.parametrize(
    ("condition", "how", "role", "name", "slack_ms", "text"),
    [
        ('once [10ms, 80ms] span where name == "before"', "close", "once", "before", 20, "20 ms too early"),
        ('once [120ms, 1s] span where name == "before"', "close", "once", "before", 20, "20 ms too late"),
        ('once [0s, 1s] span where name == "after"', "close", "once", "after", 150, "150 ms too late"),
        ('eventually [0s, 100ms] span where name == "after"', "close", "eventually", "after", 50, "50 ms too late"),
        ('eventually [200ms, ] span where name == "after"', "close", "eventually", "after", 50, "50 ms too early"),
        ('not once [0s, 1s] span where name == "before"', "broke", "once", "before", None, "100 ms before"),
        ('not eventually span where name == "after"', "broke", "eventually", "after", None, "150 ms after"),
        ('always [1ns, 1s] span where name == "x"', "broke", "always", "after", None, "150 ms after"),
        ('historically [1ns, 1s] not span where name == "before"', "broke", "historically", "before", None, "100 ms"),
        (
            '(span where name != "before") since span where name == "top"',
            "broke", "left of since", "before", None, "100 ms before",
        ),
        (
            'span where kind > 0 since [0s, 150ms] span where name == "top"',
            "close", "since", "top", 50, "50 ms too early",
        ),
        ('not (span where kind > 0 since span where name == "top")', "broke", "since", "top", None, "200 ms before"),
        (
            '(span where name == "subject") until [0s, 100ms] span where name == "after"',
            "close", "until", "after", 50, "50 ms too late",
        ),
    ],
)  # fmt: skip
def test_time(condition: str, how: str, role: str, name: str, slack_ms: int | None, text: str) -> None:
    rule = f'assume nothing for each span s where s.name == "subject" require {condition}'
    slack_ns = None if slack_ms is None else slack_ms * MS
    assert near(rule, TIMES) == (how, role, name, slack_ns)
    assert text in said(rule, TIMES)


def test_structure_names_both_sides() -> None:
    found = witness('require not ({ name == "two" } > { name == "deep" })', FAMILY)
    assert [(span.role, span.name) for span in found.spans if span.name != "top"] == [
        ("right of >", "deep"),
        ("left of >", "two"),
    ]
    assert found.near_miss is not None
    assert found.near_miss.text == "its parent is `two`"


def test_events_links_resources_and_scopes() -> None:
    found = witness('for each event e require e.name == "x"', "spans: [{name: has one, events: [{name: y}]}]")
    assert [(span.role, span.name) for span in found.spans] == [("span of the event", "has one")]
    found = witness('for each resource r require r.schema_url == "x"', "spans: [{}]")
    assert (found.rechecked, found.spans) == (True, ())


# Bounds

names = st.text(max_size=256)
spans_ = st.builds(
    WitnessSpan, role=st.text(max_size=40), span_id=st.just("0" * 16), name=names, service=names, start=st.just("1"),
    end=st.just("2"),
)  # fmt: skip


@pytest.mark.many
@given(st.lists(spans_, min_size=1, max_size=12), st.data())
def test_a_witness_fits_its_room_and_keeps_the_near_miss(spans: list[WitnessSpan], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(spans) - 1))
    numbered = [msgspec.structs.replace(span, role=f"{number} {span.role}"[:40]) for number, span in enumerate(spans)]
    miss = NearMiss(span=at, how="close", text="x" * 160, slack_ns=2**63)
    found = bounded(Witness(rechecked=True, spans=tuple(numbered), near_miss=miss))
    assert len(msgspec.json.encode(found)) <= BYTES_MAX
    assert found.near_miss is not None
    assert found.near_miss.span is not None
    assert found.spans[found.near_miss.span].role == numbered[at].role
    assert found.spans[0].role == numbered[0].role
    assert len(found.spans) + found.left_out == len(spans)


def test_long_names_are_cut_before_spans_are_left_out() -> None:
    spans = "".join(f"\n  - {{parent: a, name: {'n' * 2_000}}}" for _ in range(8))
    found = witness("for each span s require count(child) < 5", f"spans:\n  - {{id: a, name: {'é' * 300}}}{spans}")
    assert len(msgspec.json.encode(found)) <= BYTES_MAX
    assert len(found.spans) == 9
