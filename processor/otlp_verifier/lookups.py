"""What a plan looks up in a batch before it runs: attribute keys to rows, strings and values to codes, predicates."""

from collections.abc import Callable, Mapping, Sequence
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
from otlp_verifier.wire.dictionary import NO_CODE, NO_TEXT, Dictionary, KeyTable, TextSources
from otlp_verifier.wire.values import unpack

_NO_NARROW = np.empty((0, 0), np.uint32)
_NO_ROW, _NO_TEXT = np.uint32(NO_CODE), np.uint64(NO_TEXT)
_STRING, _BOOL = np.uint32(ValueType.STRING), np.uint32(ValueType.BOOL)
_ARRAY = np.uint32(ValueType.ARRAY)  # from here on a value is a text of the batch
_BYTE, _LENGTH = np.uint64(8), np.uint64(0xFFFFFFFF)
_PACKED_MAX = 2**32 - 1  # bytes: a text's offset has 32 bits


@nb.njit(
    nb.int64(
        nb.uint32[::1], nb.int64, nb.uint64[::1], nb.uint32[::1], READ_ONLY_BYTES, nb.uint64[::1], nb.uint8[::1],
        nb.int64,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _pack(key_rows, owners, values, types, buffer, texts, packed, at):  # type: ignore[no-untyped-def]  # the signature is in the decorator
    """Write each owner's value that is no string from `at` on, behind its type (wire/values.py); give the end.

    Where `packed` is empty nothing is written: the end is how much room is needed.
    """
    is_write = len(packed) > 0
    for i in range(owners):
        row = key_rows[i]
        kind = types[row] if row != _NO_ROW else _STRING
        if kind == _STRING or kind < _BOOL:
            if is_write:
                texts[i] = _NO_TEXT
            continue
        value = values[row]
        is_text = kind >= _ARRAY
        length = np.int64(value & _LENGTH) if is_text else np.int64(8)
        if is_write:
            texts[i] = (np.uint64(at) << np.uint64(32)) | np.uint64(length + 1)
            packed[at] = kind
            begin = np.int64(value >> np.uint64(32))
            for j in range(length):
                byte = np.uint64(buffer[begin + j]) if is_text else value >> (_BYTE * np.uint64(j))
                packed[at + 1 + j] = byte & np.uint64(0xFF)
        at += length + 1
    return at


class _Values:
    """The codes of attributes' values that are no strings, where rules ask about them."""

    def __init__(self, plan: Plan) -> None:
        self.dictionary = Dictionary()
        self._texts = _numbered(plan, is_value=True)
        self.asked = [plan.asked[domain][row] for domain, _, row in self._texts]
        self._sources = TextSources(len(self._texts))
        self._where: list[NDArray[np.uint64]] = []

    def place(self, tables: Mapping[Domain, Table], codes: Mapping[Domain, NDArray[np.uint32]]) -> None:
        """Say where codes go, since something has moved."""
        self._where = [np.empty(tables[domain].capacity, np.uint64) for domain, _, _ in self._texts]
        for number, (domain, _, row) in enumerate(self._texts):
            self._sources.point(number, self._where[number], codes[domain][row])
        self._sources.ask(range(len(self._texts)), sum(map(len, self._where)))

    def encode(
        self, columns: Columns, tables: Mapping[Domain, Table], key_rows: Mapping[Domain, NDArray[np.uint32]]
    ) -> list[tuple[int, int]]:
        """Write the codes; give (source, code) of those that are new to a source."""
        values, types = columns.attributes.wide[AttributeWide.VALUE], columns.attributes.narrow[AttributeNarrow.TYPE]
        buffer, packed = np.frombuffer(columns.buffer, np.uint8), np.empty(0, np.uint8)
        for _ in ("measure", "write"):
            end = 0
            for (domain, text, _), texts in zip(self._texts, self._where, strict=True):
                end = _pack(key_rows[domain][text.key], tables[domain].rows, values, types, buffer, texts, packed, end)
            if end > _PACKED_MAX:
                raise OverflowError("the values of one batch that rules ask about are longer than 4 GiB")
            packed = packed if len(packed) else np.empty(max(1, end), np.uint8)
        for number, (domain, _, _) in enumerate(self._texts):
            self._sources.count(number, tables[domain].rows)
        return self.dictionary.encode(packed.data, self._sources)


class Lookups:
    """The tables of one plan, reused from batch to batch. Not for use by two threads at once.

    Attributes:
        key_rows: per domain, uint32 (keys, capacity): which attribute holds the key.
        codes: per domain, uint32 (texts, capacity): the code of each row's texts.
        truth: uint8 (predicates, codes): which predicate holds of which string.
        generation: goes up when `key_rows` or `codes` have moved.

    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._dictionary = Dictionary(plan.strings)
        self._key_tables = {domain: KeyTable(keys) for domain, keys in plan.keys.items()}
        self._finders: dict[Domain, Callable[[Any, Any, int], None]] = {}
        # Texts are numbered through all domains, as the dictionary's sources are.
        self._texts = _numbered(plan, is_value=False)
        self._asked = [plan.asked[domain][row] for domain, _, row in self._texts]
        self._values = _Values(plan) if any(text.is_value for texts in plan.texts.values() for text in texts) else None
        self._sources = TextSources(len(self._texts))
        self._placed = (-1, -1)
        self.generation = 0
        self.key_rows = dict.fromkeys(Domain, _NO_NARROW)
        self.codes = dict.fromkeys(Domain, _NO_NARROW)
        self.truth = np.zeros((max(1, len(plan.predicates)), 1), np.uint8)

    def load(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        """Look everything up in the batch that `columns` holds; `tables` are its tables by domain."""
        if self._key_tables:
            source, attributes = ffi.from_buffer("uint8_t[]", columns.buffer), columns.attributes_native
            for domain in self._key_tables:
                owners = tables[domain]
                self._finder(domain, owners)(source, attributes, owners.rows)
        if self._texts:
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
        if self._placed != (columns.generation, self.generation):
            self._place(columns, tables)
        for number, (domain, _, _) in enumerate(self._texts):
            self._sources.count(number, tables[domain].rows)
        news = self._dictionary.encode(columns.buffer, self._sources)
        if news:
            self._judge(news, self._dictionary, self._asked, bytes)
        if self._values is not None and (news := self._values.encode(columns, tables, self.key_rows)):
            self._judge(news, self._values.dictionary, self._values.asked, unpack)

    def _place(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        """Say where texts and codes are, since something has moved."""
        attributes, room = columns.attributes, 0
        for domain, texts in self._plan.texts.items():
            if self.codes[domain].shape[1] != tables[domain].capacity:
                self.codes[domain] = np.empty((len(texts), tables[domain].capacity), np.uint32)
        for number, (domain, text, row) in enumerate(self._texts):
            codes = self.codes[domain][row]
            if text.column is not None:
                self._sources.point(number, tables[domain].wide[text.column], codes)
            else:
                self._sources.point(
                    number, attributes.wide[AttributeWide.VALUE], codes,
                    rows=self.key_rows[domain][text.key], types=attributes.narrow[AttributeNarrow.TYPE],
                )  # fmt: skip
            room += tables[domain].capacity if self._asked[number] else 0
        self._sources.ask([number for number, predicates in enumerate(self._asked) if predicates], room)
        if self._values is not None:
            self._values.place(tables, self.codes)
        self.generation += 1
        self._placed = (columns.generation, self.generation)

    def _judge(
        self,
        news: list[tuple[int, int]],
        dictionary: Dictionary,
        asked: Sequence[tuple[int, ...]],
        read: Callable[[bytes], Any],
    ) -> None:
        """Ask the predicates of each text about those of its strings, or values, that it has not had before."""
        known = len(dictionary)
        if known > self.truth.shape[1]:
            self.truth = _wider(self.truth, 1 << (known - 1).bit_length())
        for number, code in news:
            [content] = dictionary.strings(code, code + 1)
            try:
                value = read(content)
            except ValueError:  # nothing is known of a value that cannot be read
                self.truth[list(asked[number]), code] = False
                continue
            for predicate in asked[number]:
                self.truth[predicate, code] = self._plan.predicates[predicate].holds(value)


def _wider(table: NDArray[np.uint8], capacity: int) -> NDArray[np.uint8]:
    """The same table with room for more codes."""
    wider = np.zeros((len(table), capacity), np.uint8)
    wider[:, : table.shape[1]] = table
    return wider


def _numbered(plan: Plan, *, is_value: bool) -> list[tuple[Domain, CodedText, int]]:
    """The texts of a kind in all domains: a dictionary's sources, each with its row among the domain's codes."""
    return [
        (domain, text, row)
        for domain, texts in plan.texts.items()
        for row, text in enumerate(texts)
        if text.is_value == is_value
    ]
