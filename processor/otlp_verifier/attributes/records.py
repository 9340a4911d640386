"""What is wrong with the attributes of a batch's records: bits for each record, made once for all rules.

What is to be said of a key is found out once for each distinct key, and of a value once
for each distinct pair of key and text, where the key asks. A kernel then looks at the
types of values and joins what is known.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from otlp_verifier.attributes import kernels
from otlp_verifier.attributes.collisions import Collisions
from otlp_verifier.attributes.facts import KeyFacts, facts_of, text_faults, value_faults, version_number
from otlp_verifier.attributes.faults import Fault
from otlp_verifier.attributes.kernels import KeyWord, TextWord
from otlp_verifier.attributes.keys import Keys
from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, ResourceWide, ScopeWide, Table
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import Domain
from otlp_verifier.registry.model import Registries
from otlp_verifier.wire.dictionary import Dictionary
from otlp_verifier.wire.memory import with_room
from otlp_verifier.wire.seed import SEED
from otlp_verifier.wire.sources import NO_CODE, KeyRows, TextSources
from otlp_verifier.wire.values import signed

DOMAINS: Final = (Domain.RESOURCE, Domain.SCOPE, Domain.SPAN, Domain.EVENT, Domain.LINK)
FAULTS, VERSION = 0, 1  # columns of what is found
# Sources of texts.
_VALUES, _RESOURCE_URLS, _SCOPE_URLS = range(3)
_ENTRIES, _ARENA_BYTES, _PAIRS = 1 << 14, 2 << 20, 1 << 14


class AttributeRecords:
    """Looks at the attributes of one batch after another. Not for use by two threads at once.

    Args:
        faults: per domain, bits of the faults that rules ask about.
        attributes: per domain, the narrow columns that say where a record's attributes begin and how many there are.
        keys: the codes of the batch's keys; loaded before each batch is looked at.
        registries: which attributes there are.

    Attributes:
        found: per domain, uint32 (2, capacity): bits of faults; the version of OpenTelemetry's conventions in force,
            as facts.version_number makes it, NEVER - 1 where none is stated.
        generation: goes up when `found` has moved.

    """

    def __init__(
        self,
        faults: Mapping[Domain, int],
        attributes: Mapping[Domain, tuple[int, int]],
        keys: Keys,
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
        self._texts = Dictionary(entry_capacity=_ENTRIES, arena_capacity=_ARENA_BYTES)
        self._texts_epoch = 0
        self._text_words = np.zeros((len(TextWord), 1), np.uint32)
        self._sources = TextSources(3)
        self._pairs = np.zeros((kernels.PAIR_COLUMNS, _PAIRS), np.uint64)
        self._pair_count = np.zeros(1, np.int64)
        self._ends = np.zeros((1, 1), np.uint32)
        self._newest = np.array([version_number(each.version) for each in registries.all], np.uint32)
        self._placed = -1
        self._located: tuple[int, ...] = ()
        self._tables = np.empty((0, 2), np.int64)
        self.found = {domain: np.empty((2, 0), np.uint32) for domain in DOMAINS}
        self.generation = 0

    def load(self, columns: Columns, tables: Mapping[Domain, Table]) -> None:
        """Look at the batch that `columns` holds, whose keys have their codes; `tables` are its tables by domain."""
        if self._placed != columns.generation:
            self._place(columns, tables)
        rows = np.array([columns.attributes.rows, *(tables[domain].rows for domain in DOMAINS)], np.int64)
        self._locate(columns, tables)
        count = kernels.wanted(self._tables, rows, self._asks_texts)
        self._ends[0, 0] = count
        self._sources.count(_RESOURCE_URLS, tables[Domain.RESOURCE].rows)
        self._sources.count(_SCOPE_URLS, tables[Domain.SCOPE].rows)
        self._encode(columns)
        if count and not self._ask_pairs(count, int(rows[0])):
            self._forget_pairs()
            if 2 * count > self._pairs.shape[1]:
                self._pairs = np.zeros((kernels.PAIR_COLUMNS, 1 << (2 * count - 1).bit_length()), np.uint64)
                self._locate(columns, tables)
            self._ask_pairs(count, int(rows[0]))
        self._locate(columns, tables)
        if self._have_collisions:
            self._seen.fill(0)
        kernels.mark(self._tables, rows, self._attributes, self._newest, count, self._have_collisions)

    def _learn(self, keys: Sequence[tuple[int, bytes]]) -> None:
        if self._epoch != self._keys.epoch:
            self._epoch = self._keys.epoch
            self._facts.clear()
            self._forget_pairs()
            self._collisions, self._have_collisions = Collisions(), False
        self._key_words = words = with_room(self._key_words, len(self._keys))
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
            self._have_collisions = True
            count = len(self._facts)
            words[KeyWord.FOLD, :count] = self._collisions.folds
            words[KeyWord.ABOVE, :count] = self._collisions.above
            words[KeyWord.IS_NAMESPACE, :count] = self._collisions.are_namespaces

    def _encode(self, columns: Columns) -> None:
        """The codes of the texts that are asked about, and what is to be said of new ones."""
        with self._sources.all_or_none():
            news = self._texts.encode(columns.buffer, self._sources)
            if self._texts_epoch != self._texts.epoch:
                self._texts_epoch = self._texts.epoch
                self._forget_pairs()
            self._text_words = words = with_room(self._text_words, len(self._texts))
            for source, code in news:
                [text] = self._texts.strings(code, code + 1)
                if source == _VALUES:
                    words[TextWord.FAULTS, code] = text_faults(text)
                else:
                    words[TextWord.REGISTRY : TextWord.VERSION + 1, code] = self._version(text)

    def _version(self, url: bytes) -> tuple[int, int]:
        found = self._registries.version_of(url.decode(errors="replace"))
        if found is None:
            return NO_CODE, 0
        registry, version = found
        return self._registries.all.index(registry), version_number(version)

    def _ask_pairs(self, count: int, attributes: int) -> bool:
        """What is to be said of values whose keys ask about them, where that is new; False when there is no room."""
        before = int(self._pair_count[0])
        if kernels.find_pairs(self._tables, attributes, count, self._pair_count, np.uint64(SEED)) < 0:
            return False
        try:
            for cell in self._pairs[kernels.PAIR_NEW, before : int(self._pair_count[0])].tolist():
                tag, payload = (int(self._pairs[c, cell]) for c in (kernels.PAIR_TAG, kernels.PAIR_PAYLOAD))
                key, is_number = divmod(tag - 1, 2)
                value: bytes | int = signed(payload)
                if not is_number:
                    [value] = self._texts.strings(payload, payload + 1)
                self._pairs[kernels.PAIR_FAULTS, cell] = value_faults(self._facts[key], value)
        except BaseException:  # nothing may be taken for answered that was not
            self._forget_pairs()
            raise
        return True

    def _forget_pairs(self) -> None:
        self._pairs[kernels.PAIR_TAG] = 0
        self._pair_count[0] = 0

    def _place(self, columns: Columns, tables: Mapping[Domain, Table]) -> None:
        """Say where texts and codes are, since something has moved."""
        attributes, resources, scopes = columns.attributes, tables[Domain.RESOURCE], tables[Domain.SCOPE]
        self._wanted = np.empty((3, attributes.capacity), np.uint32)
        self._value_faults = np.empty((1, attributes.capacity), np.uint32)
        rows, codes, _ = self._wanted
        having = KeyRows(rows, attributes.narrow[AttributeNarrow.TYPE], self._ends[0])
        self._sources.point(_VALUES, attributes.wide[AttributeWide.VALUE], codes, having)
        self._urls = [np.empty((1, table.capacity), np.uint32) for table in (resources, scopes)]
        self._sources.point(_RESOURCE_URLS, resources.wide[ResourceWide.SCHEMA_URL], self._urls[0][0])
        self._sources.point(_SCOPE_URLS, scopes.wide[ScopeWide.SCHEMA_URL], self._urls[1][0])
        asked = [_VALUES] * self._asks_texts + [_RESOURCE_URLS, _SCOPE_URLS]
        self._sources.ask(asked, attributes.capacity + resources.capacity + scopes.capacity)
        self._in_force = [np.empty((2, table.capacity), np.uint32) for table in (resources, scopes)]
        self.found = {domain: np.empty((2, tables[domain].capacity), np.uint32) for domain in DOMAINS}
        self._placed = columns.generation
        self.generation += 1

    def _locate(self, columns: Columns, tables: Mapping[Domain, Table]) -> None:
        """Make the table of addresses, if anything has moved since it was made."""
        keys, texts = self._key_words.shape[1], self._text_words.shape[1]
        located = (self.generation, self._keys.generation, keys, texts, self._pairs.shape[1])
        if self._located == located:
            return
        self._located = located
        self._seen = np.zeros((3, keys + 1), np.uint32)  # folds are numbered from 1
        self._tables = addresses((
            columns.attributes.wide, columns.attributes.narrow, columns.nested.narrow, self._keys.attributes,
            self._key_words, self._text_words, self._pairs, self._wanted, self._value_faults, self._seen, *self._urls,
            *self._in_force, *(tables[domain].narrow for domain in DOMAINS), *self.found.values(),
        ))  # fmt: skip
