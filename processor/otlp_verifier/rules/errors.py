"""What is wrong with a file of rules, where, and what was expected."""

from collections.abc import Iterable


class RuleFileError(ValueError):
    """One mistake in a file of rules.

    Attributes:
        file: its path.
        line: from 1; 0 where the file could not be read at all.
        message: what is wrong and what was expected.

    """

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file = file
        self.line = line
        self.message = message
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")


class RuleFileErrors(ValueError):  # noqa: N818  # several errors
    """All mistakes found in all files, in the order of file and line."""

    def __init__(self, errors: Iterable[RuleFileError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: (error.file, error.line)))
        super().__init__("\n".join(str(error) for error in self.errors))
