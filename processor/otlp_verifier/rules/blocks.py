"""The blocks of a `.rules` file as entries, like those of a list in YAML."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from otlp_verifier.language.parser import read_rules
from otlp_verifier.language.syntax import RuleBlock
from otlp_verifier.rules.errors import RuleFileError, in_file

SUFFIX = ".rules"
_DEFAULT_SEVERITY = "error"


class BlockEntry:
    """One `rule id { ... }`.

    What a block leaves out has a default: the severity is error, the description is the id's words.

    Attributes:
        file: the path of the file, for messages.
        value: what an entry in YAML would hold.

    """

    def __init__(self, file: str, text: str, block: RuleBlock) -> None:
        self.file = file
        self.value: dict[Any, Any] = {
            "severity": _DEFAULT_SEVERITY,
            "description": block.id.replace("-", " ").capitalize() + ".",
            **{each.name: each.value for each in block.properties},
            "id": block.id,
            "rule": _body(text, block),
        }
        self._text = text
        self._block = block

    def line(self, key: str | None) -> int:
        """Return the line on which a property stands, or where there is none, on which the block begins; from 1."""
        return _line(self._text, self._offset(key))

    def first_line(self, key: str, item: int) -> int:  # noqa: ARG002  # as an entry of YAML has it
        """Return the line on which the body begins."""
        return _line(self._text, self._block.begin)

    def error(self, key: object, message: str) -> RuleFileError:
        """Make a mistake at a property, or where there is none, at the block."""
        offset = self._offset(key)
        begin = self._text.rfind("\n", 0, offset) + 1
        source = self._text[begin:].partition("\n")[0].removesuffix("\r")
        return RuleFileError(self.file, _line(self._text, offset), message, offset - begin + 1, source)

    def _offset(self, key: object) -> int:
        return next((each.offset for each in self._block.properties if each.name == key), self._block.offset)


def entries(file: str, text: str, errors: list[RuleFileError]) -> Iterator[BlockEntry]:
    """Yield the blocks that `text` holds; what is wrong is added to `errors`."""
    blocks, mistakes = read_rules(text)
    errors.extend(in_file(error, file, text) for error in mistakes)
    for block in blocks:
        entry = BlockEntry(file, text, block)
        counts = Counter(each.name for each in block.properties)
        repeated = [name for name, count in counts.items() if count > 1]
        errors.extend(entry.error(name, f"`{name}` stands in this rule more than once") for name in repeated)
        if not repeated:
            yield entry


def _body(text: str, block: RuleBlock) -> str:
    """The body's text; what stands before it in its line becomes blanks, so that columns are those of the file."""
    begin = text.rfind("\n", 0, block.begin) + 1
    return re.sub(r"[^\t]", " ", text[begin : block.begin]) + text[block.begin : block.end].rstrip()


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
