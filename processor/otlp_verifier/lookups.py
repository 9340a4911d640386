"""What a plan looks up in a batch before it runs: attribute keys to rows, strings to codes, predicates on strings."""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, Table, ValueType
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.language.plan import Plan
from otlp_verifier.machine.operations import Domain
from otlp_verifier.wire.dictionary import NO_CODE, NO_TEXT, Dictionary, KeyTable

_TYPE, _VALUE = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_STRING = np.uint32(ValueType.STRING)
_NO_ROW, _NO_TEXT = np.uint32(NO_CODE), np.uint64(NO_TEXT)
_NO_NARROW = np.empty((0, 0), np.uint32)


@nb.njit(
    nb.void(nb.uint32[::1], nb.int64, nb.uint64[:, ::1], nb.uint32[:, ::1], nb.uint64[::1]), cache=True, nogil=True
)
def _gather_texts(
    rows: NDArray[np.uint32], n: int, wide: NDArray[np.uint64], narrow: NDArray[np.uint32], texts: NDArray[np.uint64]
) -> None:
    """texts[i] = the string value of attribute rows[i]; NO_TEXT where there is none or it is no string."""
    for i in range(n):
        row = rows[i]
        texts[i] = wide[_VALUE, row] if row != _NO_ROW and narrow[_TYPE, row] == _STRING else _NO_TEXT


class Lookups:
    """The tables of one plan, reused from batch to batch. Not for use by two threads at once.

    Attributes:
        key_rows: per domain, uint32 (keys, capacity): which attribute holds the key.
        codes: per domain, uint32 (texts, capacity): the text's dictionary code.
        truth: uint8 (predicates, codes): which predicate holds of which string.

    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._dictionary = Dictionary(plan.strings)
        self._key_tables = {domain: KeyTable(keys) for domain, keys in plan.keys.items()}
        self.key_rows = dict.fromkeys(Domain, _NO_NARROW)
        self.codes = dict.fromkeys(Domain, _NO_NARROW)
        self.truth = np.zeros((max(1, len(plan.predicates)), 1), np.uint8)
        self._texts = np.empty((0, 0), np.uint64)
        self._judged = 0  # strings for which `truth` is filled
        self._epoch = self._dictionary.epoch

    def load(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        """Look everything up in the batch that `columns` holds; `tables` are its tables by domain."""
        for domain, keys in self._key_tables.items():
            self._find_keys(columns, domain, keys, tables[domain])
        if self._plan.texts:
            self._encode_texts(columns, tables)

    def _find_keys(self, columns: Columns, domain: Domain, keys: KeyTable, owners: Table) -> None:
        key_rows = self.key_rows[domain]
        if key_rows.shape[1] != owners.capacity:
            key_rows = self.key_rows[domain] = np.empty((len(keys), owners.capacity), np.uint32)
        start, count = ATTRIBUTES[domain]
        keys.find(
            columns.buffer,
            columns.attributes_native,
            owners.narrow[start, : owners.rows],
            owners.narrow[count, : owners.rows],
            key_rows,
        )

    def _encode_texts(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        attributes = columns.attributes
        wanted: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []
        for domain, texts in self._plan.texts.items():
            owners = tables[domain]
            codes = self.codes[domain]
            if codes.shape[1] != owners.capacity:
                codes = self.codes[domain] = np.empty((len(texts), owners.capacity), np.uint32)
            for number, text in enumerate(texts):
                if text.column is not None:
                    source = owners.wide[text.column, : owners.rows]
                else:
                    source = self._scratch(len(wanted), owners.capacity)[: owners.rows]
                    rows = self.key_rows[domain][text.key]
                    _gather_texts(rows, owners.rows, attributes.wide, attributes.narrow, source)
                wanted.append((source, codes[number, : owners.rows]))
        self._dictionary.intern_all(columns.buffer, wanted)
        if self._plan.predicates:
            self._judge_strings()

    def _scratch(self, number: int, capacity: int) -> NDArray[np.uint64]:
        if number >= self._texts.shape[0] or capacity > self._texts.shape[1]:
            texts = sum(len(texts) for texts in self._plan.texts.values())
            # Views handed out before keep the old array alive until the batch is done.
            self._texts = np.empty((texts, max(capacity, self._texts.shape[1])), np.uint64)
        row: NDArray[np.uint64] = self._texts[number]
        return row

    def _judge_strings(self) -> None:
        """What the predicates say of strings that came with this batch."""
        known = len(self._dictionary)
        if self._epoch != self._dictionary.epoch:
            self._epoch = self._dictionary.epoch
            self._judged = 0
        if known == self._judged:
            return
        if known > self.truth.shape[1]:
            truth = np.zeros((len(self._plan.predicates), 1 << (known - 1).bit_length()), np.uint8)
            truth[:, : self._judged] = self.truth[:, : self._judged]
            self.truth = truth
        new = self._dictionary.strings(self._judged, known)
        for number, predicate in enumerate(self._plan.predicates):
            holds = predicate.holds
            self.truth[number, self._judged : known] = [holds(text) for text in new]
        self._judged = known
