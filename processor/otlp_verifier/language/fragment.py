"""One rule by itself as rows of plain numbers, which can be joined with those of any other rules.

What a rule becomes depends on nothing but its text and its parameters. So its
fragment is made once and kept while rules around it change: see compiler.py.
"""

from array import array
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.language.assembly import FLAG_RESULT, JOB, NONE, RESULT, WIDTH, column
from otlp_verifier.language.graph import Node, NodeId
from otlp_verifier.language.jobs import Job, Jobs
from otlp_verifier.language.symbols import StringCode, Symbols
from otlp_verifier.machine.operations import Domain, NarrowTable, Op, WideTable
from otlp_verifier.machine.program import JobKind


class Part(IntEnum):
    """Columns of a fragment's rows, see wire/assembly.h; a row reads rows above it only."""

    DOMAIN = column("domain")
    OP = column("op")  # a machine.operations.Op, JOB, RESULT or FLAG_RESULT
    SYMBOL = column("symbol")  # which of the numbers stands for a symbol, from 1; 0 for none
    NUMBERS = column("numbers")  # three; of a RESULT which of the two results of the job that is its input
    INPUTS = column("inputs")  # eight: rows, or NONE; those of a JOB as in `_inputs`


class SymbolKind(IntEnum):
    """What stands for itself in every fragment, and for a number in a plan."""

    KEY = 0  # (domain, key)
    TEXT = 1  # (domain, column, key or None, is_value): a plan.CodedText by its key and not its slot
    STRING = 2  # bytes
    PREDICATE = 3  # a plan.Predicate
    MAKER = 4  # a plan.Maker


class Fragment(msgspec.Struct, frozen=True):
    """Some nodes with all that they read.

    Attributes:
        rows: uint64 (rows, WIDTH), see Part.
        roots: the rows of the nodes asked for.
        symbols: what numbers of rows mean.
        asked: which text is asked which predicate, by their places in `symbols`.
        made: to which text which maker is applied, in the same way.
        bits: tables that are made of whole records, domains, and the bits that are asked for.

    """

    rows: NDArray[np.uint64]
    roots: tuple[int, ...]
    symbols: tuple[tuple[SymbolKind, Any], ...]
    asked: tuple[tuple[int, int], ...]
    made: tuple[tuple[int, int], ...] = ()
    bits: tuple[tuple[NarrowTable, Domain, int], ...] = ()


_NARROW: Final = (Op.NARROW, Op.NARROW_AT, Op.ROW_AT)
_NO_INPUTS: Final = (NONE,) * 8


def fragment(jobs: Jobs, symbols: Symbols, roots: Sequence[tuple[Domain, NodeId]]) -> Fragment:
    """Nodes of the graphs with all that they read, jobs included."""
    return _Maker(jobs, symbols).make(roots)


class _Maker:
    """Nodes by key: node << 3 | domain; of a job ~ its number."""

    def __init__(self, jobs: Jobs, symbols: Symbols) -> None:
        self._jobs = jobs
        self._words: list[int] = []
        self._places: dict[int, int] = {}
        self._symbols: list[tuple[SymbolKind, Any]] = []
        self._keys: dict[int, list[int]] = {}
        for domain, slots in symbols.keys.items():
            self._keys[domain] = [self._symbol(SymbolKind.KEY, (domain, key)) for key in slots]
        self._texts: dict[int, list[int]] = {}
        for domain, texts in symbols.texts.items():
            keys = list(symbols.keys.get(domain, ()))
            self._texts[domain] = [
                self._symbol(SymbolKind.TEXT, (domain, t.column, None if t.key is None else keys[t.key], t.is_value))
                for t in texts
            ]
        self._strings = [self._symbol(SymbolKind.STRING, each) for each in symbols.strings]
        self._predicates = [self._symbol(SymbolKind.PREDICATE, each) for _, each in symbols.predicates.values()]
        self._makers = [self._symbol(SymbolKind.MAKER, each) for _, each in symbols.makers.values()]
        self._asked, self._made = (
            tuple(
                (self._texts[text.domain][symbols.texts[text.domain][text]], places[number])
                for text, numbers in of_texts.items()
                for number in numbers
            )
            for of_texts, places in ((symbols.asked, self._predicates), (symbols.made, self._makers))
        )
        self._bits = tuple((*table, bits) for table, bits in symbols.bits.items())

    def make(self, roots: Sequence[tuple[Domain, NodeId]]) -> Fragment:
        keys = [node << 3 | domain for domain, node in roots]
        for key in keys:
            self._visit(key)
        rows = np.frombuffer(array("Q", self._words), np.uint64).reshape(-1, WIDTH)
        places, symbols = tuple(self._places[key] for key in keys), tuple(self._symbols)
        return Fragment(rows, places, symbols, self._asked, self._made, self._bits)

    def _symbol(self, kind: SymbolKind, content: object) -> int:
        self._symbols.append((kind, content))
        return len(self._symbols) - 1

    def _visit(self, root: int) -> None:
        """Add a node behind what it reads; rules may be too deep to recurse."""
        places, producers, jobs = self._places, self._jobs.producers, self._jobs.all
        nodes = {int(domain): graph.nodes for domain, graph in self._jobs.graphs.items()}
        inputs_of: dict[int, Sequence[int | None]] = {}
        stack = [root]
        while stack:
            at = stack[-1]
            if at in places:
                stack.pop()
                continue
            inputs = inputs_of.get(at)
            if inputs is None:
                if at < 0:
                    inputs = _inputs(jobs[~at])
                elif (job := producers.get((at & 7, at >> 3))) is not None:
                    inputs = (~job,)
                else:
                    inputs = [each << 3 | at & 7 for each in nodes[at & 7][at >> 3].inputs]
                missing = [each for each in reversed(inputs) if each is not None and each not in places]
                if missing:
                    inputs_of[at] = inputs
                    stack += missing
                    continue
            stack.pop()
            rows = [NONE if each is None else places[each] for each in inputs]
            places[at] = len(places)
            if at < 0:
                numbers = _numbers(jobs[~at])
            else:
                numbers = self._node_numbers(at & 7, nodes[at & 7][at >> 3], is_result=(at & 7, at >> 3) in producers)
            self._words += numbers
            self._words += rows
            self._words += _NO_INPUTS[len(rows) :]

    def _node_numbers(self, domain: int, node: Node, *, is_result: bool) -> tuple[int, ...]:
        """The columns of a node's row before its inputs."""
        op, first = int(node.op), node.numbers[0] if node.numbers else 0
        if isinstance(first, StringCode):
            return (domain, op, 1, self._strings[first.string], 0, 0)
        numbers = [number for number in node.numbers if isinstance(number, int)]
        first, second, third = (*numbers, 0, 0, 0)[:3]
        if op in _NARROW and NarrowTable.KEYS <= first < NarrowTable.CODES:
            return (domain, op, 2, first, self._keys[first - NarrowTable.KEYS][second], 0)
        if op in _NARROW and NarrowTable.CODES <= first < NarrowTable.SPAN_TREE:
            return (domain, op, 2, first, self._texts[first - NarrowTable.CODES][second], 0)
        if op == Op.HOLDS:
            return (domain, op, 1, self._predicates[first], 0, 0)
        if op == Op.WIDE_AT and first == WideTable.MADE:
            return (domain, op, 2, first, self._makers[second], 0)
        if is_result:
            if op == Op.MARKED:
                return (domain, FLAG_RESULT, 0, 0, 0, 0)
            return (domain, RESULT, 0, second & 1, 0, 0)
        return (domain, op, 0, first, second, third)


def _inputs(job: Job) -> tuple[int | None, ...]:
    """What a job reads, by key."""
    bounded = job.kind is JobKind.INTERVAL
    bounds = (job.low, job.high) if bounded else (None, None)
    members = (job.mask, job.value, job.member_at, job.member_key)
    queries = (job.query_at, job.query_key, *bounds)
    return (
        *(None if node is None else node << 3 | job.members for node in members),
        *(None if node is None else node << 3 | job.queries for node in queries),
    )


def _numbers(job: Job) -> tuple[int, ...]:
    """The columns of a job's row before its inputs."""
    choices = (job.excludes_self, job.future, job.member_end, job.query_end)
    packed = job.kind | job.function << 8 | job.members << 16 | job.queries << 24
    packed |= sum(choice << (32 + place) for place, choice in enumerate(choices))
    low, high = (job.low & NONE, job.high & NONE) if job.kind in (JobKind.WINDOW, JobKind.SWEEP) else (0, 0)
    return (job.queries, JOB, 0, packed, low, high)
