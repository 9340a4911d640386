"""Text to tokens."""

import math
import re
from enum import StrEnum
from typing import Final, NamedTuple

from otlp_verifier.language.errors import RuleError


class Kind(StrEnum):
    """What a token is; the values are how messages name it."""

    WORD = "name"
    NUMBER = "number"
    DURATION = "duration"
    BYTES = "bytes"
    TEXT = "string"
    SYMBOL = "operator"
    BAD = "no token"
    END = "end of rule"


class Token(NamedTuple):
    """`text` as written, except for strings, which are unescaped; `error` says what is wrong with a BAD one."""

    kind: Kind
    text: str
    offset: int
    value: int | float | str | bytes | None = None
    error: RuleError | None = None


UNIT_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_TOKEN = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*|\#[^\n]*)+)
      | (?P<duration>(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+)(?![A-Za-z0-9_])
      | (?P<hex>0x[0-9a-fA-F]+)(?![A-Za-z0-9_])
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_])
      | (?P<text>"(?:[^"\\\n]|\\.)*")
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<symbol>==|!=|<=|>=|!>>|!>|!<<|!<|!~|>>|<<|[-+*/<>(){}\[\],.:~])
    """,
    re.VERBOSE,
)
# How far it goes on with what is no token: a string to the end of its line, a number to the end of its word.
_BAD = re.compile(r"""'[^'\n]*'|["'][^\n]*|[0-9]\w*|[=&|]+""")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
RULE_LENGTH_MAX: Final = 64 * 1024  # characters
FILE_LENGTH_MAX: Final = 4 << 20
NUMBER_MAX = 64  # characters: Python refuses to read very long ones, and no 64-bit value needs more


def tokens(text: str, length_max: int = RULE_LENGTH_MAX, part: slice = slice(None)) -> list[Token]:
    """All tokens of a text, or of a part of it, the last one of kind END; offsets are into the text.

    What is no token is one of kind BAD.

    Raises:
        RuleError: the text is too long, or not Unicode.

    """
    start, stop, _ = part.indices(len(text))
    if len(text) > length_max:
        raise RuleError(f"at most {length_max} characters are allowed; these are {len(text)}", text, 0)
    if surrogate := _SURROGATE.search(text):
        raise RuleError("half of a surrogate pair cannot stand in a rule: it is not Unicode", text, surrogate.start())
    found: list[Token] = []
    offset = end = start
    match_at = _TOKEN.match
    while offset < stop:
        match = match_at(text, offset, stop)
        if match is None:
            bad = _BAD.match(text, offset, stop)
            written = bad.group() if bad else text[offset]
            found.append(Token(Kind.BAD, written, offset, error=RuleError(_no_token(text, offset), text, offset)))
            offset = end = offset + len(written)
            continue
        if (group := match.lastgroup) != "space":
            try:
                found.append(_token(match, group, text))
            except RuleError as error:
                found.append(Token(Kind.BAD, match.group(), offset, error=error))
            end = match.end()
        offset = match.end()
    # The end is where something is missing: behind the last token, not below it.
    found.append(Token(Kind.END, "", end))
    return found


def _token(match: re.Match[str], group: str | None, text: str) -> Token:
    written, offset = match.group(), match.start()
    match group:
        case "word":
            return Token(Kind.WORD, written, offset)
        case "symbol":
            return Token(Kind.SYMBOL, written, offset)
        case "duration" | "number" if len(written) > NUMBER_MAX:
            raise RuleError(f"a number may be at most {NUMBER_MAX} characters long", text, offset)
        case "duration":
            return Token(Kind.DURATION, written, offset, duration_ns(written))
        case "hex":
            if len(written) % 2:
                raise RuleError("bytes have two hexadecimal digits each, as in 0x00ff", text, offset)
            return Token(Kind.BYTES, written, offset, bytes.fromhex(written[2:]))
        case "number":
            value = float(written) if any(c in written for c in ".eE") else int(written)
            if math.isinf(value):
                raise RuleError("the number does not fit 64 bits", text, offset)
            return Token(Kind.NUMBER, written, offset, value)
        case _:
            return Token(Kind.TEXT, written, offset, _unescape(written, text, offset))


def has_comment(text: str) -> bool:
    """Whether a text that can be read holds a comment."""
    return any(match.lastgroup == "space" and match[0].strip() for match in _TOKEN.finditer(text))


def duration_ns(written: str) -> int:
    """`1m30s` in nanoseconds, rounded to whole ones.

    Raises:
        ValueError: not a duration.

    """
    parts = _DURATION_PART.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        raise ValueError(f"`{written}` is not a duration such as 200ms or 1m30s")
    if all(number.isdecimal() for number, _ in parts):
        return sum(int(number) * UNIT_NS[unit] for number, unit in parts)
    from fractions import Fraction  # noqa: PLC0415  # rare, and 2 ms of a start

    return sum(round(Fraction(number) * UNIT_NS[unit]) for number, unit in parts)


def _unescape(written: str, text: str, offset: int) -> str:
    def replace(match: re.Match[str]) -> str:
        character = match.group(1)
        if character not in _ESCAPES:
            raise RuleError(
                f'unknown escape `\\{character}` in a string; known are \\n \\t \\r \\" \\\\',
                text,
                offset + 1 + match.start(),
            )
        return _ESCAPES[character]

    return re.sub(r"\\(.)", replace, written[1:-1])


def _no_token(text: str, offset: int) -> str:
    character = text[offset]
    if character == '"':
        return 'a string begins here and does not end before the end of the line; expected `"`'
    if character == "'":
        return 'strings stand in double quotes: `"`'
    if character.isdigit():
        return "a number or a duration runs into a word; known units are " + ", ".join(u for u in UNIT_NS if u != "µs")
    if character in "=!&|":
        hint = {"=": "`==`", "!": "`!=` or `not`", "&": "`and`", "|": "`or`"}[character]
        return f"`{character}` is no operator here; expected {hint}"
    return f"`{character}` cannot stand here"
