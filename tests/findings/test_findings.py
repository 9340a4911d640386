"""Findings for people: the right record, its values in the message, and nothing in it that could do harm."""

import re
import unicodedata

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.findings import Finding
from otlp_verifier.findings.printable import masked
from otlp_verifier.findings.renderer import NAME_MAX
from otlp_verifier.findings.template import MESSAGE_MAX, check_messages
from otlp_verifier.findings.wording import TEXT_MAX
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.rules import catalogue
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.rules.example import read
from otlp_verifier.wire.limits import Limits
from tests.rules.break_sensitive import TEXTS
from tests.strategies import requests, spans

RULES = catalogue.builtin()
EVERY_SPAN = "for each span s require false"


def rule(message: str, formula: str = EVERY_SPAN, **others: object) -> Rule:
    fields = {"severity": "error", "description": "Nothing is right.", "file": "mine.yaml", "line": 1, "rule_line": 1}
    return Rule(id="mine", rule=formula, message=message, **{**fields, **others})  # type: ignore[arg-type]


def findings(rule_: Rule, notation: str) -> list[Finding]:
    worker = Verifier([rule_]).worker()
    return worker.verify(read(yaml.safe_load(notation)).request, completeness=Completeness.TRACE).findings(100)


def said(place: str, span: str, formula: str = EVERY_SPAN) -> str:
    return findings(rule(f"<{{{place}}}>", formula), f"spans: [{span}]")[-1].message[1:-1]


SPAN = """{name: GET /cart, kind: server, status: {code: error, message: no stock}, start: 10ms, end: 13.2ms,
    flags: 0x301, id: b, parent: a, trace_state: a=1, dropped_events_count: 7,
    attributes: {s: text, b: true, i: -5, d: 2.5, n: null, a: [1, 2, 3], m: {k: 1, l: 2}, o: !!binary /wA=},
    events: [{name: retry, time: 11ms}], links: [{trace: m, span: c}]}"""


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s.name", "GET /cart"),
        ("s.kind", "SERVER"),
        ("s.status.code", "ERROR"),
        ("s.status.message", "no stock"),
        ("s.start", "2023-11-14T22:13:20.01Z"),
        ("s.end", "2023-11-14T22:13:20.0132Z"),
        ("s.duration", "3.2 ms"),
        ("s.start - s.end", "-3.2 ms"),
        ("s.end - 13ms", "2023-11-14T22:13:20.0002Z"),
        ("s.end + 1h", "2023-11-14T23:13:20.0132Z"),
        ("s.duration + s.duration", "6.4 ms"),
        ("s.duration - 1ms - 1ms", "1.2 ms"),
        ("s.start - 200000h", "2001-01-20T14:13:20.01Z"),
        ("s.start - 2000000h", "1970-01-01T00:00:00Z"),
        ("s.flags", "0x301"),
        ("s.flags.remote", "true"),
        ("s.flags.w3c_reserved", "0x0"),
        ("s.span_id", "5a5a5a5a00000002"),
        ("s.trace_id", "5a5a5a5a5a5a5a5a5a5a5a5a00000014"),
        ("s.parent_span_id.length", "8"),
        ("s.dropped_events_count + 1", "8"),
        ("s.events.count - 3", "-2"),
        ("s.parent.name", "nothing"),
        ("s.parent.start - s.start", "nothing"),
        ("s.parent.flags.remote", "nothing"),
        ('s.parent.attributes["s"]', "nothing"),
        ("s.scope.name", "shop.instrumentation"),
        ("s.trace.spans.count", "1"),
        ('s.attributes["s"]', "text"),
        ('s.attributes["b"]', "true"),
        ('s.attributes["i"]', "-5"),
        ('s.attributes["d"]', "2.5"),
        ('s.attributes["n"]', "nothing"),
        ('s.attributes["absent"]', "nothing"),
        ('s.attributes["a"]', "[1, 2, 3]"),
        ('s.attributes["m"]', "{2 keys}"),
        ('s.attributes["o"]', "0xff00"),
        ('s.resource.attributes["service.name"]', "shop"),
        ('resource.attributes["service.name"]', "shop"),
        ("scope.version", "1.0.0"),
        ("7", "7"),
        ("1.5", "1.5"),
        ("90s", "1.5 min"),
    ],
)
def test_values_of_every_type(place: str, expected: str) -> None:
    assert said(place, SPAN) == expected


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1 us"),
        (1_500, "1.5 us"),
        (999_999, "1000 us"),
        (1_234_567, "1.23 ms"),
        (12_345_678_901, "12.3 s"),
        (90 * 10**9, "1.5 min"),
        (7_200 * 10**9, "2 h"),
        (5_000 * 3_600 * 10**9, "5000 h"),
    ],
)
def test_durations_have_a_unit_that_fits(ns: int, expected: str) -> None:
    base = 1_700_000_000_000_000_000
    assert said("s.duration", f"{{start_unix_nano: {base}, end_unix_nano: {base + ns}}}") == expected


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (2**63, "2262-04-11T23:47:16.854775808Z"),
        (2**64 - 1, "2554-07-21T23:34:33.709551615Z"),
    ],
)
def test_times_of_the_whole_range(ns: int, expected: str) -> None:
    assert said("s.start", f"{{start_unix_nano: {ns}, end_unix_nano: 0}}") == expected


def test_numbers_outside_of_their_enum_stay_numbers() -> None:
    assert said("s.kind", "{kind: -1}") == "-1"
    assert said("s.status.code", "{status: {code: 14}}") == "14"


def test_text_is_cut_escaped_and_never_fails() -> None:
    assert said("s.name", f"{{name: {'x' * 200}}}") == "x" * (TEXT_MAX - 1) + "…"
    assert said("s.name", '{name: "a\\nb\\e[31mc\\0d\\u202Ee"}') == "a\\nb\\x1b[31mc\\x00d\\u202ee"
    assert said("s.name", '{name: "", raw: "2a 03 61 ff 62"}') == "a\ufffdb"
    assert said("s.name", '{name: "größe 大小"}') == "größe 大小"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[]", "[0 values]"),
        ("[x, 1, 2.5, true, null, !!binary /wA=]", "[x, 1, 2.5, true, nothing, 0xff00]"),
        ("[[1, 2], {k: 1, l: [2]}, 3]", "[[2 values], {2 keys}, 3]"),
        (f"[{', '.join(['1'] * 20)}]", f"[{', '.join(['1'] * 16)} and 4 more]"),
        (f"[{'x' * 200}, {'y' * 79}, {'z' * 79}, 1]", f"[{'x' * 79}…, {'y' * 79} and 2 more]"),
        ("[x, jane.doe@mail.org]", "[x, … (e-mail address, 17 characters)]"),
        (
            f"[{', '.join(['jane.doe@mail.org'] * 9)}]",
            f"[{', '.join(['… (e-mail address, 17 characters)'] * 6)} and 3 more]",
        ),
    ],
)
def test_a_list_shows_its_first_elements_whole(value: str, expected: str) -> None:
    assert said('s.attributes["a"]', f"{{attributes: {{a: {value}}}}}") == expected


@pytest.mark.parametrize(("key", "values"), [("user.name", "[quentin, 4711]"), ("db.password", "[sword, fish]")])
def test_the_key_of_a_list_says_that_its_elements_are_sensitive(key: str, values: str) -> None:
    shown = said(f's.attributes["{key}"]', f"{{attributes: {{{key}: {values}}}}}")
    assert not any(each in shown for each in values.strip("[]").split(", "))


@pytest.mark.parametrize(
    ("formula", "place", "expected"),
    [
        ('for each span s require s.attributes["b"] == nil and s.attributes["a"] == nil', "s", "`b`, `a`"),
        ('for each span s require not (s.attributes["a"] > 0 or Len(s.attributes["b"]) > 0)', "s", "`a`, `b`"),
        ('for each span s require s.attributes["c"] != nil', "s", "none"),
        ('for each span s require s.attributes["n"] != nil', "s", "none"),
        ('for each span s require s.attributes["m"]["k"] == 2 and s.attributes["m"]["l"] == 1', "s", "`m`"),
        ('for each span s require s.attributes["a"] == s.resource.attributes["a"]', "s.resource", "none"),
        ('for each span s require attributes["a"] == nil', "s", "`a`"),
        ('for each span s where s.attributes["b"] != nil require s.attributes["a"] == nil', "s", "`a`"),
        ('for each event e with span s require s.attributes["a"] == nil', "s", "`a`"),
        ('for each event e require e.span.attributes["a"] == nil and e.attributes["a"] == nil', "e.span", "`a`"),
        ('for each span s require s.attributes["a"] == nil or exists child c where c.attributes["b"] == 1', "s", "`a`"),
    ],
)  # fmt: skip
def test_attributes_that_the_rule_names_and_the_record_has(formula: str, place: str, expected: str) -> None:
    span = "{attributes: {a: 1, b: [2], n: null, m: {k: 1}}, events: [{name: retry}]}"
    assert said(f"PresentAttributes({place})", span, formula) == expected


@pytest.mark.parametrize("place", ["s", "s.name", "t", 's, "a"', ""])
def test_a_rule_that_names_no_attribute_of_the_record_has_none_to_show(place: str) -> None:
    with pytest.raises(RuleErrors, match=r"expected PresentAttributes|is unknown"):
        check_messages(
            [rule(f"{{PresentAttributes({place})}}", 'for each span s require s.parent.attributes["a"] == 1')]
        )


def test_parameters_have_their_values() -> None:
    found = findings(rule("at most {most}, {wait}", parameters={"most": 3, "wait": "1m30s"}), "spans: [{}]")
    assert found[0].message == "at most 3, 1.5 min"


def test_joined_records_have_their_names() -> None:
    formula = "for each span s with parent p require false"
    two = "{name: mother, end: 2ms}, {name: child, parent: a}"
    assert said("p.name", two, formula) == "mother"
    assert said("p.end - s.end", two, formula) == "1 ms"


def test_text_around_places_stays_and_the_description_stands_in() -> None:
    assert findings(rule('a `{s.name}` and } and "b"'), "spans: [{name: n}]")[0].message == 'a `n` and } and "b"'
    assert findings(rule(""), "spans: [{name: n}]")[0].message == "Nothing is right."
    assert findings(rule("{s.name}" * 100), f"spans: [{{name: {'y' * 80}}}]")[0].message[-2:] == "y…"
    assert len(findings(rule("{s.name}" * 100), f"spans: [{{name: {'y' * 80}}}]")[0].message) == MESSAGE_MAX


IDS = {"trace_id": "5a5a5a5a5a5a5a5a5a5a5a5a00000014", "span_id": "5a5a5a5a00000001", "span": "GET /cart"}


@pytest.mark.parametrize(
    ("formula", "place", "message", "shown"),
    [
        ("for each span s require false", "s.name", "GET /cart", IDS),
        ("for each event e require false", "e.name", "retry", IDS),
        ("for each event e with span s require false", "s.name", "GET /cart", IDS),
        ("for each event e require false", "span.name", "GET /cart", IDS),
        ("for each link l require false", "l.span_id", "5a5a5a5a00000003", IDS),
        ("for each trace t require false", "t.roots.count", "1", IDS),
        ("for each resource r require false", "r.spans.count", "1", {"trace_id": "", "span_id": "", "span": ""}),
        (
            "for each scope c require false",
            "c.name",
            "shop.instrumentation",
            {"trace_id": "", "span_id": "", "span": ""},
        ),
        ("for each scope c require false", 'c.resource.attributes["service.name"]', "shop", {}),
    ],
)
def test_records_of_every_domain(formula: str, place: str, message: str, shown: dict[str, str]) -> None:
    notation = "spans: [{name: GET /cart, events: [{name: retry}], links: [{trace: m, span: c}]}]"
    (found,) = findings(rule(f"{{{place}}}", formula), notation)
    assert (found.rule, found.severity, found.signal, found.service) == ("mine", "error", "traces", "shop")
    assert found.message == message
    for name, value in shown.items():
        assert getattr(found, name) == value


def test_what_is_missing_stays_empty() -> None:
    (found,) = findings(rule("x"), 'spans: [{name: "", trace_id: "", span_id: ""}]\nresource: {service.name: 7}')
    assert (found.trace_id, found.span_id, found.span, found.service) == ("", "", "", "")


def test_names_are_bounded() -> None:
    (found,) = findings(rule("x"), f"spans: [{{name: {'n' * 1000}}}]\nresource: {{service.name: {'s' * 1000}}}")
    assert len(found.span) == len(found.service) == NAME_MAX


def test_only_as_many_as_asked_for() -> None:
    worker = Verifier([rule("x")]).worker()
    outcome = worker.verify(read({"spans": [{}, {}, {}]}).request)
    assert [len(outcome.findings(most)) for most in (0, 1, 3, 9)] == [0, 1, 3, 3]


def test_messages_of_the_package_can_be_filled() -> None:
    check_messages(RULES)


@pytest.mark.parametrize(
    ("message", "column", "expected"),
    [
        ("{s.nam}", 2, "a span has no `nam`; did you mean `name`?"),
        ("ab {x.name}", 5, "`x` is unknown"),
        ("{}", 2, "expected a path, a value, a function or `(`"),
        ("{s.name s.name}", 9, "expected the end of the rule or an operator"),
        ("{s.name + 1}", 9, "`+` cannot be applied to a string and a number"),
        ("{s.start + s.end}", 10, "`+` cannot be applied to a time and a time"),
        ("{s.start == s.end}", 10, "expected a path, a parameter, or their sum or difference"),
        ("{not s.cyclic}", 2, "expected a path, a parameter, or their sum or difference"),
        ('{s.name["k"]}', 2, 'a span has no `name[...]`; expected attributes["..."]'),
        ('{s.trace.attributes["k"]}', 2, "a trace has no `attributes[...]`"),
        ("{nil}", 2, "expected a path, a parameter, or their sum or difference"),
    ],
)
def test_a_users_message_that_cannot_be_filled(message: str, column: int, expected: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        Verifier([rule(message), rule("{s.name}")]).worker()
    (error,) = caught.value.errors
    assert (error.rule, error.line, error.column) == ("mine", 1, column)
    assert expected in error.message
    assert error.source == message


@pytest.mark.many
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(requests(spans()))
def test_odd_records_never_fail_and_never_harm(request: ExportTraceServiceRequest) -> None:
    outcome = WORKER.verify(request.SerializeToString(), completeness=Completeness.TRACE)
    found = outcome.findings(10_000)
    assert len(found) == int(outcome.findings_by_rule.sum())
    for one in found:
        assert re.fullmatch("([0-9a-f]{32})?", one.trace_id)
        assert re.fullmatch("([0-9a-f]{16})?", one.span_id)
        assert 0 < len(one.message) <= MESSAGE_MAX
        assert len(one.span) <= NAME_MAX
        assert len(one.service) <= NAME_MAX
        for text in (one.message, one.span, one.service):
            assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)


WORKER = Verifier(RULES, limits=Limits(memory_factor=64)).worker()


def test_an_excerpt_at_the_cut_is_shown_whole() -> None:
    token, excerpt = TEXTS["secret-vendor-token"], "ghp_… (token of a service, 40 characters)"
    for before in (1, 30, 70):
        text = f"{'-' * before} {token}"
        assert masked(text.encode(), before + 4) == f"{'-' * before} {excerpt}"
        assert masked(f'{text}"'.encode(), before + 4) == f'{"-" * before} {excerpt}"'
        assert masked(f"{text} and more".encode(), before + 4) == f"{'-' * before} {excerpt}…"
        assert masked(text.encode(), before) == f"{'-' * (before - 1)}…"
    assert masked(f"{token} {'x' * 100}".encode(), TEXT_MAX) == f"{excerpt} {'x' * 100}"[: TEXT_MAX - 1] + "…"
    assert masked(b"x" * TEXT_MAX, TEXT_MAX) == "x" * TEXT_MAX


def test_as_many_faulty_attributes_are_named_as_there_is_room_for() -> None:
    attributes = ", ".join(f"{c * 78}: {'y' * 40_000}" for c in "abc")
    assert (
        said('FaultyAttributes(s, "huge")', f"{{attributes: {{{attributes}}}}}")
        == f"`{'a' * 78}` (40,000 bytes), `{'b' * 78}` (40,000 bytes) and 1 more"
    )
