"""Which classes of sensitive data the records of a batch hold: every distinct text is looked into once.

Keys and texts have codes that live from batch to batch. For each code
it is kept what is known: of a key, what it says of its values; of a text, the
classes that it holds, and those that it would be of if a key asked. A kernel then
makes one word of bits for each record.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from otlp_verifier.attributes.keys import Keys
from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, NestedNarrow, NestedWide, Table
from otlp_verifier.kernels.chain import Step
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import Domain
from otlp_verifier.sensitive import kernels
from otlp_verifier.sensitive.scan import classes_asked, classes_in, context_of, suspects
from otlp_verifier.sensitive.texts import TEXTS
from otlp_verifier.wire.dictionary import Dictionary
from otlp_verifier.wire.memory import with_room
from otlp_verifier.wire.sources import KeyRows, TextSources

_LINE_END: Final = b"\n"


class SensitiveRecords:
    """Looks into the records of one batch after another. Not for use by two threads at once.

    Args:
        classes: per domain, bits of the classes that rules ask about.
        attributes: per domain, the narrow columns that say where a record's attributes begin and how many there are.
        keys: the codes of the batch's keys; found before each batch is looked into.

    Attributes:
        found: per domain, uint32 (1, capacity): bits of classes.
        generation: goes up when `found` or what the steps are told of has moved.

    """

    def __init__(self, classes: Mapping[Domain, int], attributes: Mapping[Domain, tuple[int, int]], keys: Keys) -> None:
        self._classes = 0
        for bits in classes.values():
            self._classes |= bits
        self._domains = tuple(TEXTS)
        self._attributes = np.array([attributes[domain] for domain in self._domains], np.int64)
        self._keys, self._texts = keys, Dictionary(forgotten=self._forget_texts)
        keys.everywhere = True
        keys.tell(self._learn)
        self._text_sources = TextSources(2 + sum(map(len, TEXTS.values())))
        self._key_words = np.zeros((3, 1), np.uint32)
        self._text_words = np.zeros((3, 1), np.uint32)
        self._texts_known = np.zeros(1, np.uint32)  # how many codes have been looked at
        self._placed = -1
        self._tables = np.empty((0, 2), np.int64)
        self._wanted = np.empty(0, np.uint32)
        self.found = {domain: np.empty((1, 0), np.uint32) for domain in self._domains}
        self.generation = 0

    def steps(self, columns: Columns, tables: Mapping[Domain, Table]) -> list[Step]:
        """The steps that look into the batch that `columns` holds, whose keys have their codes.

        Args:
            columns: the batch.
            tables: its tables by domain.

        """
        if self._placed != columns.generation:
            self._place(columns, tables)
        self._locate(columns, tables)
        texts = self._texts
        return [
            texts.step(lambda: columns.buffer, self._text_sources),
            texts.more_than(self._texts_known, self._look_at_texts),
            Step(kernels.wanted, (self._tables, columns.rows, self._wanted), self._ask),
            Step(kernels.mark, (self._tables, columns.rows, self._attributes, self._text_counts)),
        ]

    def _learn(self, keys: Sequence[tuple[int, bytes]]) -> None:
        before = self._key_words
        self._key_words = with_room(before, len(self._keys))
        self.generation += self._key_words is not before
        for code, key in keys:
            self._key_words[:, code] = [bits & self._classes for bits in context_of(key)]

    def _forget_texts(self) -> None:
        self._texts_known[0] = 0

    def _look_at_texts(self, last: int) -> bool:
        first, before = int(self._texts_known[0]), self._text_words
        self._text_words = with_room(before, last)
        self.generation += self._text_words is not before
        texts = self._texts.strings(first, last)
        self._text_words[:, first:last] = 0
        buffer = _LINE_END + _LINE_END.join(texts) + _LINE_END
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        starts = np.cumsum(lengths + 1) - lengths
        for number in suspects(buffer, starts.tolist(), self._classes):
            self._text_words[kernels.HOLDS, first + number] = classes_in(texts[number], self._classes)
        self._texts_known[0] = last
        return False

    def _ask(self, count: int) -> bool:
        """Find out what texts would be of if a key asked, for those that one asks about for the first time."""
        codes = self._wanted[:count]
        try:
            for code in codes.tolist():
                [text] = self._texts.strings(code, code + 1)
                self._text_words[kernels.WOULD_BE, code] = classes_asked(text, self._classes)
        except BaseException:  # nothing may be taken for answered that was not
            self._text_words[kernels.ASKED, codes] = 0
            raise
        return False

    def _place(self, columns: Columns, tables: Mapping[Domain, Table]) -> None:
        """Say where texts and codes are, since something has moved."""
        attributes, nested = columns.attributes, columns.nested
        self._value_codes = [np.empty((1, table.capacity), np.uint32) for table in (attributes, nested)]
        layout = (
            (attributes, AttributeWide.VALUE, AttributeNarrow.TYPE),
            (nested, NestedWide.VALUE, NestedNarrow.TYPE),
        )
        for number, ((table, value, kind), codes) in enumerate(zip(layout, self._value_codes, strict=True)):
            every = np.arange(table.capacity, dtype=np.uint32)
            owners = KeyRows(every, table.narrow[kind], table.filled)
            self._text_sources.point(number, table.wide[value], codes[0], owners)
        number = len(layout)
        self._record_codes = {}
        for domain in self._domains:
            table = tables[domain]
            self._record_codes[domain] = np.empty((len(TEXTS[domain]), table.capacity), np.uint32)
            self.found[domain] = np.empty((1, table.capacity), np.uint32)
            for row, (column, _) in enumerate(TEXTS[domain]):
                self._text_sources.point(number, table.wide[column], self._record_codes[domain][row], table.filled)
                number += 1
        self._text_counts = np.array([len(TEXTS[domain]) for domain in self._domains], np.int64)
        self._wanted = np.empty(attributes.capacity + nested.capacity, np.uint32)
        self._placed = columns.generation
        self.generation += 1

    def _locate(self, columns: Columns, tables: Mapping[Domain, Table]) -> None:
        keys = self._keys
        self._tables = addresses((
            columns.attributes.narrow, columns.nested.narrow, keys.attributes, keys.nested, *self._value_codes,
            self._key_words, self._text_words, *(tables[domain].narrow for domain in self._domains),
            *self._record_codes.values(), *self.found.values(),
        ))  # fmt: skip
