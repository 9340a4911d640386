"""What a plan looks up in a batch before it runs: attribute keys to rows, strings to codes, predicates on strings."""

from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, Table, ValueType
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.language.plan import CodedText, Plan
from otlp_verifier.machine.operations import Domain
from otlp_verifier.wire._native import ffi
from otlp_verifier.wire.dictionary import NO_CODE, NO_TEXT, Dictionary, KeyTable

_TYPE, _VALUE = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_STRING = np.uint32(ValueType.STRING)
_NO_ROW, _NO_TEXT = np.uint32(NO_CODE), np.uint64(NO_TEXT)
_NO_NARROW = np.empty((0, 0), np.uint32)
_OF_COLUMN, _OF_KEY = 0, 1


@nb.njit(
    nb.void(
        nb.int64[:, ::1], nb.int64, nb.uint64[:, ::1], nb.uint32[:, ::1], nb.uint64[:, ::1], nb.uint32[:, ::1],
        nb.uint64[::1],
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _gather(sources, owners, owner_wide, key_rows, attribute_wide, attribute_narrow, texts):  # type: ignore[no-untyped-def]  # the signature is in the decorator
    """texts[s * owners + i] = owner i's text from source s, a column or a key's value; NO_TEXT where it is none."""
    for source in range(len(sources)):
        out = texts[source * owners : (source + 1) * owners]
        if sources[source, 0] == _OF_COLUMN:
            column = owner_wide[sources[source, 1]]
            for i in range(owners):
                out[i] = column[i]
        else:
            rows = key_rows[sources[source, 1]]
            for i in range(owners):
                row = rows[i]
                is_text = row != _NO_ROW and attribute_narrow[_TYPE, row] == _STRING
                out[i] = attribute_wide[_VALUE, row] if is_text else _NO_TEXT


class Lookups:
    """The tables of one plan, reused from batch to batch. Not for use by two threads at once.

    Attributes:
        key_rows: per domain, uint32 (keys, capacity): which attribute holds the key.
        codes: uint32, flat: for each domain in `texts`, for each of its texts, the code of each row.
        code_tables: int64 (domains, 2): address and stride of each domain's part of `codes`.
        truth: uint8 (predicates, codes): which predicate holds of which string.
        generation: goes up when `key_rows` or `truth` have moved.

    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._dictionary = Dictionary(plan.strings)
        self._key_tables = {domain: KeyTable(keys) for domain, keys in plan.keys.items()}
        self._finders: dict[Domain, Callable[[Any, Any, int], None]] = {}
        self._sources = {domain: _sources(texts) for domain, texts in plan.texts.items()}
        self._texts = np.empty(0, np.uint64)
        asked = sum(1 for texts in plan.asked.values() for predicates in texts if predicates)
        self._seen = np.zeros((asked, 1), np.uint8)  # which strings each text with predicates has had
        self._epoch = self._dictionary.epoch
        self.generation = 0
        self.key_rows = dict.fromkeys(Domain, _NO_NARROW)
        self.codes = np.empty(0, np.uint32)
        self.code_tables = np.zeros((len(Domain), 2), np.int64)
        self.truth = np.zeros((max(1, len(plan.predicates)), 1), np.uint8)

    def load(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        """Look everything up in the batch that `columns` holds; `tables` are its tables by domain."""
        if self._key_tables:
            source, attributes = ffi.from_buffer("uint8_t[]", columns.buffer), columns.attributes_native
            for domain in self._key_tables:
                owners = tables[domain]
                if owners.rows:
                    self._finder(domain, owners)(source, attributes, owners.rows)
        if self._sources:
            self._encode_texts(columns, tables)

    def _finder(self, domain: Domain, owners: Table) -> Callable[[Any, Any, int], None]:
        if self.key_rows[domain].shape[1] != owners.capacity:
            keys = self._key_tables[domain]
            self.key_rows[domain] = np.empty((len(keys), owners.capacity), np.uint32)
            start, count = ATTRIBUTES[domain]
            self._finders[domain] = keys.finder(owners.narrow[start], owners.narrow[count], self.key_rows[domain])
            self.generation += 1
        return self._finders[domain]

    def _encode_texts(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        total = sum(len(sources) * tables[domain].rows for domain, sources in self._sources.items())
        if total > len(self._texts):
            self._texts = np.empty(1 << (total - 1).bit_length(), np.uint64)
            self.codes = np.empty(len(self._texts), np.uint32)
        attributes, offset, address = columns.attributes, 0, self.codes.ctypes.data
        for domain, sources in self._sources.items():
            owners = tables[domain]
            if owners.rows:
                _gather(
                    sources, owners.rows, owners.wide, self.key_rows[domain], attributes.wide, attributes.narrow,
                    self._texts[offset:],
                )  # fmt: skip
            self.code_tables[domain, 0] = address + 4 * offset
            self.code_tables[domain, 1] = owners.rows
            offset += len(sources) * owners.rows
        self._dictionary.intern(columns.buffer, self._texts[:total], self.codes[:total])
        if self._plan.predicates:
            self._judge_strings(tables)

    def _judge_strings(self, tables: dict[Domain, Table]) -> None:
        """What the predicates say of strings that their texts have not had before."""
        known = len(self._dictionary)
        if self._epoch != self._dictionary.epoch:
            self._epoch = self._dictionary.epoch
            self._seen.fill(0)
        if known > self.truth.shape[1]:
            capacity = 1 << (known - 1).bit_length()
            self.truth, self._seen = _wider(self.truth, capacity), _wider(self._seen, capacity)
        offset = number = 0
        for domain, asked in self._plan.asked.items():
            rows = tables[domain].rows
            for predicates in asked:
                if predicates:
                    codes = self.codes[offset : offset + rows]
                    self._judge(number, predicates, codes[codes != _NO_ROW])
                    number += 1
                offset += rows

    def _judge(self, number: int, predicates: tuple[int, ...], codes: NDArray[np.uint32]) -> None:
        """Ask the predicates of text `number` about those of its strings that it has not had before."""
        seen = self._seen[number]
        new = codes[seen[codes] == 0]
        if not len(new):
            return
        for code in np.unique(new).tolist():
            seen[code] = 1
            [text] = self._dictionary.strings(code, code + 1)
            for predicate in predicates:
                self.truth[predicate, code] = self._plan.predicates[predicate].holds(text)


def _wider(table: NDArray[np.uint8], capacity: int) -> NDArray[np.uint8]:
    """The same table with room for more codes."""
    wider = np.zeros((len(table), capacity), np.uint8)
    wider[:, : table.shape[1]] = table
    return wider


def _sources(texts: tuple[CodedText, ...]) -> NDArray[np.int64]:
    """int64 (texts, 2): whether a text is of a column or of a key, and which."""
    return np.array(
        [(_OF_COLUMN, text.column) if text.column is not None else (_OF_KEY, text.key) for text in texts], np.int64
    )
