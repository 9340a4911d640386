"""What is wrong with the attributes of a batch's records: bits for each record, made once for all rules.

What is to be said of a key is found out once for each distinct key, and of a value once
for each distinct pair of key and text, where the key asks. Kernels join what is known:
for spans by their shapes, and by those values that count.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.attributes.collisions import Collisions
from otlp_verifier.attributes.facts import KeyFacts, facts_of, value_faults, version_number
from otlp_verifier.attributes.faults import Fault
from otlp_verifier.attributes.keys import Keys
from otlp_verifier.attributes.marks import look, mark
from otlp_verifier.attributes.pairs import PAIRS_FULL, find_pairs
from otlp_verifier.attributes.places import (
    PAIR_COLUMNS,
    PAIR_FAULTS,
    PAIR_NEW,
    PAIR_PAYLOAD,
    PAIR_TAG,
    InForce,
    KeyWord,
    OfShape,
    Place,
    UrlWord,
)
from otlp_verifier.attributes.versions import find_versions
from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, ResourceWide, ScopeWide, Table
from otlp_verifier.kernels.chain import Step
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import Domain
from otlp_verifier.registry.model import Registries
from otlp_verifier.relate.shapes import Shapes
from otlp_verifier.wire.control import find_control
from otlp_verifier.wire.dictionary import Dictionary
from otlp_verifier.wire.memory import with_room
from otlp_verifier.wire.seed import SEED
from otlp_verifier.wire.sources import NO_CODE, KeyRows, TextSources
from otlp_verifier.wire.values import signed

DOMAINS: Final = (Domain.RESOURCE, Domain.SCOPE, Domain.SPAN, Domain.EVENT, Domain.LINK)
FAULTS, VERSION = 0, 1  # columns of what is found
_WITH_URLS: Final = (Domain.RESOURCE, Domain.SCOPE)
_ENTRIES, _ARENA_BYTES, _PAIRS = 1 << 14, 2 << 20, 1 << 14
_URL_COLUMNS: Final = (ResourceWide.SCHEMA_URL, ScopeWide.SCHEMA_URL)
_URL_ENTRIES, _URL_BYTES = 1 << 10, 1 << 17


class AttributeRecords:
    """Looks at the attributes of one batch after another. Not for use by two threads at once.

    Args:
        faults: per domain, bits of the faults that rules ask about.
        attributes: per domain, the narrow columns that say where a record's attributes begin and how many there are.
        keys: the codes of the batch's keys; found before each batch is looked at, after the versions.
        shapes: those of its spans, found before the keys.
        registries: which attributes there are.

    Attributes:
        found: per domain, uint32 (2, capacity): bits of faults; the version of OpenTelemetry's conventions in force,
            as facts.version_number makes it, NEVER - 1 where none is stated.
        generation: goes up when `found` or what the steps are told of has moved.

    """

    def __init__(
        self,
        faults: Mapping[Domain, int],
        attributes: Mapping[Domain, tuple[int, int]],
        keys: Keys,
        shapes: Shapes,
        registries: Registries,
    ) -> None:
        self._asks_texts = any(bits & Fault.CONTROL_CHARACTERS for bits in faults.values())
        self._attributes = np.array([attributes[domain] for domain in DOMAINS], np.int64)
        self._registries = registries
        self._keys, self._epoch = keys, -1
        keys.tell(self._learn)
        self._facts: list[KeyFacts] = []
        self._collisions, self._have_collisions = Collisions(), False
        self._key_words = np.zeros((len(KeyWord), 1), np.uint32)
        self._texts = Dictionary(entry_capacity=_ENTRIES, arena_capacity=_ARENA_BYTES, forgotten=self._forget_pairs)
        self._urls = Dictionary(entry_capacity=_URL_ENTRIES, arena_capacity=_URL_BYTES)
        self._url_words = np.zeros((len(UrlWord), 1), np.uint32)
        self._values, self._url_sources = TextSources(1), TextSources(len(_WITH_URLS))
        self._pairs = np.zeros((PAIR_COLUMNS, _PAIRS), np.uint64)
        self._pair_counts = np.zeros(2, np.int64)  # how many, and how many before the last batch
        self._wanted_rows = np.zeros(1, np.uint32)
        self._newest = np.array([version_number(each.version) for each in registries.all], np.uint32)
        self._placed = -1
        self._tables = np.zeros((Place.FOUND + len(DOMAINS), 2), np.int64)
        self._of_batch: tuple[list[NDArray[Any]], list[NDArray[Any]]] = [], []
        self._shapes = shapes
        self.found = {domain: np.empty((2, 0), np.uint32) for domain in DOMAINS}
        self.generation = 0

    def version_steps(self, columns: Columns, tables: Mapping[Domain, Table]) -> list[Step]:
        """The steps that find out what the resources and scopes of a batch declare to follow: first of all."""
        if self._placed != columns.generation:
            self._place(columns, tables)
        encoding = self._urls.step(lambda: columns.buffer, self._url_sources, self._learn_urls)
        return [encoding, Step(find_versions, (self._tables, columns.rows))]

    @property
    def versions(self) -> NDArray[np.uint32]:
        """A number for what each scope declares to follow, uint32 (>= scopes,)."""
        found: NDArray[np.uint32] = self._in_force[1][InForce.URL]
        return found

    def steps(self, columns: Columns) -> list[Step]:
        """The steps that look at the batch that `columns` holds, when versions, shapes and keys are known."""
        self._locate()
        shape_rows, attributes = self._shapes.rows, columns.attributes
        how = (self._wanted_rows, shape_rows, self._asks_texts, self._have_collisions)
        of_records = (self._tables, columns.rows, self._attributes, self._newest, *how)
        pairs = (self._tables, columns.rows, self._wanted_rows, self._pair_counts, np.uint64(SEED))
        texts = []
        if self._asks_texts:
            values, types = attributes.wide[AttributeWide.VALUE], attributes.narrow[AttributeNarrow.TYPE]
            bit = int(Fault.CONTROL_CHARACTERS)
            texts = [find_control(values, types, attributes.filled, bit, self._value_faults[0])]
        return [
            Step(look, of_records),
            *texts,
            self._texts.step(lambda: columns.buffer, self._values),
            Step(find_pairs, pairs, self._ask_pairs),
            Step(mark, of_records),
        ]

    def _learn_urls(self, news: Sequence[tuple[int, int]]) -> None:
        with self._url_sources.all_or_none():
            words = self._url_words
            self._url_words = with_room(words, len(self._urls))
            self.generation += self._url_words is not words
            for _, code in news:
                [url] = self._urls.strings(code, code + 1)
                self._url_words[:, code] = self._version(url)

    def _learn(self, keys: Sequence[tuple[int, bytes]]) -> None:
        if self._epoch != self._keys.epoch:
            self._epoch = self._keys.epoch
            self._facts.clear()
            self._forget_pairs()
            self._collisions, self._have_collisions = Collisions(), False
            self.generation += 1
        before = self._key_words
        self._key_words = words = with_room(before, len(self._keys))
        self.generation += words is not before
        collides = False
        for code, key in keys:
            facts = facts_of(key, self._registries)
            self._facts.append(facts)
            collides |= self._collisions.add(key)
            words[: KeyWord.FOLD, code] = (
                facts.faults, facts.types, facts.elements, facts.type_fault, facts.whole, facts.asks,
                facts.deprecated_since, facts.registry,
            )  # fmt: skip
            words[KeyWord.FOLD :, code] = 0, NO_CODE, 0
        if collides:
            self.generation += not self._have_collisions
            self._have_collisions = True
            count = len(self._facts)
            words[KeyWord.FOLD, :count] = self._collisions.folds
            words[KeyWord.ABOVE, :count] = self._collisions.above
            words[KeyWord.IS_NAMESPACE, :count] = self._collisions.are_namespaces

    def _version(self, url: bytes) -> tuple[int, int]:
        found = self._registries.version_of(url.decode(errors="replace"))
        if found is None:
            return NO_CODE, 0
        registry, version = found
        return self._registries.all.index(registry), version_number(version)

    def _ask_pairs(self, found: int) -> bool:
        """What is to be said of values whose keys ask about them, where that is new; have room for them all."""
        if found == PAIRS_FULL:
            self._forget_pairs()
            count = int(self._wanted_rows[0])
            if 2 * count > self._pairs.shape[1]:
                self._pairs = np.zeros((PAIR_COLUMNS, 1 << (2 * count - 1).bit_length()), np.uint64)
                self.generation += 1
            return True
        count, before = self._pair_counts.tolist()
        try:
            for cell in self._pairs[PAIR_NEW, before:count].tolist():
                tag, payload = (int(self._pairs[c, cell]) for c in (PAIR_TAG, PAIR_PAYLOAD))
                key, is_number = divmod(tag - 1, 2)
                value: bytes | int = signed(payload)
                if not is_number:
                    [value] = self._texts.strings(payload, payload + 1)
                self._pairs[PAIR_FAULTS, cell] = value_faults(self._facts[key], value)
        except BaseException:  # nothing may be taken for answered that was not
            self._forget_pairs()
            raise
        return False

    def _forget_pairs(self) -> None:
        self._pairs[PAIR_TAG] = 0
        self._pair_counts[0] = 0

    def _place(self, columns: Columns, tables: Mapping[Domain, Table]) -> None:
        """Say where texts and codes are, since something has moved."""
        attributes = columns.attributes
        self._wanted = np.empty((3, attributes.capacity), np.uint32)
        self._value_faults = np.empty((1, attributes.capacity), np.uint32)
        self._positions = np.empty((1, attributes.capacity), np.uint32)
        rows, codes, _ = self._wanted
        having = KeyRows(rows, attributes.narrow[AttributeNarrow.TYPE], self._wanted_rows)
        self._values.point(0, attributes.wide[AttributeWide.VALUE], codes, having)
        with_urls = [tables[domain] for domain in _WITH_URLS]
        self._url_codes = [np.empty((1, table.capacity), np.uint32) for table in with_urls]
        self._in_force = [np.empty((len(InForce), table.capacity), np.uint32) for table in with_urls]
        for number, (table, column) in enumerate(zip(with_urls, _URL_COLUMNS, strict=True)):
            self._url_sources.point(number, table.wide[column], self._url_codes[number][0], table.filled)
        self._url_sources.ask(range(len(_WITH_URLS)), sum(table.capacity for table in with_urls))
        self.found = {domain: np.empty((2, tables[domain].capacity), np.uint32) for domain in DOMAINS}
        self._of_shapes = np.empty((len(OfShape), tables[Domain.SPAN].capacity), np.uint32)
        self._of_batch = (
            [attributes.wide, attributes.narrow, columns.nested.narrow],
            [tables[Domain.SPAN].wide, *(tables[domain].narrow for domain in DOMAINS)],
        )
        self._placed = columns.generation
        self.generation += 1

    def _locate(self) -> None:
        """Fill the table of addresses."""
        self._seen = np.zeros((3, self._key_words.shape[1] + 1), np.uint32)  # folds are numbered from 1
        attributes, (spans, *records) = self._of_batch
        shapes = self._shapes
        self._tables[:] = addresses((
            *attributes, self._keys.attributes, self._key_words, self._pairs,
            self._wanted, self._value_faults, self._seen, self._url_words, spans, shapes.of_spans, shapes.shapes,
            self._of_shapes, self._positions, *self._url_codes, *self._in_force, *records, *self.found.values(),
        ))  # fmt: skip
