"""Rules of the language: blocks, assumptions, `for each ... require ...`."""

import itertools
import re
from collections.abc import Callable
from typing import Final, TypeVar

from otlp_verifier.language.cursor import RESERVED, Cursor
from otlp_verifier.language.errors import RuleError, RuleErrors, nearest
from otlp_verifier.language.expressions import ExpressionParser
from otlp_verifier.language.lexer import FILE_LENGTH_MAX, Kind
from otlp_verifier.language.syntax import Assumption, Expression, ForEach, Join, Property, RuleBlock

DOMAINS: Final = ("span", "event", "link", "resource", "scope", "trace")
JOINS: Final = ("parent", "span", "root", "previous")
PROPERTIES: Final = ("severity", "description", "message", "remedy")
# A variable may be called `rule`: then no name follows.
_BEGINS_BLOCK: Final = re.compile(rf"^[ \t]*rule[ \t]+(?!(?:{'|'.join(RESERVED)})\b)(?=[A-Za-z_])", re.MULTILINE)
SKEW_MAX: Final = 86_400_000_000_000  # ns
Tree = TypeVar("Tree")
ASSUMPTIONS: Final = ("complete", "unsampled", "skew", "nothing")


def parse_rule(text: str) -> ForEach:
    """The tree of one rule's body.

    Raises:
        RuleError: at the first place where the text cannot go on as it does.

    """
    try:
        return read_rule(text)
    except RuleErrors as error:
        raise error.errors[0] from None


def read_rule(text: str) -> ForEach:
    """The tree of one rule's body.

    Raises:
        RuleErrors: all mistakes of form.
        RuleError: the text is too long, or not Unicode.

    """
    return _whole(Cursor(text), _body)


def _whole(cursor: Cursor, part: Callable[[Cursor], Tree]) -> Tree:
    """All that a cursor has, as one part of a rule."""
    try:
        tree = part(cursor)
        cursor.finish()
        if not cursor.noted:
            return tree
    except RuleError as error:
        cursor.note_last(error)
    raise RuleErrors(cursor.mistakes)


def parse_expression(text: str) -> Expression:
    """The tree of one expression, as in a message's placeholder.

    Raises:
        RuleError: as `parse_rule`.

    """
    try:
        return _whole(Cursor(text), lambda cursor: ExpressionParser(cursor).expression())
    except RuleErrors as error:
        raise error.errors[0] from None


def parse_rules(text: str) -> tuple[RuleBlock, ...]:
    """The blocks `rule id { ... }` of a `.rules` file.

    Raises:
        RuleErrors: some cannot be read.

    """
    blocks, errors = read_rules(text)
    if errors:
        raise RuleErrors(errors)
    return blocks


def read_rules(text: str) -> tuple[tuple[RuleBlock, ...], tuple[RuleError, ...]]:
    """The blocks that can be read, and what is wrong with the others: after a mistake the next line with `rule`."""
    blocks: list[RuleBlock] = []
    errors: list[RuleError] = []
    starts = [match.start() for match in _BEGINS_BLOCK.finditer(text)] if len(text) <= FILE_LENGTH_MAX else []
    # A part is read by itself, so that what cannot even be split into words hides nothing in other parts.
    for start, end in itertools.pairwise((0, *starts, len(text))):
        try:
            cursor = Cursor(text, length_max=FILE_LENGTH_MAX, part=slice(start, end))
        except RuleError as error:
            errors.append(error)
            continue
        try:
            while cursor.now.kind is not Kind.END:
                before = cursor.noted
                block = _block(cursor)
                if cursor.noted == before:
                    blocks.append(block)
        except RuleError as error:
            cursor.note_last(error)
        errors.extend(cursor.mistakes)
    return tuple(blocks), tuple(errors)


def _block(cursor: Cursor) -> RuleBlock:
    cursor.begin_rule()
    offset = cursor.now.offset
    cursor.word("rule", "a file of rules is a list of `rule id { ... }`")
    rule_id = _id(cursor)
    cursor.symbol("{")
    properties = []
    while cursor.now.kind is Kind.WORD and cursor.following.text == ":":
        at = cursor.now.offset
        name = cursor.one_of(PROPERTIES, "a property of the rule")
        cursor.symbol(":")
        if cursor.now.kind not in (Kind.WORD, Kind.TEXT):
            raise cursor.error(f"expected a word or a string as the rule's {name}")
        token = cursor.next()
        properties.append(Property(name, str(token.value) if token.kind is Kind.TEXT else token.text, at))
    begin = cursor.now.offset
    body = _body(cursor)
    end = cursor.now.offset
    cursor.symbol("}")
    return RuleBlock(rule_id, tuple(properties), body, offset, begin, end)


def _id(cursor: Cursor) -> str:
    """`words-joined-by-hyphens`, without blanks between them."""
    parts = [cursor.name("the rule's id")]
    while cursor.is_symbol("-"):
        cursor.next()
        if cursor.now.kind not in (Kind.WORD, Kind.NUMBER):
            raise cursor.error("expected a word after `-` in the rule's id")
        parts.append(cursor.next().text)
    return "-".join(parts)


def _body(cursor: Cursor) -> ForEach:
    offset = cursor.now.offset
    assumptions: list[Assumption] = []
    while cursor.is_word("assume"):
        with cursor.forgiving("assume", "for", "where", "require"):
            assumptions.append(_assumption(cursor))
    expressions = ExpressionParser(cursor)
    domain, variable, at_end, guard = "trace", "trace", False, None
    joins: list[Join] = []
    if cursor.is_word("for"):
        with cursor.forgiving("with", "where", "require"):
            cursor.next()
            cursor.word("each", "`for` is followed by `each`")
            domain = cursor.one_of(DOMAINS, "what the rule is about")
            variable = cursor.next().text if cursor.is_name() else domain
            if cursor.accept_word("at"):
                if cursor.now.text != "end" or domain != "span":
                    raise cursor.error("expected `end`: `at end` takes a span's end as its time")
                cursor.next()
                at_end = True
        while cursor.is_word("with"):
            with cursor.forgiving("with", "where", "require"):
                cursor.next()
                at = cursor.now.offset
                joins.append(Join(cursor.one_of(JOINS, "a relation"), cursor.name("a variable's name"), at))
        if cursor.accept_word("where"):
            guard = expressions.expression()
    elif not cursor.is_word("require"):
        hint = nearest(cursor.now.text, ("for", "require", "assume"))
        raise cursor.error(f"a rule begins with `for each`, or with `require` if it is about the whole trace{hint}")
    cursor.word("require", "a rule ends with `require` and a condition")
    requirement = expressions.expression()
    return ForEach(domain, variable, tuple(joins), guard, requirement, offset, at_end, tuple(assumptions))


def _assumption(cursor: Cursor) -> Assumption:
    offset = cursor.next().offset
    name = cursor.one_of(ASSUMPTIONS, "what is assumed")
    skew = 0
    if name == "skew":
        cursor.symbol("<=")
        if cursor.now.kind is not Kind.DURATION:
            raise cursor.error("expected a duration, as in `assume skew <= 50ms`")
        skew = int(cursor.now.value or 0)
        if skew > SKEW_MAX:
            raise cursor.error("clocks that are more than a day apart say nothing")
        cursor.next()
    return Assumption(name, skew, offset)
