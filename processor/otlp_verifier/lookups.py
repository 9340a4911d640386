"""What a plan looks up in a batch before it runs: attribute keys to rows, strings to codes, predicates on strings."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, Table
from otlp_verifier.kernels.chain import Step
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.language.plan import CodedText, Plan
from otlp_verifier.machine.operations import Domain
from otlp_verifier.machine.program import Reads
from otlp_verifier.relate.shapes import NO_SLOT, Shapes, spread_keys
from otlp_verifier.relate.tables import ShapeColumn
from otlp_verifier.wire.dictionary import Dictionary, KeyTable
from otlp_verifier.wire.memory import UINT8, pointer, with_room
from otlp_verifier.wire.sources import NO_CODE, KeyRows, TextSources, ValueSources
from otlp_verifier.wire.values import unpack

_TYPE, _VALUE = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_NO_NARROW = np.empty((0, 0), np.uint32)


class _Coded(msgspec.Struct, frozen=True):
    """A text of the plan: where its codes stand, and what is asked of it."""

    domain: Domain
    row: int  # of the domain's codes
    text: CodedText
    predicates: tuple[int, ...]
    makers: tuple[int, ...]


class Wanted(msgspec.Struct, frozen=True):
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

    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._key_tables = {domain: KeyTable(keys) for domain, keys in plan.keys.items()}
        coded = [
            _Coded(domain, row, text, plan.asked[domain][row], plan.made[domain][row])
            for domain, texts in plan.texts.items()
            for row, text in enumerate(texts)
        ]
        # Each has a dictionary of its own; a text's number is its source's there.
        self._strings = [each for each in coded if not each.text.is_value]
        self._values = [each for each in coded if each.text.is_value]
        self._string_codes, self._value_codes = Dictionary(plan.strings), Dictionary()
        self._string_sources, self._value_sources = TextSources(len(self._strings)), TextSources(len(self._values))
        self._packed = ValueSources(len(self._values))
        self._placed = (-1, -1)
        self._moves = self._key_moves = 0
        self._slots = np.full(len(plan.keys.get(Domain.SPAN, ())), NO_SLOT, np.int64)
        self._wanted: Wanted | None = None
        self.shape_keys = _NO_NARROW
        self.key_rows = dict.fromkeys(Domain, _NO_NARROW)
        self._key_ends: dict[Domain, NDArray[np.uint32]] = {}
        self._shape_key_ends = np.empty(0, np.uint32)
        self.codes = dict.fromkeys(Domain, _NO_NARROW)
        self.truth = np.zeros((max(1, len(plan.predicates)), 1), np.uint8)
        self.made = np.zeros((len(plan.makers), 1), np.uint64)

    @property
    def generation(self) -> int:
        """Goes up when an array of these, or what the steps are told of, has moved."""
        return self._moves + self._packed.generation

    def key_steps(self, columns: Columns, tables: Mapping[Domain, Table], shapes: Shapes) -> list[Step]:
        """The steps that find out which attributes have the plan's keys: of spans those of each shape's first span."""
        steps = []
        for domain, keys in self._key_tables.items():
            owners = tables[domain]
            if self.key_rows[domain].shape[1] != owners.capacity:
                self.key_rows[domain] = np.full((len(keys), owners.capacity), NO_CODE, np.uint32)
                self._key_ends[domain] = np.zeros(len(keys), np.uint32)
                self._key_moves += 1
                self._moves += 1
            if domain is Domain.SPAN:
                steps.append(self._shape_step(keys, columns, shapes))
                continue
            start, count = (owners.narrow[column] for column in ATTRIBUTES[domain])
            found = self.key_rows[domain], self._key_ends[domain]
            steps.append(keys.find(columns.attributes_native, start, count, owners.filled, *found))
        return steps

    def steps(self, columns: Columns, tables: Mapping[Domain, Table], shapes: Shapes) -> list[Step]:
        """The steps that look up what is wanted in the batch that `columns` holds; its keys have been found."""
        steps = []
        if Domain.SPAN in self._key_tables:
            spreading = (
                columns.spans.narrow, shapes.of_spans, shapes.shapes, columns.rows, shapes.rows, self.shape_keys,
                self._slots, self.key_rows[Domain.SPAN], self._key_ends[Domain.SPAN],
            )  # fmt: skip
            steps.append(Step(spread_keys, spreading))
        if self._strings or self._values:
            if self._placed != (columns.generation, self._key_moves):
                self._place(columns, tables)
            steps.append(self._string_codes.step(lambda: columns.buffer, self._string_sources, self._judge_strings))
        if self._values:
            packed = self._packed
            steps.append(packed.pack())
            steps.append(
                self._value_codes.step(
                    lambda: packed.packed.data, self._value_sources, self._judge_values, pointer(packed.packed, UINT8)
                )
            )
        return steps

    def want(self, wanted: Wanted) -> None:
        """Say what is looked up from now on: sources that `wanted` does not name keep the codes of another batch."""
        if self._wanted is not wanted:
            self._wanted = wanted
            self._string_sources.want(wanted.strings)
            self._packed.want(wanted.values)
            self._slots.fill(NO_SLOT)
            self._slots[: len(wanted.slots)] = wanted.slots

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

    def _shape_step(self, keys: KeyTable, columns: Columns, shapes: Shapes) -> Step:
        if self.shape_keys.shape[1] != shapes.shapes.shape[1]:
            self.shape_keys = np.full((len(keys), shapes.shapes.shape[1]), NO_CODE, np.uint32)
            self._shape_key_ends = np.zeros(len(keys), np.uint32)
            self._moves += 1
        start, count = shapes.shapes[ShapeColumn.ATTRIBUTE_START], shapes.shapes[ShapeColumn.ATTRIBUTE_COUNT]
        found = self.shape_keys, self._shape_key_ends
        return keys.find(columns.attributes_native, start, count, shapes.rows, *found)

    def _judge_strings(self, news: list[tuple[int, int]]) -> None:
        with self._string_sources.all_or_none():
            for number, code in news:
                [text] = self._string_codes.strings(code, code + 1)
                self._judge(self._strings[number], code, text)

    def _judge_values(self, news: list[tuple[int, int]]) -> None:
        """The same for values that are no strings, where rules ask about them."""
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
                table = tables[coded.domain]
                self._string_sources.point(number, table.wide[column], codes, table.filled)
            else:
                self._string_sources.point(number, attributes.wide[_VALUE], codes, self._having(coded, attributes))
        for number, coded in enumerate(self._values):
            packed = self._packed.point(number, attributes.wide[_VALUE], self._having(coded, attributes))
            codes, end = self.codes[coded.domain][coded.row], self._packed.found_end(number)
            self._value_sources.point(number, packed, codes, end)
        for sources, of in ((self._string_sources, self._strings), (self._value_sources, self._values)):
            asked = [number for number, coded in enumerate(of) if coded.predicates or coded.makers]
            sources.ask(asked, sum(tables[of[number].domain].capacity for number in asked))
        self._moves += 1
        self._placed = (columns.generation, self._key_moves)

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
        codes, truth = max(len(self._string_codes), len(self._value_codes)), self.truth
        self.truth, self.made = with_room(truth, codes), with_room(self.made, codes)
        self._moves += self.truth is not truth  # they grow together
