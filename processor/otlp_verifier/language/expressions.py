"""Expressions of the rule language, by recursive descent. One function per line of the grammar, loosest binding first.

    expression  := conjunction ("or" conjunction)*
    conjunction := pair ("and" pair)*
    pair        := negation (("since" | "until") [window] negation)?
    negation    := "not" negation | prefixed | comparison
    prefixed    := ("once" | "historically" | "eventually" | "always") [window] negation
                 | "exists" points | "forall" points "require" expression
                 | ("span" | "link from span") ... points, as an operand of the temporal operators
                 | "{" expression "}" arrow "{" expression "}"
    comparison  := sum (("==" | "!=" | "<" | "<=" | ">" | ">=") sum)?
    sum         := product (("+" | "-") product)*
    product     := factor (("*" | "/") factor)*
    points      := relation [variable] ["at" "end"] ["where" expression]
    window      := "[" duration "," duration? "]"

A `where` takes as much as it can, but not a `since` or `until`.
"""

from collections.abc import Callable
from typing import Final

from otlp_verifier.language.cursor import Cursor
from otlp_verifier.language.errors import nearest
from otlp_verifier.language.lexer import Kind, Token
from otlp_verifier.language.syntax import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Index,
    Item,
    ListOf,
    Literal,
    MapOf,
    Name,
    Points,
    Quantified,
    Structure,
    Temporal,
    TemporalPair,
    Unary,
    Window,
)

# Each relation by its singular; the plural is accepted too.
RELATIONS: Final = {
    "child": "child",
    "children": "child",
    "parent": "parent",
    "ancestor": "ancestor",
    "ancestors": "ancestor",
    "descendant": "descendant",
    "descendants": "descendant",
    "sibling": "sibling",
    "siblings": "sibling",
    "root": "root",
    "link": "link",
    "links": "link",
    "event": "event",
    "events": "event",
    "span": "span",
    "spans": "span",
}
ARROWS: Final = (">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~")
WINDOW_MAX: Final = 2**62  # ns: sums of a bound and a skew fit a signed 64-bit number
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
_AGGREGATES: Final = ("count", "min", "max", "sum", "distinct")
_TEMPORAL: Final = ("once", "historically", "eventually", "always")


class ExpressionParser:
    """Parses expressions from a cursor."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def expression(self) -> Expression:
        """One expression, as far as it goes."""
        return self._disjunction(self._pair)

    def points(self, what: str) -> Points:
        """`relation [variable] [at end] [where condition]`."""
        cursor, offset = self._cursor, self._cursor.now.offset
        relation = RELATIONS[cursor.one_of(tuple(RELATIONS), what)]
        if relation == "link" and cursor.accept_word("from"):
            cursor.one_of(("span", "spans"), "`span` after `link from`")
            relation = "link from"
        variable = cursor.next().text if cursor.is_name() else ""
        at_end = False
        if cursor.accept_word("at"):
            if cursor.now.text != "end":
                raise cursor.error("expected `end`: `at end` takes the span's end as its time")
            cursor.next()
            at_end = True
        condition = None
        if cursor.accept_word("where"):
            outer = cursor.deeper()
            condition = self._disjunction(self._negation)
            cursor.back(outer)
        return Points(relation, variable, at_end, condition, offset)

    # From loose to tight

    def _disjunction(self, operand: Callable[[], Expression]) -> Expression:
        left = self._conjunction(operand)
        while self._cursor.is_word("or"):
            left = Binary("or", left, *self._right(lambda: self._conjunction(operand)))
        return left

    def _conjunction(self, operand: Callable[[], Expression]) -> Expression:
        left = self._operand(operand)
        while self._cursor.is_word("and"):
            left = Binary("and", left, *self._right(lambda: self._operand(operand)))
        return left

    def _operand(self, operand: Callable[[], Expression]) -> Expression:
        """One of several conditions: a mistake in it hides none in the others."""
        cursor, offset = self._cursor, self._cursor.now.offset
        with cursor.forgiving("and", "or", "require"):
            tree = operand()
            if cursor.now.kind is Kind.BAD:
                raise cursor.error("")  # what it is says itself
            return tree
        return Literal(True, offset)

    def _pair(self) -> Expression:
        left = self._negation()
        if not self._cursor.is_word("since", "until"):
            return left
        token = self._cursor.operator()
        window = self._window()
        right = self._negation()
        if self._cursor.is_word("since", "until"):
            raise self._cursor.error("since and until do not chain; use parentheses")
        return TemporalPair(token.text, window, left, right, token.offset)

    def _negation(self) -> Expression:
        cursor = self._cursor
        if cursor.is_word("not"):
            offset = cursor.operator().offset
            return Unary("not", self._nested(self._negation), offset)
        if cursor.is_word(*_TEMPORAL):
            token = cursor.operator()
            window = self._window()
            return Temporal(token.text, window, self._nested(self._negation), token.offset)
        if cursor.is_word("exists"):
            offset = cursor.next().offset
            return Quantified("exists", self.points("which rows"), None, offset)
        if cursor.is_word("forall"):
            offset = cursor.next().offset
            points = self.points("which rows")
            cursor.word("require", "`forall` is followed by a relation, perhaps `where`, and `require`")
            return Quantified("forall", points, self._nested(lambda: self._disjunction(self._negation)), offset)
        if cursor.is_symbol("{") and not (cursor.following.kind is Kind.TEXT and cursor.ahead(2).text == ":"):
            return self._structure()
        if self._begins_points():
            return self.points("points")
        return self._comparison()

    def _structure(self) -> Expression:
        cursor, offset = self._cursor, self._cursor.now.offset
        left = self._braced()
        if not cursor.is_symbol(*ARROWS):
            raise cursor.error(f"expected one of {' '.join(ARROWS)} between two spans in braces")
        operator = cursor.operator().text
        return Structure(operator, left, self._braced(), offset)

    def _braced(self) -> Expression:
        cursor = self._cursor
        cursor.symbol("{")
        offset = cursor.now.offset
        condition: Expression = Literal(True, offset)
        if not cursor.is_symbol("}"):
            condition = self._nested(self.expression)
        cursor.symbol("}")
        return condition

    def _comparison(self) -> Expression:
        left = self._sum()
        if self._cursor.is_symbol(*_COMPARISONS):
            operator = self._cursor.now.text
            left = Binary(operator, left, *self._right(self._sum))
            if self._cursor.is_symbol(*_COMPARISONS):
                raise self._cursor.error("comparisons do not chain; join them with `and`")
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while self._cursor.is_symbol("+", "-"):
            left = Binary(self._cursor.now.text, left, *self._right(self._product))
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while self._cursor.is_symbol("*", "/"):
            left = Binary(self._cursor.now.text, left, *self._right(self._factor))
        return left

    def _factor(self) -> Expression:
        cursor, token = self._cursor, self._cursor.now
        if cursor.is_symbol("-"):
            cursor.next()
            operand = self._nested(self._factor)
            match operand:
                case Literal(value=int() | float() as number) if not isinstance(number, bool):
                    return Literal(-number, token.offset, operand.is_duration)
                case _:
                    return Unary("-", operand, token.offset)
        if cursor.is_symbol("("):
            cursor.next()
            inner = self._nested(self.expression)
            cursor.symbol(")")
            return inner
        if cursor.is_symbol("["):
            return self._list()
        if cursor.is_symbol("{"):
            return self._map()
        if token.kind in (Kind.NUMBER, Kind.DURATION, Kind.TEXT, Kind.BYTES):
            cursor.next()
            return Literal(token.value, token.offset, token.kind is Kind.DURATION)
        if cursor.is_word(*_AGGREGATES) and self._opens():
            return self._aggregate()
        if cursor.is_word("true", "false", "nil"):
            cursor.next()
            return Literal({"true": True, "false": False, "nil": None}[token.text], token.offset)
        if cursor.is_name() or cursor.is_word(*_AGGREGATES):
            return self._word(cursor.next())
        raise cursor.error("expected a path, a value, a function or `(`")

    def _list(self) -> Expression:
        cursor, offset = self._cursor, self._cursor.next().offset
        items: list[Expression] = []
        while not cursor.is_symbol("]"):
            if items:
                cursor.symbol(",")
            items.append(self._nested(self._sum))
        cursor.next()
        return ListOf(tuple(items), offset)

    def _map(self) -> Expression:
        cursor, offset = self._cursor, self._cursor.next().offset
        keys: list[str] = []
        items: list[Expression] = []
        while not cursor.is_symbol("}"):
            if items:
                cursor.symbol(",")
            if cursor.now.kind is not Kind.TEXT:
                raise cursor.error('expected a key in double quotes, as in {"key": 1}')
            keys.append(str(cursor.next().value))
            cursor.symbol(":")
            items.append(self._nested(self._sum))
        cursor.next()
        return MapOf(tuple(keys), tuple(items), offset)

    def _aggregate(self) -> Expression:
        cursor = self._cursor
        token = cursor.next()
        cursor.symbol("(")
        outer = cursor.deeper()
        points = self.points(f"which rows {token.text} looks at")
        value = None
        if token.text != "count":
            if not cursor.is_symbol(":"):
                raise cursor.error(f"expected `:` and a value, as in {token.text}(child : duration)")
            cursor.next()
            value = self._sum()
            if cursor.accept_word("where"):
                raise cursor.error("`where` stands before `:`")
        cursor.back(outer)
        cursor.symbol(")")
        return Aggregate(token.text, points, value, token.offset)

    def _word(self, token: Token) -> Expression:
        cursor = self._cursor
        if cursor.is_symbol("("):
            return self._items(self._call(token))
        parts = [token.text]
        while cursor.is_symbol("."):
            cursor.next()
            if cursor.now.kind is not Kind.WORD:
                raise cursor.error("expected a name after `.`")
            parts.append(cursor.next().text)
        name = Name(tuple(parts), token.offset)
        if not cursor.is_symbol("["):
            return name
        cursor.next()
        if cursor.now.kind is not Kind.TEXT:
            raise cursor.error('expected a key in double quotes, as in attributes["http.route"]')
        key = cursor.next()
        cursor.symbol("]")
        return self._items(Index(name, str(key.value), token.offset))

    def _items(self, tree: Expression) -> Expression:
        """What is picked out of a value: `["key"]` or `[0]`, any number of times."""
        cursor = self._cursor
        while cursor.is_symbol("["):
            cursor.operator()
            key = cursor.now.value
            if cursor.now.kind not in (Kind.TEXT, Kind.NUMBER) or not isinstance(key, str | int):
                raise cursor.error("expected a key in double quotes, or a position such as 0")
            cursor.next()
            cursor.symbol("]")
            tree = Item(tree, key, tree.offset)
        return tree

    def _call(self, name: Token) -> Call:
        cursor = self._cursor
        cursor.next()
        outer = cursor.deeper()
        arguments: list[Expression] = []
        while not cursor.is_symbol(")"):
            if arguments:
                cursor.symbol(",")
            arguments.append(self.expression())
        cursor.next()
        cursor.back(outer)
        return Call(name.text, tuple(arguments), name.offset)

    def _window(self) -> Window | None:
        """`[low, high]`; without `high` it has no end."""
        cursor = self._cursor
        if not cursor.is_symbol("["):
            return None
        offset = cursor.next().offset
        low = self._bound("the window's lower bound")
        cursor.symbol(",")
        high = None if cursor.is_symbol("]") else self._bound("the window's upper bound")
        if high is not None and high < low:
            raise cursor.error("the window's upper bound is below its lower bound")
        cursor.symbol("]")
        return Window(low, high, offset)

    def _bound(self, what: str) -> int:
        token = self._cursor.now
        if token.kind is Kind.DURATION or (token.kind is Kind.NUMBER and token.value == 0):
            if int(token.value or 0) > WINDOW_MAX:
                raise self._cursor.error("a window's bound may be at most 146 years; leave it out for no end")
            return int(self._cursor.next().value or 0)
        hint = nearest(token.text, ("0s",)) if token.kind is Kind.NUMBER else ""
        raise self._cursor.error(f"expected {what}, a duration such as 5s{hint}")

    # Small steps

    def _begins_points(self) -> bool:
        """Whether `span` or `link from` begins points here, and not a path such as span.name."""
        cursor = self._cursor
        if cursor.is_word("link", "links"):
            return cursor.following.kind is Kind.WORD and cursor.following.text == "from"
        if not cursor.is_word("span", "spans"):
            return False
        # Alone, `span` is every span; with a symbol behind it, it is a path or a value.
        after = cursor.following
        return after.kind in (Kind.WORD, Kind.END) or (after.kind is Kind.SYMBOL and after.text in (")", "}"))

    def _opens(self) -> bool:
        following = self._cursor.following
        return following.kind is Kind.SYMBOL and following.text == "("

    def _nested(self, operand: Callable[[], Expression]) -> Expression:
        outer = self._cursor.deeper()
        tree = operand()
        self._cursor.back(outer)
        return tree

    def _right(self, operand: Callable[[], Expression]) -> tuple[Expression, int]:
        offset = self._cursor.operator().offset
        return operand(), offset
