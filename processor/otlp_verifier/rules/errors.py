"""What is wrong with a file of rules, where, and what was expected."""

from collections.abc import Iterable

from otlp_verifier.language.errors import RuleError, pointed


class RuleFileError(ValueError):
    """One mistake in a file of rules.

    Attributes:
        file: its path.
        line: from 1; 0 where the file could not be read at all.
        message: what is wrong and what was expected.
        column: from 1, in `source`; 0 where only the line is known.
        source: the text in which the column counts: that line, or what YAML makes of it.

    """

    def __init__(self, file: str, line: int, message: str, column: int = 0, source: str = "") -> None:
        self.file = file
        self.line = line
        self.message = message
        self.column = column
        self.source = source
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")

    def __str__(self) -> str:
        if not self.column:
            return str(self.args[0])
        return f"{self.file}:{self.line}:{self.column}: {self.message}\n{pointed(self.source, self.column)}"


class RuleFileErrors(ValueError):  # noqa: N818  # several errors
    """All mistakes found in all files, in the order of file and line."""

    def __init__(self, errors: Iterable[RuleFileError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: (error.file, error.line, error.column)))
        super().__init__("\n".join(str(error) for error in self.errors))


def in_file(error: RuleError, file: str, text: str, first_line: int = 1) -> RuleFileError:
    """A mistake in a text that begins on a line of a file, with its place in the file.

    Args:
        error: the mistake.
        file: the file's path.
        text: what the file holds.
        first_line: the line, from 1, on which the text begins.

    """
    line = first_line + error.line - 1
    lines = text.split("\n")
    source = lines[line - 1].removesuffix("\r") if line <= len(lines) else ""
    message = f"{error.rule}: {error.message}" if error.rule else error.message
    # YAML takes the indentation away. Where it changes more than that, in a folded or quoted text, the line that the
    # rule's text has is shown.
    stripped = error.source.lstrip()
    indent = len(error.source) - len(stripped)
    at = indent if source[indent:].startswith(stripped) else source.find(stripped)
    if at < 0:
        return RuleFileError(file, line, message, error.column, error.source)
    return RuleFileError(file, line, message, error.column - indent + at, source)
