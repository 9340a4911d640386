"""YAML text to entries that know the line of each of their keys.

One parse gives both the nodes, which have lines, and the values made from them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import yaml
from yaml import CSafeLoader  # fails where PyYAML was built without libyaml: ten times slower is not wanted

from otlp_verifier.rules.errors import RuleFileError


class _Loader(CSafeLoader):
    """Texts, which are most values, without PyYAML's look for what makes them: half of the time that a file takes."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # PyYAML's
        if node.tag == "tag:yaml.org,2002:str" and type(node) is yaml.ScalarNode:
            return node.value
        return super().construct_object(node, deep)


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


class Node(msgspec.Struct, frozen=True):
    """One value of a document, and where it stands.

    Attributes:
        file: the path of the file, for messages.
        line: on which it begins, from 1.
        value: of a mapping its nodes by key, of a list its nodes, else the value itself.
        keys: of a mapping, the line of each key.

    """

    file: str
    line: int
    value: Any
    keys: dict[str, int] = msgspec.field(default_factory=dict)

    def error(self, message: str) -> RuleFileError:
        """Make a mistake at this place."""
        return RuleFileError(self.file, self.line, message)


def entries(file: str, text: str, errors: list[RuleFileError]) -> Iterator[Entry]:
    """Yield the entries of the list that `text` holds; what is wrong is added to `errors`."""
    loader = _Loader(text)
    with _mistakes_of_yaml(file, loader, errors):
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


def tree(file: str, text: str, depth_max: int, errors: list[RuleFileError]) -> Node | None:
    """Make the document that `text` holds, of which every value knows its line; what is wrong is added to `errors`.

    Args:
        file: its path, for messages.
        text: the YAML.
        depth_max: how deep lists and mappings may nest.
        errors: where mistakes go.

    Returns:
        None for an empty document, and where there is a mistake.

    """
    before = len(errors)
    with _mistakes_of_yaml(file, None, errors):
        errors.extend(_too_deep(file, text, depth_max))
    if len(errors) > before:
        return None
    loader = CSafeLoader(text)
    with _mistakes_of_yaml(file, loader, errors):
        root = loader.get_single_node()
        if root is None:
            return None
        errors.extend(_repeated_keys(file, root))
        if len(errors) == before:
            return _node(file, loader, root, {}, errors)
    return None


@contextmanager
def _mistakes_of_yaml(file: str, loader: yaml.CSafeLoader | None, errors: list[RuleFileError]) -> Iterator[None]:
    """Add what is no YAML to `errors`, and dispose of the loader."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        context = f" {error.context}" if error.context else ""
        errors.append(RuleFileError(file, line, f"no YAML: {error.problem}{context}"))
    except (yaml.YAMLError, ValueError) as error:  # a character or a number that cannot be: has no line
        errors.append(RuleFileError(file, 1, f"no YAML: {' '.join(str(error).split())}"))
    finally:
        if loader is not None:
            loader.dispose()


def _too_deep(file: str, text: str, depth_max: int) -> Iterator[RuleFileError]:
    """Refuse what nests deeper than that; the parser that makes nodes of it works by recursion."""
    depth = 0
    for event in yaml.parse(text, CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > depth_max:
                line = event.start_mark.line + 1 if event.start_mark is not None else 1
                yield RuleFileError(file, line, f"expected at most {depth_max} levels of nesting")
                return
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _node(
    file: str, loader: yaml.CSafeLoader, node: yaml.Node, made: dict[int, Node], errors: list[RuleFileError]
) -> Node:
    """Make a node of the parser's; an alias is the same node again, so that a document stays as large as it is."""
    if id(node) in made:
        return made[id(node)]
    value: Any = {} if isinstance(node, yaml.MappingNode) else []
    found = Node(file, node.start_mark.line + 1, value)
    if isinstance(node, yaml.ScalarNode):
        found = Node(file, found.line, node.value if _is_text_today(node) else loader.construct_object(node))
    made[id(node)] = found
    if isinstance(node, yaml.MappingNode):
        for key, below in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                errors.append(RuleFileError(file, key.start_mark.line + 1, "expected a key that is text"))
            else:
                value[key.value] = _node(file, loader, below, made, errors)
                found.keys[key.value] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        value.extend(_node(file, loader, below, made, errors) for below in node.value)
    return found


def _is_text_today(node: yaml.ScalarNode) -> bool:
    """Whether PyYAML reads by YAML 1.1 what is text in YAML 1.2: `on`, `12:30`, `2026-01-31`."""
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "bool":
        return node.value.lower() not in ("true", "false")
    return kind == "timestamp" or (kind in ("int", "float") and ":" in node.value)


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
            waiting.extend(each for each in node.value if type(each) is not yaml.ScalarNode)
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key_node, value_node in node.value:
                if type(value_node) is not yaml.ScalarNode:
                    waiting.append(value_node)
                key = key_node.value
                if not isinstance(key, str):
                    continue
                line = key_node.start_mark.line + 1
                if key in first:
                    message = f"key `{key}` stands here a second time; the first is on line {first[key]}"
                    yield RuleFileError(file, line, message)
                first.setdefault(key, line)
