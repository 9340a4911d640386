"""A cursor over tokens: small steps, limits, and errors that say what was expected and what was found."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from otlp_verifier.language.errors import LimitError, RuleError, in_order, nearest
from otlp_verifier.language.lexer import RULE_LENGTH_MAX, Kind, Token, tokens

DEPTH_MAX: Final = 64  # of nested parentheses and operators: bounds recursion here and in every later step
MISTAKES_MAX: Final = 50  # in one rule; the rest is not read
OPERATORS_MAX: Final = 200  # a chain `a or b or ...` is a tree as deep as it is long
RESERVED: Final = frozenset(
    (
        "for", "each", "with", "where", "require", "assume", "at", "and", "or", "not", "true", "false", "nil",
        "exists", "forall", "count", "min", "max", "sum", "distinct",
        "once", "historically", "since", "eventually", "always", "until",
    )
)  # fmt: skip


_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")
_AFTER = (*_CLOSING, ",", ":")


class Cursor:
    """Where a parser stands in a text's tokens."""

    def __init__(self, text: str, *, length_max: int = RULE_LENGTH_MAX, part: slice = slice(None)) -> None:
        self.text = text
        self._tokens = tokens(text, length_max, part)
        self._position = 0
        self._depth = 0
        self._operators = 0
        self._mistakes = [token.error for token in self._tokens if token.error is not None]

    @property
    def mistakes(self) -> list[RuleError]:
        """All that has been found, in order."""
        return in_order(self._mistakes)

    @property
    def noted(self) -> int:
        """How often a mistake has been noted; those of words count from the beginning."""
        return len(self._mistakes)

    def note(self, error: RuleError) -> None:
        """Add a mistake."""
        self._mistakes.append(error)

    def note_last(self, error: RuleError) -> None:
        """Add what is wrong in the end, if it does not follow from something before that only the end is missing."""
        if self.now.kind is not Kind.END or not self._mistakes:
            self.note(error)

    def begin_rule(self) -> None:
        """What is limited is limited in each rule."""
        self._depth = self._operators = 0

    @contextmanager
    def forgiving(self, *goes_on_at: str) -> Iterator[None]:
        """Note a mistake and go on: at one of these words outside of brackets, or where what stands around goes on."""
        start, depth = self._position, self._depth
        try:
            yield
        except LimitError:
            raise
        except RuleError as error:
            self.note(error)
            if len(self._mistakes) >= MISTAKES_MAX:
                raise LimitError(
                    f"after {MISTAKES_MAX} mistakes the rest is not read", self.text, self.now.offset
                ) from None
            self._depth = depth
            self._skip(start, goes_on_at)

    def _skip(self, start: int, words: tuple[str, ...]) -> None:
        """From the mistake on; `start` is where the brackets that are still open were not yet."""
        open_, stuck, at = 0, self._position, start
        while (token := self._tokens[at]).kind is not Kind.END:
            if at >= stuck and open_ <= 0:
                if token.kind is Kind.WORD and token.text in words:
                    break
                if token.kind is Kind.SYMBOL and token.text in _AFTER:
                    break
            if token.kind is Kind.SYMBOL:
                open_ += (token.text in _OPENING) - (token.text in _CLOSING)
            at += 1
        self._position = at

    @property
    def now(self) -> Token:
        """The token in hand."""
        return self._tokens[self._position]

    @property
    def following(self) -> Token:
        """The token after the one in hand."""
        return self.ahead(1)

    def ahead(self, count: int) -> Token:
        """The token so many after the one in hand."""
        return self._tokens[min(self._position + count, len(self._tokens) - 1)]

    def next(self) -> Token:
        """Take the token in hand."""
        token = self.now
        self._position += 1
        return token

    def is_word(self, *words: str) -> bool:
        """Whether one of the given words is in hand."""
        token = self._tokens[self._position]
        return token.kind is Kind.WORD and token.text in words

    def is_symbol(self, *symbols: str) -> bool:
        """Whether one of the given symbols is in hand."""
        token = self._tokens[self._position]
        return token.kind is Kind.SYMBOL and token.text in symbols

    def is_name(self) -> bool:
        """Whether a word that is not reserved is in hand."""
        return self.now.kind is Kind.WORD and self.now.text not in RESERVED

    def accept_word(self, word: str) -> bool:
        """Take a word if it is in hand."""
        if not self.is_word(word):
            return False
        self.next()
        return True

    def word(self, word: str, why: str) -> None:
        """Take a word that must be in hand."""
        if not self.accept_word(word):
            hint = nearest(self.now.text, (word,)) if self.now.kind is Kind.WORD else ""
            raise self.error(f"expected `{word}`: {why}{hint}")

    def symbol(self, symbol: str) -> None:
        """Take a symbol that must be in hand."""
        if not self.is_symbol(symbol):
            raise self.error(f"expected `{symbol}`")
        self.next()

    def one_of(self, known: tuple[str, ...], what: str) -> str:
        """Take one of several words."""
        token = self.now
        if token.kind is not Kind.WORD or token.text not in known:
            hint = nearest(token.text, known) if token.kind is Kind.WORD else ""
            raise self.error(f"expected {what}, one of {', '.join(known)}{hint}")
        return self.next().text

    def name(self, what: str) -> str:
        """Take a word that is not reserved."""
        if not self.is_name():
            raise self.error(f"expected {what}")
        return self.next().text

    def operator(self) -> Token:
        """Take an operator; a rule may hold only so many, as a chain of them makes the tree deep."""
        token = self.next()
        self._operators += 1
        if self._operators > OPERATORS_MAX:
            raise LimitError(f"more than {OPERATORS_MAX} operators in one rule", self.text, token.offset)
        return token

    def deeper(self) -> int:
        """One level down; give the result to `back`."""
        outer = self._depth
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise LimitError(f"nested more than {DEPTH_MAX} levels deep", self.text, self.now.offset)
        return outer

    def back(self, outer: int) -> None:
        """Return to the level that `deeper` left."""
        self._depth = outer

    def finish(self) -> None:
        """Make sure that nothing is left."""
        if self.now.kind is not Kind.END:
            raise self.error("expected the end of the rule or an operator")

    def error(self, message: str) -> RuleError:
        """A mistake at the token in hand."""
        token = self.now
        if token.error is not None:
            return token.error
        found = "the rule ends here" if token.kind is Kind.END else f"found `{token.text}`"
        return RuleError(f"{message}; {found}", self.text, token.offset)
