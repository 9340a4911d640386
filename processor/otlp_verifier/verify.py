"""Columns and a plan to findings: everything that has to be looked up, then one run of the machine."""

from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import (
    AttributeNarrow,
    AttributeWide,
    Columns,
    Defect,
    ResourceNarrow,
    ScopeNarrow,
    SpanNarrow,
    Table,
    ValueType,
)
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.language.plan import Plan
from otlp_verifier.machine.interpreter import run
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import BLOCK, Domain
from otlp_verifier.policy import Completeness
from otlp_verifier.relate.relations import Relations
from otlp_verifier.wire.dictionary import NO_CODE, NO_TEXT, Dictionary, KeyTable
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.splicer import splice

_TYPE = int(AttributeNarrow.TYPE)
_VALUE = int(AttributeWide.VALUE)
_STRING = np.uint32(ValueType.STRING)
_FORGED = np.uint32(Defect.FORGED)
_NO_ROW, _NO_TEXT = np.uint32(NO_CODE), np.uint64(NO_TEXT)
_FINDINGS_AT_FIRST = 1024
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


@dataclass(frozen=True, slots=True)
class FindingRows:
    """What a run found; valid until the engine's next one.

    Attributes:
        rules: uint32 (findings,), each finding's rule number.
        rows: uint32 (findings,), its row in the table of the rule's domain.
        counts: uint32 (rules,), how many of each rule.

    """

    rules: NDArray[np.uint32]
    rows: NDArray[np.uint32]
    counts: NDArray[np.uint32]


class Engine:
    """Runs one plan over one batch after another. Not for use by two threads at once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.columns = Columns()
        self.relations = Relations()
        self._dictionary = Dictionary(plan.strings)
        self._key_tables = {domain: KeyTable(keys) for domain, keys in plan.keys.items()}
        self._key_rows = dict.fromkeys(Domain, _NO_NARROW)
        self._codes = dict.fromkeys(Domain, _NO_NARROW)
        self._texts = np.empty((0, 0), np.uint64)
        self._truth = np.zeros((max(1, len(plan.predicates)), 1), np.uint8)
        self._judged = 0  # strings for which `_truth` is filled
        self._epoch = self._dictionary.epoch
        self._located: list[int] = []
        self._wide = self._narrow = np.empty((0, 2), np.int64)
        self._words = np.empty((plan.words, BLOCK), np.uint64)
        self._flags = np.empty((plan.flags, BLOCK), np.uint8)
        self._found = np.empty((2, _FINDINGS_AT_FIRST), np.uint32)
        self._counts = np.zeros(len(plan.domains), np.uint32)

    def run(self, buffer: bytes | memoryview, completeness: Completeness, limits: Limits) -> FindingRows:
        """Scan, relate and judge one batch; its columns and relations stay readable until the next.

        Raises:
            MalformedRequest, RequestOverLimit: as Columns.load.

        """
        self.columns.load(buffer, limits)
        return self._run(completeness)

    def run_without_forged(self, completeness: Completeness, limits: Limits) -> FindingRows:
        """Run again on the last batch as it is without the `verifier.*` attributes that it came with.

        The FORGED bits of its spans, scopes and resources stay, so that it is still known where some are to be removed.

        Raises:
            RequestOverLimit: as Columns.load; what is left takes less room, but has fewer bytes to be allowed it for.

        """
        columns = self.columns
        defects = [
            table.narrow[column, : table.rows]
            for table, column in (
                (columns.spans, SpanNarrow.DEFECTS),
                (columns.scopes, ScopeNarrow.DEFECTS),
                (columns.resources, ResourceNarrow.DEFECTS),
            )
        ]
        forged = [bits & _FORGED for bits in defects]
        columns.load(splice(columns), limits)
        for bits, marks in zip(defects, forged, strict=True):  # no table has moved: none has more rows than before
            np.bitwise_or(bits, marks, out=bits)
        return self._run(completeness)

    def _run(self, completeness: Completeness) -> FindingRows:
        columns = self.columns
        self.relations.load(columns)
        tables = {
            Domain.RESOURCE: columns.resources,
            Domain.SCOPE: columns.scopes,
            Domain.SPAN: columns.spans,
            Domain.EVENT: columns.events,
            Domain.LINK: columns.links,
        }
        for domain, keys in self._key_tables.items():
            self._find_keys(domain, keys, tables[domain])
        if self.plan.texts:
            self._encode_texts(tables)
        self._locate()
        rows = {domain: table.rows for domain, table in tables.items()}
        rows[Domain.TRACE] = self.relations.trace_count
        return self._interpret(completeness, rows)

    def _find_keys(self, domain: Domain, keys: KeyTable, owners: Table) -> None:
        key_rows = self._key_rows[domain]
        if key_rows.shape[1] != owners.capacity:
            key_rows = self._key_rows[domain] = np.empty((len(keys), owners.capacity), np.uint32)
        start, count = ATTRIBUTES[domain]
        keys.find(
            self.columns.buffer,
            self.columns.attributes_native,
            owners.narrow[start, : owners.rows],
            owners.narrow[count, : owners.rows],
            key_rows,
        )

    def _encode_texts(self, tables: dict[Domain, Table]) -> None:
        """The dictionary code of every text that the program reads, and what the predicates say of new strings."""
        attributes = self.columns.attributes
        jobs: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []
        for domain, texts in self.plan.texts.items():
            owners = tables[domain]
            codes = self._codes[domain]
            if codes.shape[1] != owners.capacity:
                codes = self._codes[domain] = np.empty((len(texts), owners.capacity), np.uint32)
            for number, text in enumerate(texts):
                if text.column is not None:
                    source = owners.wide[text.column, : owners.rows]
                else:
                    source = self._scratch(len(jobs), owners.capacity)[: owners.rows]
                    rows = self._key_rows[domain][text.key]
                    _gather_texts(rows, owners.rows, attributes.wide, attributes.narrow, source)
                jobs.append((source, codes[number, : owners.rows]))
        self._dictionary.intern_all(self.columns.buffer, jobs)
        if self.plan.predicates:
            self._judge_strings()

    def _scratch(self, number: int, capacity: int) -> NDArray[np.uint64]:
        if number >= self._texts.shape[0] or capacity > self._texts.shape[1]:
            jobs = sum(len(texts) for texts in self.plan.texts.values())
            # Views handed out before keep the old array alive until the batch is done.
            self._texts = np.empty((jobs, max(capacity, self._texts.shape[1])), np.uint64)
        row: NDArray[np.uint64] = self._texts[number]
        return row

    def _judge_strings(self) -> None:
        known = len(self._dictionary)
        if self._epoch != self._dictionary.epoch:
            self._epoch = self._dictionary.epoch
            self._judged = 0
        if known == self._judged:
            return
        if known > self._truth.shape[1]:
            truth = np.zeros((len(self.plan.predicates), 1 << (known - 1).bit_length()), np.uint8)
            truth[:, : self._judged] = self._truth[:, : self._judged]
            self._truth = truth
        new = self._dictionary.strings(self._judged, known)
        for number, predicate in enumerate(self.plan.predicates):
            holds = predicate.holds
            self._truth[number, self._judged : known] = [holds(text) for text in new]
        self._judged = known

    def _locate(self) -> None:
        """Tell the machine where the columns are, if any have moved since the last batch."""
        columns = self.columns
        tables = (columns.resources, columns.scopes, columns.spans, columns.events, columns.links, columns.attributes)
        wide = tuple(table.wide for table in tables)
        narrow = (
            *(table.narrow for table in tables), self.relations.spans, self.relations.traces,
            *(self._key_rows[domain] for domain in _OWNERS), *(self._codes[domain] for domain in _OWNERS),
        )  # fmt: skip
        if list(map(id, narrow)) != self._located:
            # The arrays are kept, so that no other array can take over an address or an id in the meantime.
            self._arrays = (wide, narrow)
            self._located = list(map(id, narrow))
            self._wide, self._narrow = addresses(wide), addresses(narrow)

    def _interpret(self, completeness: Completeness, rows: dict[Domain, int]) -> FindingRows:
        plan = self.plan
        program = plan.trace if completeness is Completeness.TRACE else plan.batch
        phases = np.array([(first, last, rows[domain]) for domain, first, last in program.phases], np.int64)
        while True:
            self._counts.fill(0)
            total = run(
                program.instructions, phases.reshape(-1, 3), plan.constants, self._wide, self._narrow, self._truth,
                self._words, self._flags, self._counts, self._found,
            )  # fmt: skip
            if total <= self._found.shape[1]:
                return FindingRows(self._found[0, :total], self._found[1, :total], self._counts)
            self._found = np.empty((2, 1 << (total - 1).bit_length()), np.uint32)


_OWNERS = (Domain.RESOURCE, Domain.SCOPE, Domain.SPAN, Domain.EVENT, Domain.LINK)
