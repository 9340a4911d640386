"""What a plan looks up in a batch before it runs: attribute keys to rows, strings to codes, predicates on strings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, Table
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.language.plan import CodedText, Plan
from otlp_verifier.machine.operations import Domain
from otlp_verifier.machine.program import Reads
from otlp_verifier.relate.shapes import Shapes, spread_keys
from otlp_verifier.relate.tables import ShapeColumn
from otlp_verifier.wire._native import ffi
from otlp_verifier.wire.dictionary import Dictionary, KeyTable
from otlp_verifier.wire.memory import with_room
from otlp_verifier.wire.sources import NO_CODE, KeyRows, TextSources, ValueSources
from otlp_verifier.wire.values import unpack

_TYPE, _VALUE = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_NO_NARROW = np.empty((0, 0), np.uint32)


@dataclass(frozen=True, slots=True)
class _Coded:
    """A text of the plan: where its codes stand, and what is asked of it."""

    domain: Domain
    row: int  # of the domain's codes
    text: CodedText
    predicates: tuple[int, ...]
    makers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What has to be looked up in a batch.

    Attributes:
        strings, values: numbers of sources.
        slots: int64, the keys of spans that are needed of each span.

    """

    strings: frozenset[int]
    values: frozenset[int]
    slots: NDArray[np.int64]


class Lookups:
    """The tables of one plan, reused from batch to batch. Not for use by two threads at once.

    Attributes:
        key_rows: per domain, uint32 (keys, capacity): which attribute holds the key. Of spans only what was wanted.
        shape_keys: uint32 (keys, capacity): the same of the first span of each shape.
        codes: per domain, uint32 (texts, capacity): the code of each row's texts, of those that were wanted.
        truth: uint8 (predicates, codes): which predicate holds of which string.
        made: uint64 (makers, codes): what each makes of which string or value.
        generation: goes up when `key_rows`, `codes` or `made` have moved.

    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._key_tables = {domain: KeyTable(keys) for domain, keys in plan.keys.items()}
        self._finders: dict[Domain, Callable[[Any, Any, int], None]] = {}
        coded = [
            _Coded(domain, row, text, plan.asked[domain][row], plan.made[domain][row])
            for domain, texts in plan.texts.items()
            for row, text in enumerate(texts)
        ]
        # Each has a dictionary of its own; a text's number is its source's there.
        self._strings = [each for each in coded if not each.text.is_value]
        self._values = [each for each in coded if each.text.is_value]
        self._columns = [(number, each) for number, each in enumerate(self._strings) if each.text.column is not None]
        self._string_codes, self._value_codes = Dictionary(plan.strings), Dictionary()
        self._string_sources, self._value_sources = TextSources(len(self._strings)), TextSources(len(self._values))
        self._packed = ValueSources(len(self._values))
        self._placed = (-1, -1)
        self._shapes_placed = -1
        self._wanted: Wanted | None = None
        self.shape_keys = _NO_NARROW
        self.generation = 0
        self._has_value_codes = False  # whether the last batch had any
        self.key_rows = dict.fromkeys(Domain, _NO_NARROW)
        self._key_ends: dict[Domain, NDArray[np.uint32]] = {}
        self.codes = dict.fromkeys(Domain, _NO_NARROW)
        self.truth = np.zeros((max(1, len(plan.predicates)), 1), np.uint8)
        self.made = np.zeros((len(plan.makers), 1), np.uint64)

    def find_keys(self, columns: Columns, tables: Mapping[Domain, Table], shapes: Shapes) -> None:
        """Find out which attributes have the plan's keys: of spans those of each shape's first span."""
        if not self._key_tables:
            return
        source, attributes = ffi.from_buffer("uint8_t[]", columns.buffer), columns.attributes_native
        for domain in self._key_tables:
            if domain is Domain.SPAN:
                self._shape_finder(tables[domain], shapes)(source, attributes, shapes.count)
            else:
                self._finder(domain, tables[domain])(source, attributes, tables[domain].rows)

    def load(self, columns: Columns, tables: Mapping[Domain, Table], shapes: Shapes, wanted: Wanted) -> None:
        """Look up what is wanted in the batch that `columns` holds; its keys have been found."""
        if len(wanted.slots):
            spread_keys(
                columns.spans.narrow, shapes.of_spans, shapes.shapes, columns.spans.rows, shapes.count,
                self.shape_keys, wanted.slots, self.key_rows[Domain.SPAN], self._key_ends[Domain.SPAN],
            )  # fmt: skip
        if self._strings or self._values:
            if self._placed != (columns.generation, self.generation):
                self._place(columns, tables)
                self._wanted = None
            if self._wanted is not wanted:
                self._wanted = wanted
                self._string_sources.want(wanted.strings)
                self._packed.want(wanted.values)
            if wanted.strings:
                self._encode_strings(columns, tables)
        if self._values:
            self._encode_values(columns)

    def wanted(self, reads: Reads) -> Wanted:
        """What has to be looked up for some instructions."""
        strings, values = (
            frozenset(number for number, each in enumerate(coded) if (each.domain, each.row) in reads.codes)
            for coded in (self._strings, self._values)
        )
        read = [self._strings[number] for number in strings] + [self._values[number] for number in values]
        slots = {each.text.key for each in read if each.domain is Domain.SPAN and each.text.key is not None}
        slots |= {slot for domain, slot in reads.keys if domain is Domain.SPAN}
        return Wanted(strings, values, np.array(sorted(slots), np.int64))

    def _finder(self, domain: Domain, owners: Table) -> Callable[[Any, Any, int], None]:
        if self.key_rows[domain].shape[1] != owners.capacity:
            start, count = ATTRIBUTES[domain]
            self._make_key_rows(domain, owners)
            self._finders[domain] = self._key_tables[domain].finder(
                owners.narrow[start], owners.narrow[count], self.key_rows[domain], self._key_ends[domain]
            )
        return self._finders[domain]

    def _shape_finder(self, spans: Table, shapes: Shapes) -> Callable[[Any, Any, int], None]:
        if self.key_rows[Domain.SPAN].shape[1] != spans.capacity:
            self._make_key_rows(Domain.SPAN, spans)
            self.key_rows[Domain.SPAN].fill(NO_CODE)
            self._key_ends[Domain.SPAN].fill(0)
        if self._shapes_placed != shapes.generation:
            self._shapes_placed = shapes.generation
            keys = self._key_tables[Domain.SPAN]
            self.shape_keys = np.empty((len(keys), shapes.shapes.shape[1]), np.uint32)
            self._finders[Domain.SPAN] = keys.finder(
                shapes.shapes[ShapeColumn.ATTRIBUTE_START], shapes.shapes[ShapeColumn.ATTRIBUTE_COUNT],
                self.shape_keys, np.empty(len(keys), np.uint32),
            )  # fmt: skip
            self.generation += 1
        return self._finders[Domain.SPAN]

    def _make_key_rows(self, domain: Domain, owners: Table) -> None:
        keys = self._key_tables[domain]
        self.key_rows[domain] = np.empty((len(keys), owners.capacity), np.uint32)
        self._key_ends[domain] = np.empty(len(keys), np.uint32)
        self.generation += 1

    def _encode_strings(self, columns: Columns, tables: Mapping[Domain, Table]) -> None:
        for number, coded in self._columns:
            self._string_sources.count(number, tables[coded.domain].rows)
        news = self._string_codes.encode(columns.buffer, self._string_sources)
        if not news:
            return
        with self._string_sources.all_or_none():
            for number, code in news:
                [text] = self._string_codes.strings(code, code + 1)
                self._judge(self._strings[number], code, text)

    def _encode_values(self, columns: Columns) -> None:
        """The codes of values that are no strings, where rules ask about them."""
        packed = self._packed.pack(columns.buffer)
        if not packed and not self._has_value_codes:
            return
        self._has_value_codes = bool(packed)
        for number in range(len(self._values)):
            self._value_sources.count(number, self._packed.found_end(number))
        news = self._value_codes.encode(packed, self._value_sources)
        if not news:
            return
        with self._value_sources.all_or_none():
            for number, code in news:
                [content] = self._value_codes.strings(code, code + 1)
                try:
                    value = unpack(content)
                except ValueError:  # nothing is known of a value that cannot be read
                    self._reserve()
                    self.truth[list(self._values[number].predicates), code] = False
                    self.made[list(self._values[number].makers), code] = 0
                    continue
                self._judge(self._values[number], code, value)

    def _place(self, columns: Columns, tables: Mapping[Domain, Table]) -> None:
        """Say where texts and codes are, since something has moved."""
        attributes = columns.attributes
        for domain, texts in self._plan.texts.items():
            if self.codes[domain].shape[1] != tables[domain].capacity:
                self.codes[domain] = np.empty((len(texts), tables[domain].capacity), np.uint32)
        for number, coded in enumerate(self._strings):
            codes, column = self.codes[coded.domain][coded.row], coded.text.column
            if column is not None:
                self._string_sources.point(number, tables[coded.domain].wide[column], codes)
            else:
                self._string_sources.point(number, attributes.wide[_VALUE], codes, self._having(coded, attributes))
        for number, coded in enumerate(self._values):
            packed = self._packed.point(number, attributes.wide[_VALUE], self._having(coded, attributes))
            self._value_sources.point(number, packed, self.codes[coded.domain][coded.row])
        for sources, of in ((self._string_sources, self._strings), (self._value_sources, self._values)):
            asked = [number for number, coded in enumerate(of) if coded.predicates or coded.makers]
            sources.ask(asked, sum(tables[of[number].domain].capacity for number in asked))
        self.generation += 1
        self._placed = (columns.generation, self.generation)

    def _having(self, coded: _Coded, attributes: Table) -> KeyRows:
        key = coded.text.key
        if key is None:
            raise AssertionError("an attribute has a key")
        ends = self._key_ends[coded.domain]
        return KeyRows(self.key_rows[coded.domain][key], attributes.narrow[_TYPE], ends[key : key + 1])

    def _judge(self, coded: _Coded, code: int, value: object) -> None:
        """Ask a text's predicates about a string or value that it has not had before; have its makers make of it."""
        self._reserve()
        for predicate in coded.predicates:
            self.truth[predicate, code] = self._plan.predicates[predicate].holds(value)
        for maker in coded.makers:
            self.made[maker, code] = self._plan.makers[maker].word(value)

    def _reserve(self) -> None:
        codes = max(len(self._string_codes), len(self._value_codes))
        self.truth = with_room(self.truth, codes)
        if self.made.shape[1] < codes:
            self.made = with_room(self.made, codes)
            self.generation += 1
