"""What a rule names beside its graph: keys, texts, constant strings, predicates."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from otlp_verifier.language.plan import CodedText, Maker, Predicate
from otlp_verifier.machine.operations import Domain, NarrowTable


class StringCode(NamedTuple):
    """The dictionary code of a constant string, as a number of a node: which one it is, linking decides."""

    string: int


class Symbols(msgspec.Struct):
    """Numbers for names, given out in the order in which rules first use them."""

    keys: dict[Domain, dict[bytes, int]] = msgspec.field(default_factory=dict)
    texts: dict[Domain, dict[CodedText, int]] = msgspec.field(default_factory=dict)
    strings: dict[bytes, int] = msgspec.field(default_factory=dict)
    predicates: dict[str, tuple[int, Predicate]] = msgspec.field(default_factory=dict)
    # Which predicates are asked of which text.
    asked: dict[CodedText, dict[int, None]] = msgspec.field(default_factory=dict)
    makers: dict[str, tuple[int, Maker]] = msgspec.field(default_factory=dict)
    # Which makers are applied to which text.
    made: dict[CodedText, dict[int, None]] = msgspec.field(default_factory=dict)
    # Which bits of tables that are made of whole records (SENSITIVE, FAULTS) are asked for.
    bits: dict[tuple[NarrowTable, Domain], int] = msgspec.field(default_factory=dict)

    def key(self, domain: Domain, key: str) -> int:
        """The slot of an attribute key."""
        slots = self.keys.setdefault(domain, {})
        return slots.setdefault(key.encode(), len(slots))

    def text(self, text: CodedText) -> int:
        """The column of the CODES table that a text's codes stand in."""
        columns = self.texts.setdefault(text.domain, {})
        return columns.setdefault(text, len(columns))

    def string(self, value: str) -> StringCode:
        """The dictionary code of a constant string."""
        return StringCode(self.strings.setdefault(value.encode(), len(self.strings)))

    def ask(self, table: NarrowTable, domain: Domain, bits: int) -> None:
        """Have a table of whole records made, with these bits at least."""
        self.bits[table, domain] = self.bits.get((table, domain), 0) | bits

    def predicate(self, name: str, text: CodedText, holds: Callable[[], Callable[[Any], bool]]) -> int:
        """The number of a predicate that is asked of a text; `holds` makes its function if the name is new."""
        if name not in self.predicates:
            self.predicates[name] = (len(self.predicates), Predicate(name, holds()))
        number = self.predicates[name][0]
        self.asked.setdefault(text, {})[number] = None
        return number

    def maker(self, name: str, text: CodedText, word: Callable[[Any], int]) -> int:
        """The number of a maker that is applied to a text."""
        number = self.makers.setdefault(name, (len(self.makers), Maker(name, word)))[0]
        self.made.setdefault(text, {})[number] = None
        return number
