"""Tokens: what is one, where it stands, what it means."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.language.errors import RuleError
from otlp_verifier.language.lexer import NUMBER_MAX, RULE_LENGTH_MAX, Kind, duration_ns, tokens

UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12", Kind.NUMBER, 12),
        ("1.5", Kind.NUMBER, 1.5),
        ("1e3", Kind.NUMBER, 1000.0),
        ("1.5E-3", Kind.NUMBER, 0.0015),
        ("0x001F", Kind.BYTES, b"\x00\x1f"),
        ("18446744073709551615", Kind.NUMBER, 2**64 - 1),
        ("5ms", Kind.DURATION, 5_000_000),
        ("1m30s", Kind.DURATION, 90 * 10**9),
        ("1.5h", Kind.DURATION, 5_400 * 10**9),
        ("2m", Kind.DURATION, 120 * 10**9),
        ("9007199254740993ns", Kind.DURATION, 2**53 + 1),
        ("0.0000000014s", Kind.DURATION, 1),
        ('"a"', Kind.TEXT, "a"),
        ('""', Kind.TEXT, ""),
        (r'"\n\t\r\"\\"', Kind.TEXT, '\n\t\r"\\'),
        ('"// # é"', Kind.TEXT, "// # é"),
        ("a_1", Kind.WORD, None),
        ("_", Kind.WORD, None),
        ("!=", Kind.SYMBOL, None),
        ("!>>", Kind.SYMBOL, None),
    ],
)
def test_one_token(text: str, kind: Kind, value: object) -> None:
    token, end = tokens(f"  {text} ")
    assert token.kind is kind
    assert token.offset == 2
    assert token.text == text
    assert token.value == value
    assert type(token.value) is type(value)
    assert end.kind is Kind.END
    assert end.offset == 2 + len(text)


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "// all\n# of it\n", "#"])
def test_nothing_but_space_and_comments(text: str) -> None:
    assert [token.kind for token in tokens(text)] == [Kind.END]


def test_comments_end_with_their_line() -> None:
    assert [token.text for token in tokens("a // b\nc # d\r\ne")] == ["a", "c", "e", ""]


WORDS = [
    "s",
    "for",
    "1",
    "2.5",
    "3ms",
    '"a b"',
    "(",
    ")",
    "==",
    "!=",
    "<",
    "<=",
    ".",
    "attributes",
    "+",
    "-",
    "/",
    "[",
    "]",
]


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", "\n", " // x\n", "\t"]))))
def test_tokens_are_what_was_written_where_it_was_written(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + space for word, space in parts)
    found = tokens(text)
    assert [token.text for token in found[:-1]] == [word for word, _ in parts]
    assert all(text.startswith(token.text, token.offset) for token in found)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.none() | st.integers(0, 999), st.sampled_from(sorted(UNITS))),
        min_size=1,
        max_size=3,
    )
)
def test_durations_are_exact(parts: list[tuple[int, int | None, str]]) -> None:
    written = [(str(whole) if part is None else f"{whole}.{part}", unit) for whole, part, unit in parts]
    expected = sum(round(Fraction(number) * UNITS[unit]) for number, unit in written)
    text = "".join(number + unit for number, unit in written)
    assert duration_ns(text) == expected
    if len(text) <= NUMBER_MAX:
        assert tokens(text)[0].value == expected


@pytest.mark.parametrize(
    "text", ["", "5", "ms", "5 ms", "5ms ", "-5ms", "5.ms", ".5ms", "5ms5", "5days", "٣ms", "1e3s"]
)
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as"):
        duration_ns(text)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("5msx", 0, "runs into a word"),
        ("a 5x", 2, "runs into a word"),
        ("1e", 0, "runs into a word"),
        ("0x", 0, "runs into a word"),
        ("٣", 0, "runs into a word"),
        ("a = b", 2, "`=` is no operator here; expected `==`"),
        ("a ! b", 2, "`!` is no operator here; expected `!=` or `not`"),
        ("a && b", 2, "expected `and`"),
        ("a | b", 2, "expected `or`"),
        ("'a'", 0, "strings stand in double quotes"),
        ('a "b', 2, "a string begins here and does not end"),
        ('"a\nb"', 0, "a string begins here and does not end"),
        ('"\\', 0, "a string begins here and does not end"),
        (r'a "\x"', 3, "unknown escape `\\x`"),
        ("a ? b", 2, "`?` cannot stand here"),
        ("a \x00", 2, "cannot stand here"),
        ('a "\ud800"', 3, "half of a surrogate pair"),
        ("9" * (NUMBER_MAX + 1), 0, "at most 64 characters"),
        ("9" * 5_000 + "s", 0, "at most 64 characters"),
        ("1e999", 0, "does not fit 64 bits"),
        ("a" * (RULE_LENGTH_MAX + 1), 0, "at most 65536 characters"),
    ],
)
def test_no_token(text: str, offset: int, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        raise next(token.error for token in tokens(text) if token.error is not None)
    assert message in caught.value.message
    assert caught.value.column == offset + 1
    assert caught.value.line == 1


def test_what_follows_no_token_is_read() -> None:
    text = 'a = \'b c\' 0x1 5msx "\\q" 1e999 ? d\n"e f\ng'
    kinds = [token.kind for token in tokens(text)]
    assert [token.text for token in tokens(text) if token.kind is Kind.WORD] == ["a", "d", "g"]
    assert kinds.count(Kind.BAD) == len(kinds) - 4 == 8


def test_a_text_of_the_greatest_length() -> None:
    assert len(tokens("a" * RULE_LENGTH_MAX)) == 2
    assert len(tokens(" " * RULE_LENGTH_MAX)) == 1
