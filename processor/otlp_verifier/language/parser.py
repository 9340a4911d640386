"""Tokens to a syntax tree, by recursive descent."""

from collections.abc import Callable
from typing import Final

from otlp_verifier.language.errors import RuleError, nearest
from otlp_verifier.language.lexer import Kind, Token, tokens
from otlp_verifier.language.syntax import Binary, Call, Expression, ForEach, Index, Join, Literal, Name, Unary

DOMAINS: Final = ("span", "event", "link", "resource", "scope", "trace")
RELATIONS: Final = ("parent", "span")
DEPTH_MAX: Final = 64  # of nested parentheses and operators: bounds recursion here and in every later step
OPERATORS_MAX: Final = 200  # a chain `a or b or ...` is a tree as deep as it is long
_RESERVED: Final = frozenset(("for", "each", "with", "where", "require", "and", "or", "not", "true", "false", "nil"))
_COMPARISONS: Final = frozenset(("==", "!=", "<", "<=", ">", ">="))


def parse_rule(text: str) -> ForEach:
    """The tree of one rule.

    Raises:
        RuleError: at the first place where the text cannot go on as it does.

    """
    parser = _Parser(text)
    tree = parser.for_each()
    parser.finish()
    return tree


def parse_expression(text: str) -> Expression:
    """The tree of one expression, as in a message's placeholder.

    Raises:
        RuleError: as `parse_rule`.

    """
    parser = _Parser(text)
    tree = parser.expression()
    parser.finish()
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._position = 0
        self._depth = 0
        self._operators = 0

    # One function per line of the grammar, loosest binding first.

    def for_each(self) -> ForEach:
        offset = self._now.offset
        self._word("for", "a rule begins with `for each`")
        self._word("each", "`for` is followed by `each`")
        domain = self._one_of(DOMAINS, "what the rule is about")
        variable = self._variable() if self._is_plain_word() else domain
        joins = []
        while self._accept_word("with"):
            at = self._now.offset
            joins.append(Join(self._one_of(RELATIONS, "a relation"), self._variable(), at))
        guard = self.expression() if self._accept_word("where") else None
        self._word("require", "a rule ends with `require` and a condition")
        return ForEach(domain, variable, tuple(joins), guard, self.expression(), offset)

    def expression(self) -> Expression:
        left = self._conjunction()
        while self._is_word("or"):
            left = Binary("or", left, *self._right(self._conjunction))
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while self._is_word("and"):
            left = Binary("and", left, *self._right(self._negation))
        return left

    def _negation(self) -> Expression:
        if not self._is_word("not"):
            return self._comparison()
        offset = self._next().offset
        outer = self._deeper()
        operand = self._negation()
        self._depth = outer
        return Unary("not", operand, offset)

    def _comparison(self) -> Expression:
        left = self._sum()
        if self._now.kind is Kind.SYMBOL and self._now.text in _COMPARISONS:
            operator = self._now.text
            left = Binary(operator, left, *self._right(self._sum))
            if self._now.kind is Kind.SYMBOL and self._now.text in _COMPARISONS:
                raise self._error("comparisons do not chain; join them with `and`")
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while self._now.kind is Kind.SYMBOL and self._now.text in ("+", "-"):
            left = Binary(self._now.text, left, *self._right(self._product))
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while self._now.kind is Kind.SYMBOL and self._now.text in ("*", "/"):
            left = Binary(self._now.text, left, *self._right(self._factor))
        return left

    def _factor(self) -> Expression:
        token = self._now
        if token.kind is Kind.SYMBOL and token.text == "-":
            self._next()
            outer = self._deeper()
            operand = self._factor()
            self._depth = outer
            match operand:
                case Literal(value=int() | float() as number) if not isinstance(number, bool):
                    return Literal(-number, token.offset, operand.is_duration)
                case _:
                    return Unary("-", operand, token.offset)
        if token.kind is Kind.SYMBOL and token.text == "(":
            self._next()
            outer = self._deeper()
            inner = self.expression()
            self._depth = outer
            self._symbol(")")
            return inner
        if token.kind in (Kind.NUMBER, Kind.DURATION, Kind.TEXT):
            self._next()
            return Literal(token.value, token.offset, token.kind is Kind.DURATION)
        if token.kind is Kind.WORD:
            return self._word_expression()
        raise self._error("expected a path, a value, a function or `(`")

    def _word_expression(self) -> Expression:
        token = self._next()
        if token.text in ("true", "false", "nil"):
            return Literal({"true": True, "false": False, "nil": None}[token.text], token.offset)
        if token.text in _RESERVED:
            self._position -= 1
            raise self._error("expected a path, a value or a function")
        if self._is_symbol("("):
            return self._call(token)
        parts = [token.text]
        while self._is_symbol("."):
            self._next()
            if self._now.kind is not Kind.WORD:
                raise self._error("expected a name after `.`")
            parts.append(self._next().text)
        name = Name(tuple(parts), token.offset)
        if not self._is_symbol("["):
            return name
        self._next()
        if self._now.kind is not Kind.TEXT:
            raise self._error('expected a key in double quotes, as in attributes["http.route"]')
        key = self._next()
        self._symbol("]")
        return Index(name, str(key.value), token.offset)

    def _call(self, name: Token) -> Call:
        self._next()
        outer = self._deeper()
        arguments: list[Expression] = []
        while not self._is_symbol(")"):
            if arguments:
                self._symbol(",")
            arguments.append(self.expression())
        self._next()
        self._depth = outer
        return Call(name.text, tuple(arguments), name.offset)

    # Small steps over the tokens.

    @property
    def _now(self) -> Token:
        return self._tokens[self._position]

    def _next(self) -> Token:
        token = self._now
        self._position += 1
        return token

    def _right(self, operand: Callable[[], Expression]) -> tuple[Expression, int]:
        """Step over the operator; its right operand and its offset."""
        offset = self._next().offset
        # A chain of operators makes the tree deep on the left: it counts as depth too.
        self._operators += 1
        if self._operators > OPERATORS_MAX:
            raise self._error(f"more than {OPERATORS_MAX} operators in one rule")
        return operand(), offset

    def _is_word(self, word: str) -> bool:
        return self._now.kind is Kind.WORD and self._now.text == word

    def _is_symbol(self, symbol: str) -> bool:
        return self._now.kind is Kind.SYMBOL and self._now.text == symbol

    def _is_plain_word(self) -> bool:
        return self._now.kind is Kind.WORD and self._now.text not in _RESERVED

    def _accept_word(self, word: str) -> bool:
        if not self._is_word(word):
            return False
        self._next()
        return True

    def _word(self, word: str, why: str) -> None:
        if not self._accept_word(word):
            hint = nearest(self._now.text, (word,)) if self._now.kind is Kind.WORD else ""
            raise self._error(f"expected `{word}`: {why}{hint}")

    def _symbol(self, symbol: str) -> None:
        if not self._is_symbol(symbol):
            raise self._error(f"expected `{symbol}`")
        self._next()

    def _one_of(self, known: tuple[str, ...], what: str) -> str:
        token = self._now
        if token.kind is not Kind.WORD or token.text not in known:
            hint = nearest(token.text, known) if token.kind is Kind.WORD else ""
            raise self._error(f"expected {what}, one of {', '.join(known)}{hint}")
        return self._next().text

    def _variable(self) -> str:
        if not self._is_plain_word():
            raise self._error("expected a variable's name")
        return self._next().text

    def _deeper(self) -> int:
        outer = self._depth
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._error(f"nested more than {DEPTH_MAX} levels deep")
        return outer

    def finish(self) -> None:
        if self._now.kind is not Kind.END:
            raise self._error("expected the end of the rule or an operator")

    def _error(self, message: str) -> RuleError:
        token = self._now
        found = "the rule ends here" if token.kind is Kind.END else f"found `{token.text}`"
        return RuleError(f"{message}; {found}", self._text, token.offset)
