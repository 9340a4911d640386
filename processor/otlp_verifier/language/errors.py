"""What is wrong with a rule, where, and what was expected."""

from collections.abc import Iterable


class RuleError(ValueError):
    """One mistake in a rule's text.

    Attributes:
        message: what is wrong and what was expected.
        line, column: where, both from 1.
        source: the text of that line, without its end.
        rule: the rule's id, once it is known.

    """

    def __init__(self, message: str, text: str, offset: int) -> None:
        before = text[:offset]
        self.message = message
        self.line = before.count("\n") + 1
        self.column = offset - (before.rfind("\n") + 1) + 1
        self.source = text.split("\n")[self.line - 1].removesuffix("\r")
        self.rule = ""
        super().__init__(message)

    def __str__(self) -> str:
        place = f"{self.rule}: " if self.rule else ""
        return f"{place}line {self.line}, column {self.column}: {self.message}\n{pointed(self.source, self.column)}"


class LimitError(RuleError):
    """A limit is passed: nothing after it is read."""


class RuleErrors(ValueError):  # noqa: N818  # it holds several
    """All mistakes found in a set of rules."""

    def __init__(self, errors: Iterable[RuleError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


def in_order(errors: Iterable[RuleError]) -> list[RuleError]:
    """Mistakes in one text as they stand in it, each once."""
    found = {(error.line, error.column, error.message): error for error in errors}
    return [found[place] for place in sorted(found)]


def pointed(source: str, column: int) -> str:
    """A line of source with a caret below a column of it, from 1; both indented."""
    # Tabs stay tabs, so that the caret stands under its column however wide they are shown.
    before = "".join("\t" if c == "\t" else " " for c in source[: column - 1])
    return f"  {source}\n  {before}^"


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean X?"` for the known name closest to `name`, or nothing."""
    import difflib  # noqa: PLC0415  # most rules have no mistakes

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""
