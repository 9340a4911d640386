"""What is said of a mistake in a rule: where it is, what was expected, the nearest known name. No other error."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.cursor import MISTAKES_MAX
from otlp_verifier.language.errors import RuleError, RuleErrors
from otlp_verifier.rules import catalogue
from tests.language.contracts import Contract

# A rule with `^` before the place that is reported, and words of what is said about it.
MISTAKES = [
    ("^", "a rule begins with `for each`, or with `require` if it is about the whole trace; the rule ends here"),
    ("for^", "expected `each`"),
    ("for ^all span s require true", "found `all`"),
    ("^fore each span s require true", "did you mean `for`?"),
    ("for each ^spam s require true", "one of span, event, link, resource, scope, trace; did you mean `span`?"),
    ("for each ^5 s require true", "expected what the rule is about"),
    ("for each span s^", "expected `require`"),
    ("for each span s where true^ # no more\n\n", "expected `require`: a rule ends with `require` and a condition"),
    ("for each span s ^requires true", "did you mean `require`?"),
    ("for each span s require^\n", "expected a path, a value, a function or `(`; the rule ends here"),
    ("for each span s require true ^true", "expected the end of the rule or an operator"),
    ("for each span s with ^parnt p require true", "one of parent, span, root, previous; did you mean `parent`?"),
    ("for each span s with ^span p require true", "a span has no relation `span`; it has: parent"),
    ("for each event e with ^parent p require true", "an event has no relation `parent`; it has: span"),
    ("for each trace t with ^span s require true", "a trace has no relation `span`; it has: none"),
    ("for each span s with parent ^require true", "expected a variable's name"),
    ("for each span s with ^parent s require true", "the variable `s` is used twice"),
    ('for each span s require ^s.nmae == "a"', "a span has no `nmae`; did you mean `name`?"),
    ("for each span s\nwhere s.kind == 1\nrequire\n\t^s.status.cod == 1\n", "did you mean `status.code`?"),
    ('for each event e require ^e.nme == ""', "an event has no `nme`; did you mean `name`?"),
    ('for each event e require ^e.trace.name == ""', "a trace has no `name`"),
    ('for each span s require ^sp.name == "a"', "`sp` is unknown"),
    ('for each span s require ^spam.name == "a"', "`spam` is unknown; did you mean `span`?"),
    ("for each span s require s.kind == ^SPAN_KIND_SERVR", "did you mean `SPAN_KIND_SERVER`?"),
    ("for each span s require s.duration < ^tolerence", "did you mean `tolerance`?"),
    ('for each span s require ^s.attribute["a"] == 1', 'expected attributes["..."]'),
    ('for each trace t require ^t.attributes["a"] == nil', "a trace has no `attributes[...]`"),
    ("for each span s require s.attributes[^a] == 1", "expected a key in double quotes"),
    ('for each span s require s.attributes["a" ^== 1', "expected `]`"),
    ('for each resource r require ^span.name == "a"', "a resource belongs to no single span"),
    ("for each span s require s.kind ^= 2", "expected `==`"),
    ("for each span s require s.kind == 2 ^== 3", "comparisons do not chain; join them with `and`"),
    ("for each span s require ^s.kind", "expected a condition, found a number; compare it with something"),
    ("for each span s require true and ^s", "expected a condition, found a record"),
    ('for each span s require not ^s.attributes["a"]', "expected a condition, found an attribute"),
    ("for each span s require s.name ^== 5", "a string and a number cannot be compared"),
    ("for each span s require s.parent ^== s", "a record and a record cannot be compared"),
    ("for each span s require s.trace_id ^== s.span_id", "cannot be compared"),
    ('for each span s require s.attributes["a"] ^== s.span_id', "an attribute cannot be compared with an id"),
    ("for each span s require s.start ^> 5ms", "a time and a duration cannot be compared"),
    ("for each span s require 1.5 ^> s.start", "cannot be compared"),
    ("for each span s require s.duration ^> 5", "a duration is compared with a duration such as 5ms"),
    ("for each span s require s.start ^> -1", "never negative"),
    ("for each span s require s.name ^< s.trace_state", "compared with == and !=, not ordered"),
    ('for each span s require s.attributes["a"] ^< s.name', "compared with == and !=, not ordered"),
    ("for each span s require s.span_id ^< s.parent_span_id", "ids have no order"),
    ("for each span s require s.cyclic ^< true", "true and false have no order"),
    ('for each span s require s.attributes["a"] ^< true', "true and false have no order"),
    ("for each span s require s.kind ^< nil", "nil has no order"),
    ("for each span s require s.name ^== nil", "a string is never nil here"),
    ("for each span s require s ^!= nil", "never nil"),
    ('for each span s require "a" ^== "a"', "both sides are constant"),
    ("for each span s require s.kind ^+ s.name == 1", "`+` cannot be applied to a number and a string"),
    ("for each span s require s.start ^+ s.end == 1", "`+` cannot be applied to a time and a time"),
    ('for each span s require s.attributes["a"] ^* s.kind == 1', "`*` takes an attribute and a number that the rule"),
    ('for each span s require s.attributes["a"] ^+ s.attributes["b"] == 1', "not an attribute and an attribute"),
    ("for each span s require s.duration ^* 1.5 > 5ms", "`*` cannot be applied to a duration and a decimal number"),
    ("for each span s require ^-s.cyclic == 1", "`-` cannot be applied to a number and true or false"),
    ("for each span s require s.kind ^- 5ms == 1", "`-` cannot be applied to a number and a duration"),
    ("for each span s require s.kind ^/ 0 == 1", "division by zero"),
    ("for each span s require s.kind ^== 9223372036854775808", "does not fit a signed 64-bit number"),
    ("for each span s require s.kind ^+ 18446744073709551615 == 1", "does not fit a signed 64-bit number"),
    ("for each span s require s.start == ^18446744073709551616", "does not fit 64 bits"),
    ("for each span s require s.kind == ^-9223372036854775809", "does not fit 64 bits"),
    ("for each span s require s.duration < ^3000000h", "the duration does not fit"),
    ('for each span s require ^IsMtch(s.name, "a")', "did you mean `IsMatch`?"),
    ("for each span s require ^IsMatch(s.name)", "IsMatch takes 2 arguments, not 1"),
    ('for each span s require ^IsMatch(s.name, "(")', "not an RE2 pattern: missing ): ("),
    (f'for each span s require ^IsMatch(s.name, "{"a" * 1025}")', "at most 1024 are allowed"),
    ('for each span s require ^IsMatch(s.kind, "a")', "a string or an attribute, not at a number"),
    ("for each span s require HasPrefix(s.name, ^s.name)", "HasPrefix takes a string that the rule states, no path"),
    ("for each span s require HasPrefix(s.name, ^5)", "HasPrefix takes a string in double quotes here"),
    ('for each span s require ^IsString(s.kind)', "IsString looks at a string or an attribute, not at a number"),
    ("for each span s require ^Now() > s.start", "OTTL's Now is no part of rules: it gives something new each time"),
    ("for each span s require ^MD5(s.name) == 5", "OTTL's MD5 is no part of rules"),
    ('for each span s require ^HasAttrOnDatapoint("a", "b")', "it is about metrics"),
    ("for each span s require Substring(s.name, 0, ^0) == \"a\"", "Substring takes a whole number, 1 or more here"),
    ('for each span s require ^Substring(s.name) == "a"', "Substring takes 3 arguments, not 1"),
    ('for each span s require ^Trim(s.name, "a", "b") == "a"', "Trim takes 1 to 2 arguments, not 3"),
    ('for each span s require ParseInt(s.name, ^1) == 5', "ParseInt takes a base: 0, or 2 to 36 here"),
    ('for each span s require ConvertCase(s.name, ^"snake") == "a"', 'takes "lower" or "upper" here'),
    ('for each span s require IsInCIDR(s.name, ^["10.0.0.0"])', 'takes a list of networks, as in ["10.0.0.0/8"]'),
    ('for each span s require Int("a") ^+ s.kind == 1', "`+` cannot be applied to nil and a number"),
    ('for each span s require ToLowerCase(s.name) ^< ToLowerCase(s.parent.name)', "has an order with constants"),
    ('for each span s require s.name ^== 0x41', "a string and a list, a map or bytes cannot be compared"),
    ('for each span s require s.name ^== ["a"]', "a string and a list, a map or bytes cannot be compared"),
    ('for each span s require s.attributes["a"] == [^s.name]', "expected a value that the rule states"),
    ('for each span s require s.attributes["a"] == {^a: 1}', "expected a key in double quotes"),
    ('for each span s require s.attributes["a"] == {"a"^}', "expected `:`"),
    ('for each span s require s.attributes["a"][^b] == 1', "expected a key in double quotes, or a position such as 0"),
    ('for each span s require s.attributes["a"][^-1] == 1', "or a position such as 0"),
    ('for each span s require ^s.kind["a"] == 1', 'a span has no `kind[...]`; expected attributes["..."]'),
    ('for each span s require Split(s.name, ",")[0] == ^0x123', "bytes have two hexadecimal digits each"),
    ('for each span s require Concat(^s.name, "a") == "a"', "Concat takes a list first"),
    ('for each span s require Concat([s.name, ^s.trace_state], "a") == "a"', "compare the parts one by one"),
    ('for each span s require s.span_id == SpanID(^0x01)', "SpanID takes 8 bytes, as in 0x0f0f0f0f0f0f0f0f"),
    ('for each span s require s.span_id.string ^> "a"', "an id's digits are compared with a string, with == or !="),
    ('for each span s require s.start > Time(^"2026", "%Y-%m")', "does not match format"),
    ('for each span s require s.start > Time("1", ^"%d%B")', "`%B` is not read here; known are %Y, %m, %d"),
    ('for each span s require s.duration > Duration(^"5")', "`5` is not a duration such as 200ms"),
    ("for each span s require Seconds(^s.start) > 1", "Seconds takes a duration, not a time"),
    ("for each span s require UnixNano(^s.kind) > 1", "UnixNano takes a time, not a number"),
    ("assume skew <= 1ms for each span s require ^s.start_time_unix_nano > 5", "does not say whose clock it is"),
    ("for each span s require ^IsRootSpan(1)", "IsRootSpan takes 0 arguments, not 1"),
    ("for each span s require (true^", "expected `)`"),
    ("for each span s require true^)", "found `)`"),
    ("for each span s require s.^", "expected a name after `.`"),
    ("for each span s require f(1 ^2)", "expected `,`"),
    ("for each span s require f(1,^)", "expected a path, a value"),
    ("^fro each span s require true", "did you mean `for`?"),
    ("assume ^compleat for each span s require true", "what is assumed, one of complete, unsampled, skew, nothing"),
    ("assume skew ^< 5ms for each span s require true", "expected `<=`"),
    ("assume skew <= ^5 for each span s require true", "expected a duration, as in `assume skew <= 50ms`"),
    ("for each event e at ^end require true", "expected `end`: `at end` takes a span's end"),
    ("for each span s require exists ^childs", "which rows, one of child, children"),
    ("for each span s require exists child at ^start", "expected `end`"),
    ("for each span s require forall child ^and true", "expected `require`"),
    ("for each span s require count(^kind) > 1", "which rows count looks at"),
    ("for each span s require sum(child^) > 1", "expected `:` and a value, as in sum(child : duration)"),
    ("for each span s require sum(child : kind where ^true) > 1", "`where` stands before `:`"),
    ("for each span s require once [^5, 6] span where true", "the window's lower bound, a duration such as 5s"),
    ("for each span s require once [5s, 1s^] span where true", "the window's upper bound is below its lower bound"),
    ("for each span s require once s.kind ^== 1", "expected what holds at a point of the trace"),
    ("for each span s require once span since span ^until span", "do not chain; use parentheses"),
    ("for each span s require ^span", "a span alone is no condition; put exists, once"),
    ("for each span s require { true } ^and { true }", "expected one of > >> < << ~"),
    ("for each span s require exists child c where c.kind < s.kind and c.start ^< s.start", "two inequalities"),
    ("for each span s require exists child c where c.kind + s.kind ^== 2", "each side of `==` may speak of one row"),
    ("for each span s require exists child where exists child d where d.name == ^s.name", "compare in two steps"),
    ("for each span s require ^count(parent) == 1", "a span has at most one parent; name its fields directly"),
    ("for each span s require count(child c where c.kind ^< s.kind) < 1", "count with `<` between two rows"),
    ("for each span s require ^sum(child : start) == 1", "times cannot be added up"),
    ("for each span s require ^min(child : name) == 1", "min takes numbers, times and durations, not a string"),
    ("for each span s require ^distinct(ancestor : name) == 1", "distinct values can be counted over child, span"),
    ("for each span s require exists link where exists ^child", "cannot be asked about a parent, a root or a link"),
    ("for each span s require ^with == 1", "expected a path, a value, a function or `(`; found `with`"),
    ('for each span s require s.name == ^"abc', "a string begins here"),
]  # fmt: skip


def mistake(text: str) -> RuleError:
    with pytest.raises(RuleErrors) as caught:
        compile_rules([Source("some-rule", text, {"tolerance": "5ms"})])
    error, *others = caught.value.errors
    assert error.rule == "some-rule"
    assert all((error.line, error.column) < (other.line, other.column) for other in others), "in order"
    return error


@pytest.mark.parametrize(("marked", "said"), MISTAKES, ids=[marked for marked, _ in MISTAKES])
def test_a_mistake_is_shown_where_it_is(marked: str, said: str) -> None:
    offset = marked.index("^")
    text = marked[:offset] + marked[offset + 1 :]
    error = mistake(text)
    assert said in error.message
    before = marked[:offset].split("\n")
    assert (error.line, error.column) == (len(before), len(before[-1]) + 1)
    shown = str(error).split("\n")
    assert shown[0] == f"some-rule: line {error.line}, column {error.column}: {error.message}"
    assert shown[1] == "  " + text.split("\n")[error.line - 1]
    assert shown[2].endswith("^")
    assert len(shown[2]) == 2 + error.column
    assert shown[2][2:-1].strip() == ""


def test_the_caret_stands_below_tabs_too() -> None:
    shown = str(mistake("for each span s\n require\t\ts.nam == 1")).split("\n")
    assert shown[1:] == ["   require\t\ts.nam == 1", "          \t\t^"]


@pytest.mark.parametrize("strange", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_only_line_feeds_end_lines(strange: str) -> None:
    error = mistake(f"for each span s{strange}\nrequire s.nam == 1\r\n")
    assert (error.line, error.column, error.source) == (2, 9, "require s.nam == 1")


def test_all_rules_with_mistakes_are_named() -> None:
    good, bad = "for each span s require s.kind != 0", "for each span s require"
    with pytest.raises(RuleErrors) as caught:
        compile_rules([Source("a", bad), Source("b", good), Source("c", bad)])
    assert [error.rule for error in caught.value.errors] == ["a", "c"]
    assert str(caught.value).count("the rule ends here") == 2


# Each `^` before a mistake; there are no others.
SEVERAL = [
    'for each span s where ^s.nmae == "a" and s.kind ^== "x" or ^IsMtch(s.name) require not ^s.nam and s.kind ^< nil',
    "for each span s where s.name ^= \"a\" and s.kind == ^and (s.kind == 1 or ^== 2) require ^'x' == s.name and s ^! 5",
    'for each ^spam s with ^parnt p where s.name == ^0x123 require s.name == "a^\\q" and s.kind == 1',
    "for each span s require exists child c where ^c.nmae == s.name and ^c.kindd == 2 and c.name == ^s.nam and ^a",
    "for each span s require exists ^chld c where c.kind == 1 and s.kind ==^",
    "for each span s require s.attributes[^5] == 1 and (IsMatch(s.name, ^) and s.kind == ^) and s.kind ==^",
    "assume ^compleet assume skew <= ^5 for each span require kind ==^",
]


def marks_taken(marked: str) -> tuple[str, list[int]]:
    """A text without its marks, and the columns before which they stood, from 1."""
    parts = marked.split("^")
    return "".join(parts), [1 + len("".join(parts[: number + 1])) for number in range(len(parts) - 1)]


@pytest.mark.parametrize("marked", SEVERAL)
def test_all_mistakes_of_a_rule_are_shown(marked: str) -> None:
    text, columns = marks_taken(marked)
    with pytest.raises(RuleErrors) as caught:
        compile_rules([Source("some-rule", text)])
    assert [error.column for error in caught.value.errors] == columns, str(caught.value)


def test_a_file_with_twenty_mistakes_gives_twenty_messages() -> None:
    rules = [*SEVERAL[:3], *SEVERAL[-1:], "for each span s require ^s.a == 1 and ^s.b == 2 and ^c and ^d and ^s.e"]
    with pytest.raises(RuleErrors) as caught:
        compile_rules([Source(str(number), marks_taken(rule)[0]) for number, rule in enumerate(rules)])
    assert len(caught.value.errors) == "".join(rules).count("^") >= 20


def test_mistakes_are_limited() -> None:
    text = "for each span s require " + " and ".join(["s.name = 1"] * 100)
    with pytest.raises(RuleErrors) as caught:
        compile_rules([Source("a", text)])
    assert caught.value.errors[0].column == text.index("=") + 1
    assert len(caught.value.errors) <= 2 * MISTAKES_MAX + 1


@pytest.mark.parametrize("value", ["5", "5 ms", "", "x", 2**63, -(2**63) - 1, "3000000h"])
def test_parameters_are_checked(value: int | str) -> None:
    with pytest.raises(RuleErrors, match="a: line 1, column 1: parameter `limit`: "):
        compile_rules([Source("a", "for each span s require s.kind < limit", {"limit": value})])


GOOD = [rule.rule for rule in catalogue.builtin()] + [Contract(Random(seed)).text for seed in range(100)]
PIECES = [
    "for", "each", "span", "event", "link", "resource", "scope", "trace", "s", "e", "with", "parent", "p", "where",
    "require", "and", "or", "not", "true", "nil", "==", "!=", "<", ">=", "+", "-", "*", "/", "(", ")", ".", "[", "]",
    ",", '"a"', '"', "1", "0", "1.5", "5ms", "0x1", "9223372036854775808", "attributes", "name", "start", "kind",
    "assume", "complete", "skew", "<=", "exists", "forall", "count", "max", "sum", "distinct", "child", "ancestors",
    "sibling", "root", "link", "link from span", ":", "once", "always", "since", "until", "[0s, 5s]", "[1ms, ]",
    "at end", "{", "}", ">>", "!~", "{ true } > { true }", "duration", "span_id", "IsMatch", "Len", "IsString",
    "SPAN_KIND_SERVER", "\n", "\t", "# ", "é", "\x00", "\ud800", "'", "=", "\\",
]  # fmt: skip


def only_rule_errors(text: str) -> None:
    try:
        compile_rules([Source("x", text)])
    except RuleErrors as caught:
        lines = text.split("\n")
        places = [(error.line, error.column, error.message) for error in caught.errors]
        assert places == sorted(set(places)), "in order, each once"
        for error in caught.errors:
            assert 1 <= error.line <= len(lines)
            assert 1 <= error.column <= len(lines[error.line - 1]) + 1
            assert str(error).endswith("^")


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    only_rule_errors(text)
    only_rule_errors(f"for each span s require {text}")


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from(["", " "]))
def test_any_pieces_of_rules(pieces: list[str], between: str) -> None:
    only_rule_errors(between.join(pieces))
    only_rule_errors("for each span s with parent p require " + between.join(pieces))


@given(st.sampled_from(GOOD), st.randoms(use_true_random=False))
def test_any_change_to_a_good_rule(rule: str, rng: Random) -> None:
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(rule) + 1)
        until = min(len(rule), at + rng.choice((0, 0, 1, 1, 5)))
        rule = rule[:at] + rng.choice(["", rng.choice(PIECES), rng.choice(rule)]) + rule[until:]
        rule = rule or "for"
    only_rule_errors(rule)
