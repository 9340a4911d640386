"""A mapping read key by key: what is missing, unknown or of another kind becomes a mistake with its place."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from otlp_verifier.language.errors import nearest
from otlp_verifier.registry.model import LEVELS, STABILITIES, TYPES, Deprecation, Level, Member, Stability, Type
from otlp_verifier.rules.errors import RuleFileError
from otlp_verifier.rules.nodes import Node

Errors = list[RuleFileError]
Word = TypeVar("Word", bound=str)

# Keys and names come into formulas and messages: no blanks, quotes, braces or backslashes.
_NAME: Final = re.compile(r"""[^\s"'`\\{}\x00-\x1f\x7f]{1,255}""")
_TEMPLATE: Final = re.compile(r"template\[(.*)\]")
# What older registries say of what may still change.
_OLD_STABILITIES: Final = ("experimental", "deprecated")
_REASONS: Final = ("renamed", "obsoleted", "uncategorized", "unspecified")


class Fields:
    """The keys of one mapping.

    Args:
        node: the mapping.
        what: what it is, for messages: `attribute`, `span`.
        known: the keys that it may have; those that the verifier has no use for among them.
        errors: where mistakes go.

    """

    def __init__(self, node: Node, what: str, known: Sequence[str], errors: Errors) -> None:
        self.node = node
        self._what = what
        self._errors = errors
        self._found: dict[str, Node] = {}
        if not isinstance(node.value, dict):
            errors.append(node.error(f"expected {_article(what)}: a mapping, found {shown(node.value)}"))
            return
        self._found = {key: each for key, each in node.value.items() if each.value is not None}
        for key in node.value:
            if key not in known:
                hint = nearest(key, known) or f" (known: {', '.join(known)})"
                self._error(key, f"unknown key `{key}`{hint}")

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def at(self, key: str) -> Node:
        """Where a key's value stands, or where there is none, the mapping."""
        return self._found.get(key, self.node)

    def wrong(self, key: str, expected: str, hint: str = "") -> None:
        """Add a mistake: something else was expected there."""
        found = f"found {shown(self._found[key].value)}" if key in self._found else "found nothing"
        self._error(key, f"{key}: expected {expected}, {found}{hint}")

    def _error(self, key: str, message: str) -> None:
        line = self.node.keys.get(key, self.node.line)
        self._errors.append(RuleFileError(self.node.file, line, f"{self._what}: {message}"))

    def name(self, key: str) -> str:
        """A name that must be there; empty where it is not, or cannot be one."""
        if not isinstance(self.node.value, dict):
            return ""
        value = self._found[key].value if key in self._found else None
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
        self.wrong(key, "a name without blanks, quotes, braces and backslashes")
        return ""

    def text(self, key: str) -> str:
        """A text; empty where there is none."""
        value = self._found[key].value if key in self._found else ""
        if isinstance(value, str):
            return value
        self.wrong(key, "text")
        return ""

    def choice(self, key: str, known: Sequence[Word]) -> Word | None:
        """One of several words; None where there is none."""
        if key not in self._found:
            return None
        value = self._found[key].value
        for word in known:
            if value == word:
                return word
        hint = nearest(value, known) if isinstance(value, str) else ""
        self.wrong(key, f"one of {', '.join(known)}", hint)
        return None

    def items(self, key: str) -> Iterator[Node]:
        """The entries of a list; none where there is none."""
        value = self._found[key].value if key in self._found else []
        if isinstance(value, list):
            yield from value
        else:
            self.wrong(key, "a list")

    def stability(self) -> Stability:
        """How much may still change; what says nothing may."""
        if "stability" in self._found and self._found["stability"].value in _OLD_STABILITIES:
            return "development"
        return self.choice("stability", STABILITIES) or "development"

    def deprecated(self) -> Deprecation | None:
        """Why not to use it, as text or as a mapping with a reason."""
        if "deprecated" not in self._found:
            return None
        node = self._found["deprecated"]
        if isinstance(node.value, str):
            return Deprecation("uncategorized", note=node.value.strip())
        fields = Fields(node, "deprecated", ("reason", "renamed_to", "note"), self._errors)
        reason = fields.choice("reason", _REASONS)
        if reason is None and isinstance(node.value, dict) and "reason" not in fields:
            fields.wrong("reason", f"one of {', '.join(_REASONS)}")
        note = fields.text("note").strip()
        if reason == "renamed":
            return Deprecation("renamed", renamed_to=fields.name("renamed_to") or None, note=note)
        return Deprecation("obsoleted" if reason == "obsoleted" else "uncategorized", note=note)

    def type(self) -> tuple[Type, bool, tuple[Member, ...]]:
        """An attribute's type, whether it is a template, and its members."""
        node = self._found.get("type")
        if node is None:
            if isinstance(self.node.value, dict):
                self.wrong("type", "a type such as string, int[], template[string], or members")
            return "any", False, ()
        if isinstance(node.value, dict):
            members = tuple(self._members(node))
            kinds = {_TYPE_OF.get(type(member.value), "any") for member in members}
            return kinds.pop() if len(kinds) == 1 else "any", False, members
        template = _TEMPLATE.fullmatch(node.value) if isinstance(node.value, str) else None
        word = template[1] if template else node.value
        for kind in TYPES:
            if word == kind:
                return kind, template is not None, ()
        hint = nearest(word, TYPES) if isinstance(word, str) else ""
        self.wrong("type", f"one of {', '.join(TYPES)}, template[of one of them], or a mapping with members", hint)
        return "any", False, ()

    def _members(self, node: Node) -> Iterator[Member]:
        fields = Fields(node, "type", ("members", "allow_custom_values"), self._errors)
        if "members" not in fields:
            fields.wrong("members", "a list of members")
        for each in fields.items("members"):
            member = Fields(
                each, "member", ("id", "value", "brief", "note", "stability", "deprecated", "annotations"), self._errors
            )
            member.stability()
            value = member.at("value").value if "value" in member else member.name("id")
            if isinstance(value, str | int | float | bool):
                yield Member(value, member.deprecated())
            else:
                member.wrong("value", "text, a number, true or false")

    def level(self) -> tuple[Level | None, bool]:
        """How much an attribute is asked for, and whether under a condition; None: it is not said."""
        node = self._found.get("requirement_level")
        if node is None:
            return None, False
        is_mapping = isinstance(node.value, dict) and len(node.value) == 1
        word = next(iter(node.value)) if is_mapping else node.value
        for level in LEVELS:
            if word == level:
                return level, is_mapping
        self.wrong("requirement_level", _LEVELS, nearest(word, LEVELS) if isinstance(word, str) else "")
        return None, False


_LEVELS: Final = f"one of {', '.join(LEVELS)}, or one of them with its condition"
_TYPE_OF: Final[dict[type, Type]] = {str: "string", int: "int", float: "double", bool: "boolean"}


def shown(value: object) -> str:
    """A value of a document, as messages show it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = "nothing" if value is None else f"`{value}`"
    return text if len(text) <= 60 else text[:57] + "...`"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
