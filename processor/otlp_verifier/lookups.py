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
from otlp_verifier.relate.join import READ_ONLY_BYTES
from otlp_verifier.wire._native import ffi
from otlp_verifier.wire.dictionary import NO_CODE, NO_TEXT, Dictionary, KeyTable
from otlp_verifier.wire.values import unpack

_TYPE, _VALUE = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_STRING = np.uint32(ValueType.STRING)
_NO_ROW, _NO_TEXT = np.uint32(NO_CODE), np.uint64(NO_TEXT)
_PACKED_MAX = 2**32 - 1  # a text's offset has 32 bits
_NO_NARROW = np.empty((0, 0), np.uint32)
_ARRAY = np.uint32(ValueType.ARRAY)  # from here on a value is a text of the batch
_BOOL = np.uint32(ValueType.BOOL)
_OF_COLUMN, _OF_KEY, _OF_VALUE = 0, 1, 2
_BYTE, _LENGTH = np.uint64(8), np.uint64(0xFFFFFFFF)


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
                out[i] = attribute_wide[_VALUE, row] if is_text and sources[source, 0] == _OF_KEY else _NO_TEXT


@nb.njit(
    nb.int64(
        nb.uint32[::1], nb.int64, nb.uint64[:, ::1], nb.uint32[:, ::1], READ_ONLY_BYTES, nb.uint64[::1],
        nb.uint8[::1], nb.int64,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _pack(key_rows, owners, attribute_wide, attribute_narrow, buffer, texts, packed, at):  # type: ignore[no-untyped-def]  # the signature is in the decorator
    """Write each owner's value that is no string behind its type (wire/values.py), and where; give the end.

    Where `packed` is empty nothing is written: the end is how much room is needed.
    """
    is_write = len(packed) > 0
    for i in range(owners):
        row = key_rows[i]
        kind = attribute_narrow[_TYPE, row] if row != _NO_ROW else _STRING
        if kind == _STRING or kind < _BOOL:
            if is_write:
                texts[i] = _NO_TEXT
            continue
        value = attribute_wide[_VALUE, row]
        is_text = kind >= _ARRAY
        length = np.int64(value & _LENGTH) if is_text else np.int64(8)
        if is_write:
            texts[i] = (np.uint64(at) << np.uint64(32)) | np.uint64(length + 1)
            packed[at] = kind
            begin = np.int64(value >> np.uint64(32))
            for j in range(length):
                packed[at + 1 + j] = (
                    buffer[begin + j] if is_text else (value >> (_BYTE * np.uint64(j))) & np.uint64(0xFF)
                )
        at += length + 1
    return at


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
        self._values = Dictionary()  # of values that are no strings
        self._key_tables = {domain: KeyTable(keys) for domain, keys in plan.keys.items()}
        self._finders: dict[Domain, Callable[[Any, Any, int], None]] = {}
        self._sources = {domain: _sources(texts) for domain, texts in plan.texts.items()}
        self._has_values = any(text.is_value for texts in plan.texts.values() for text in texts)
        self._texts = np.empty(0, np.uint64)
        asked = sum(1 for texts in plan.asked.values() for predicates in texts if predicates)
        self._seen = np.zeros((asked, 1), np.uint8)  # which codes each text with predicates has had
        self._epochs = self._dictionary.epoch, self._values.epoch
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
        if self._has_values:
            self._encode_values(columns, tables)
        if self._plan.predicates:
            self._judge_strings(tables)

    def _encode_values(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        """The codes of values that are no strings, where rules ask about them."""
        attributes, buffer = columns.attributes, np.frombuffer(columns.buffer, np.uint8)
        asked: list[tuple[NDArray[np.uint32], int, int]] = []  # key rows, owners, where their codes go
        offset = 0
        for domain, sources in self._sources.items():
            rows = tables[domain].rows
            for kind, key in sources.tolist():
                if kind == _OF_VALUE and rows:
                    asked.append((self.key_rows[domain][key], rows, offset))
                offset += rows
        end, nothing = 0, np.empty(0, np.uint8)
        for key_rows, owners, _ in asked:
            end = _pack(key_rows, owners, attributes.wide, attributes.narrow, buffer, self._texts, nothing, end)
        if end > _PACKED_MAX:
            raise OverflowError("the values of one batch that rules ask about are longer than 4 GiB")
        packed, end = np.empty(max(1, end), np.uint8), 0
        for key_rows, owners, offset in asked:
            texts = self._texts[offset : offset + owners]
            end = _pack(key_rows, owners, attributes.wide, attributes.narrow, buffer, texts, packed, end)
        parts = [slice(offset, offset + owners) for _, owners, offset in asked]
        self._values.intern_all(packed.data, ((self._texts[part], self.codes[part]) for part in parts))

    def _judge_strings(self, tables: dict[Domain, Table]) -> None:
        """What the predicates say of strings and values that their texts have not had before."""
        known = max(len(self._dictionary), len(self._values))
        if self._epochs != (self._dictionary.epoch, self._values.epoch):
            self._epochs = self._dictionary.epoch, self._values.epoch
            self._seen.fill(0)
        if known > self.truth.shape[1]:
            capacity = 1 << (known - 1).bit_length()
            self.truth, self._seen = _wider(self.truth, capacity), _wider(self._seen, capacity)
        offset = number = 0
        for domain, asked in self._plan.asked.items():
            rows = tables[domain].rows
            for text, predicates in zip(self._plan.texts[domain], asked, strict=True):
                if predicates:
                    codes = self.codes[offset : offset + rows]
                    self._judge(number, predicates, codes[codes != _NO_ROW], is_value=text.is_value)
                    number += 1
                offset += rows

    def _judge(self, number: int, predicates: tuple[int, ...], codes: NDArray[np.uint32], *, is_value: bool) -> None:
        """Ask the predicates of text `number` about those of its codes that it has not had before."""
        dictionary = self._values if is_value else self._dictionary
        seen = self._seen[number]
        new = codes[seen[codes] == 0]
        if not len(new):
            return
        for code in np.unique(new).tolist():
            seen[code] = 1
            [content] = dictionary.strings(code, code + 1)
            try:
                value = unpack(content) if is_value else content
            except ValueError:  # nothing is known of a value that cannot be read
                self.truth[list(predicates), code] = False
                continue
            for predicate in predicates:
                self.truth[predicate, code] = self._plan.predicates[predicate].holds(value)


def _wider(table: NDArray[np.uint8], capacity: int) -> NDArray[np.uint8]:
    """The same table with room for more codes."""
    wider = np.zeros((len(table), capacity), np.uint8)
    wider[:, : table.shape[1]] = table
    return wider


def _sources(texts: tuple[CodedText, ...]) -> NDArray[np.int64]:
    """int64 (texts, 2): whether a text is of a column or of a key, or a key's value that is none, and which."""
    kinds = [_OF_COLUMN if text.column is not None else _OF_VALUE if text.is_value else _OF_KEY for text in texts]
    numbers = [text.column if text.column is not None else text.key for text in texts]
    return np.array(list(zip(kinds, numbers, strict=True)), np.int64)
