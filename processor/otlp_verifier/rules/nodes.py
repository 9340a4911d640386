"""YAML text to entries that know the line of each of their keys.

One parse gives both the nodes, which have lines, and the values made from them.
"""

from collections.abc import Iterator
from typing import Any

import yaml
from yaml import CSafeLoader  # fails where PyYAML was built without libyaml: ten times slower is not wanted

from otlp_verifier.rules.errors import RuleFileError


class Entry:
    """One entry of a list of rules.

    Attributes:
        file: the path of the file, for messages.
        value: the mapping as plain Python values.

    """

    def __init__(self, file: str, node: yaml.MappingNode, value: dict[Any, Any]) -> None:
        self.file = file
        self.value = value
        self._node = node

    def line(self, key: str | None) -> int:
        """Return the line on which the key stands, or where there is none, on which the entry begins; from 1."""
        for key_node, _ in self._node.value:
            if key_node.value == key:
                return int(key_node.start_mark.line) + 1
        return int(self._node.start_mark.line) + 1

    def first_line(self, key: str, item: int) -> int:
        """Return the line on which a text begins: for a block (`|`), the one below its mark.

        `item` counts the texts where there is a list of them.
        """
        for key_node, value_node in self._node.value:
            if key_node.value == key:
                node = value_node.value[item] if isinstance(value_node, yaml.SequenceNode) else value_node
                return int(node.start_mark.line) + (2 if node.style in ("|", ">") else 1)
        return self.line(None)

    def error(self, key: object, message: str) -> RuleFileError:
        """Make a mistake at `key`, or where that is None, in the entry."""
        return RuleFileError(self.file, self.line(None if key is None else str(key)), message)


def entries(file: str, text: str, errors: list[RuleFileError]) -> Iterator[Entry]:
    """Yield the entries of the list that `text` holds; what is wrong is added to `errors`."""
    loader = CSafeLoader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.SequenceNode):
            line = root.start_mark.line + 1 if root is not None else 1
            errors.append(RuleFileError(file, line, "expected a list of rules: `- id: ...`"))
            return
        for node in root.value:
            if not isinstance(node, yaml.MappingNode):
                errors.append(RuleFileError(file, node.start_mark.line + 1, "expected a rule: a mapping with an id"))
                continue
            repeated = list(_repeated_keys(file, node))
            errors.extend(repeated)
            if not repeated:
                yield Entry(file, node, loader.construct_document(node))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        context = f" {error.context}" if error.context else ""
        errors.append(RuleFileError(file, line, f"no YAML: {error.problem}{context}"))
    except yaml.YAMLError as error:  # a character that YAML does not allow: has no line
        errors.append(RuleFileError(file, 1, f"no YAML: {' '.join(str(error).split())}"))
    finally:
        loader.dispose()


def _repeated_keys(file: str, root: yaml.Node) -> Iterator[RuleFileError]:
    """Find keys that stand twice in one mapping, at any level: YAML forbids them, and PyYAML would keep the last."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias, perhaps of a node that holds it
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key_node, value_node in node.value:
                waiting.append(value_node)
                line = key_node.start_mark.line + 1
                if not isinstance(key_node.value, str):
                    continue
                if key_node.value in first:
                    message = f"key `{key_node.value}` stands here a second time; the first is on line"
                    yield RuleFileError(file, line, f"{message} {first[key_node.value]}")
                first.setdefault(key_node.value, line)
