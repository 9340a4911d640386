"""Columns and a plan to findings: what has to be looked up and ordered, then the program's rounds."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import Columns, Defect, ResourceNarrow, ScopeNarrow, SpanNarrow, Table
from otlp_verifier.kernels.chain import Chain, Step
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.language.plan import Plan
from otlp_verifier.lookups import Lookups
from otlp_verifier.machine.interpreter import run
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import FLAG_STRIDE, WORD_STRIDE, Domain, NarrowTable
from otlp_verifier.machine.program import Need, Program
from otlp_verifier.machine.scheduler import BoundJob, JobColumns, JobRunner, needed_columns
from otlp_verifier.phases import PreparedProgram
from otlp_verifier.policy import Completeness
from otlp_verifier.registry.model import Registries
from otlp_verifier.relate.clocks import Clocks
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.shapes import Shapes
from otlp_verifier.relate.tree import Tree
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.memory import with_room
from otlp_verifier.wire.splicer import splice

if TYPE_CHECKING:
    from otlp_verifier.attributes.keys import Keys
    from otlp_verifier.attributes.records import AttributeRecords
    from otlp_verifier.sensitive.records import SensitiveRecords

_FINDINGS_AT_FIRST = 1024
_NOTHING = np.empty((1, 0), np.uint32)
_FORGED = np.uint32(Defect.FORGED)


class NoJobs:
    """The JobColumns of a plan without jobs."""

    def __init__(self) -> None:
        nothing: Mapping[Domain, NDArray[np.generic]] = dict.fromkeys(Domain, np.empty((0, 0)))
        self.words = self.marks = self.results = self.flags = nothing

    def reserve(self, domain: Domain, capacity: int) -> None:
        """No columns have any number of rows."""


class FindingRows(msgspec.Struct, frozen=True):
    """What a run found; valid until the engine's next one.

    Attributes:
        numbers: uint32 (findings,), each finding's rule number; from `decided` on, `number - decided` is undecided.
        number_rows: uint32 (findings,), its row in the table of the rule's domain.
        number_counts: uint32 (2 * rules,), how many of each number.
        decided: how many rules there are.

    """

    numbers: NDArray[np.uint32]
    number_rows: NDArray[np.uint32]
    number_counts: NDArray[np.uint32]
    decided: int

    @classmethod
    def of_violations(
        cls, rules: NDArray[np.uint32], rows: NDArray[np.uint32], counts: NDArray[np.uint32]
    ) -> "FindingRows":
        """Violations alone: of rule rules[i] in row rows[i]; counts[r] of rule r."""
        return cls(rules, rows, np.concatenate([counts, np.zeros_like(counts)]), len(counts))

    @property
    def rules(self) -> NDArray[np.uint32]:
        """The rule number of each violation, uint32 (violations,)."""
        return self.numbers[self._violations] if self.undecided.any() else self.numbers

    @property
    def rows(self) -> NDArray[np.uint32]:
        """The row of each violation, uint32 (violations,)."""
        return self.number_rows[self._violations] if self.undecided.any() else self.number_rows

    @property
    def counts(self) -> NDArray[np.uint32]:
        """Violations of each rule, uint32 (rules,)."""
        return self.number_counts[: self.decided]

    @property
    def undecided(self) -> NDArray[np.uint32]:
        """Rows in which each rule may be violated, but an assumption does not hold, uint32 (rules,)."""
        return self.number_counts[self.decided :]

    @property
    def _violations(self) -> NDArray[np.bool_]:
        return self.numbers < self.decided


class Engine:
    """Runs one plan over one batch after another. Not for use by two threads at once.

    Args:
        plan: what is run.
        registries: which attributes there are; without any, OpenTelemetry's alone.

    Attributes:
        columns, relations: of the last batch.
        generation: goes up when there is more room for findings, in another place.

    """

    def __init__(self, plan: Plan, registries: Registries | None = None) -> None:
        self.plan = plan
        self.columns = Columns()
        self.generation = self._total = 0
        self._rows = np.zeros(len(Domain), np.uint32)
        self.relations = Relations(_row(self._rows, Domain.TRACE))
        columns = self.columns
        self._tables = {
            Domain.RESOURCE: columns.resources,
            Domain.SCOPE: columns.scopes,
            Domain.SPAN: columns.spans,
            Domain.EVENT: columns.events,
            Domain.LINK: columns.links,
        }
        self._lookups, self._shapes = Lookups(plan), Shapes(_row(self._rows, Domain.SHAPE))
        self._asks_keys = Domain.SPAN in plan.keys or bool(plan.bits)
        self._no_versions = np.zeros(1, np.uint32)
        self._shape_marks = np.empty((plan.marks, 0), np.uint8)
        needs = plan.batch.needs | plan.trace.needs
        has_jobs = any(each.jobs for program in (plan.batch, plan.trace) for each in program.rounds)
        self._tree = Tree() if has_jobs or needs & (Need.TREE | Need.LINKS) else None
        self._clocks = Clocks() if Need.CLOCKS in needs else None
        self._keys: Keys | None = None
        self._sensitive: SensitiveRecords | None = None
        self._faults: AttributeRecords | None = None
        if plan.bits.get(NarrowTable.SENSITIVE) or plan.bits.get(NarrowTable.FAULTS) is not None:
            self._make_of_records(registries)
        self._job_columns: JobColumns | NoJobs = NoJobs()
        self._jobs: JobRunner | None = None
        if has_jobs:
            self._job_columns, self._jobs = self._new_jobs()
        self._programs = {
            Completeness.BATCH: PreparedProgram(plan.batch),
            Completeness.TRACE: PreparedProgram(plan.trace),
        }
        self._loads = {
            completeness: self._loads_of(each.program.needs) for completeness, each in self._programs.items()
        }
        self._bound: dict[Completeness, list[list[BoundJob]]] = {}
        self._owners = [
            owner
            for owner in (
                columns, self._lookups, self.relations, self._tree, self._clocks, self._keys, self._sensitive,
                self._faults, self._shapes, self,
            )
            if owner is not None
        ]  # fmt: skip
        self._located: list[int] = []  # the generations of all owners
        self._arrays: tuple[NDArray[np.generic], ...] = ()
        self._wide = self._narrow = self._marks = np.empty((0, 2), np.int64)
        self._words = np.empty((plan.words, WORD_STRIDE), np.uint64)
        self._flags = np.empty((plan.flags, FLAG_STRIDE), np.uint8)
        self._found = np.empty((2, _FINDINGS_AT_FIRST), np.uint32)
        self._counts = np.zeros(2 * len(plan.domains), np.uint32)
        self._first = {
            completeness: Chain(partial(self._first_steps, prepared), self._owners)
            for completeness, prepared in self._programs.items()
        }
        self._rounds = {
            completeness: [
                Chain(partial(self._round, prepared.program, phases), self._owners) for phases in prepared.rounds
            ]
            for completeness, prepared in self._programs.items()
        }
        self._then = {completeness: self._chains_then(prepared) for completeness, prepared in self._programs.items()}

    def close(self) -> None:
        """Let go of what leads back here, so that the memory is free at once; nothing can be run any more."""
        for each in (self._first, self._rounds, self._then, self._owners):
            each.clear()

    def _make_of_records(self, registries: Registries | None) -> None:
        """Have tables that are made of whole records, where rules ask for them; what they need is loaded only then."""
        from otlp_verifier.attributes.keys import Keys  # noqa: PLC0415

        keys = self._keys = Keys(ATTRIBUTES, self._shapes)
        if bits := self.plan.bits.get(NarrowTable.SENSITIVE):
            from otlp_verifier.sensitive.records import SensitiveRecords  # noqa: PLC0415

            self._sensitive = SensitiveRecords(bits, ATTRIBUTES, keys)
        if (bits := self.plan.bits.get(NarrowTable.FAULTS)) is not None:
            from otlp_verifier.attributes.records import AttributeRecords  # noqa: PLC0415
            from otlp_verifier.registry.opentelemetry import alone  # noqa: PLC0415

            self._faults = AttributeRecords(bits, ATTRIBUTES, keys, self._shapes, registries or alone())

    def _loads_of(self, needs: Need) -> list[Callable[[], None]]:
        """What jobs and phases of a program need of all spans, links and resources."""
        columns, relations, tree, clocks = self.columns, self.relations, self._tree, self._clocks
        loads: list[Callable[[], None]] = []
        if tree is not None and Need.TREE in needs:
            order_too = Need.ORDER in needs
            loads.append(lambda: tree.load(columns, relations, order_too=order_too))
        if tree is not None and Need.LINKS in needs:
            loads.append(lambda: tree.find_targets(columns, relations))
        if clocks is not None and Need.CLOCKS in needs:
            loads.append(lambda: clocks.load(columns))
        return loads

    def _new_jobs(self) -> tuple[JobColumns, JobRunner]:
        assert self._tree is not None  # noqa: S101  # made for jobs, too
        columns = JobColumns(*needed_columns((self.plan.batch, self.plan.trace)), self.plan.results)
        return columns, JobRunner(self.columns, self.relations, self._tree, columns)

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
        columns, rows = self.columns, self._rows
        prepared = self._programs[completeness]
        rows[: Domain.TRACE] = columns.rows[: Domain.TRACE]
        self._first[completeness].run(columns.buffer)
        for load in self._loads[completeness]:
            load()
        prepared.choose(self._lookups)
        self._counts.fill(0)
        self._total = 0
        look_up, *report = self._then[completeness]
        look_up.run(columns.buffer)
        if self._jobs is not None:
            self._locate()
            self._run_jobs(completeness, self._jobs)
        for chain in report:
            chain.run(columns.buffer)
        found, total = self._found, self._total
        return FindingRows(found[0, :total], found[1, :total], self._counts, self.plan.undecided_from)

    def _first_steps(self, prepared: PreparedProgram) -> list[Step]:
        """Relate spans; find shapes, keys, and what is made of whole records; ask what rules ask of shapes."""
        columns, tables, shapes = self.columns, self._tables, self._shapes
        steps = [self.relations.step(columns)]
        faults, sensitive = self._faults, self._sensitive
        if self._asks_keys:
            if faults is not None:
                steps += faults.version_steps(columns, tables)
                versions = faults.versions
            else:
                versions = self._no_versions = with_room(self._no_versions[None], tables[Domain.SCOPE].capacity)[0]
            steps.append(shapes.step(columns, versions))
        if self._keys is not None:
            steps += self._keys.steps(columns, tables)
        steps += self._lookups.key_steps(columns, tables, shapes)
        if faults is not None:
            steps += faults.steps(columns)
        if sensitive is not None:
            steps += sensitive.steps(columns, tables)
        self._locate()
        if prepared.program.shapes:
            steps.append(Step(run, self._interpreted(prepared.program, prepared.shapes)))
        return [*steps, prepared.step(self._shape_marks, shapes.rows)]

    def _chains_then(self, prepared: PreparedProgram) -> tuple[Chain, ...]:
        """What is run when it is known which phases are: look-ups; behind jobs, where there are any, what reports."""
        makes: list[Callable[[], list[Step]]] = [self._look_ups, lambda: self._report(prepared)]
        if self._jobs is None:
            makes = [lambda: self._look_ups() + self._report(prepared)]
        return tuple(Chain(make, self._owners) for make in makes)

    def _look_ups(self) -> list[Step]:
        return self._lookups.steps(self.columns, self._tables, self._shapes)

    def _report(self, prepared: PreparedProgram) -> list[Step]:
        self._locate()
        return [Step(run, self._interpreted(prepared.program, prepared.last), self._take)]

    def _take(self, total: int) -> bool:
        """The findings of a run, if there was room for all; else room."""
        self._total = total
        if total <= self._found.shape[1]:
            return False
        self._found = np.empty((2, 1 << (total - 1).bit_length()), np.uint32)
        self.generation += 1
        self._counts.fill(0)
        return True

    def _run_jobs(self, completeness: Completeness, runner: "JobRunner") -> None:
        """All rounds but the last, which reports."""
        rows, buffer = self._rows.tolist(), self.columns.buffer
        for chain, jobs in zip(self._rounds[completeness], self._bound[completeness], strict=False):
            chain.run(buffer)
            for job in jobs:
                runner.run(job, rows)

    def _round(self, program: Program, phases: NDArray[np.int64]) -> list[Step]:
        self._locate()
        return [Step(run, self._interpreted(program, phases))] if len(phases) else []

    def _reserve(self, tables: dict[Domain, Table]) -> None:
        for domain, table in tables.items():
            self._job_columns.reserve(domain, table.capacity)
        self._job_columns.reserve(Domain.TRACE, self.relations.traces.shape[1])

    def _locate(self) -> None:
        """Tell the machine where the columns are, if any have moved since it was told."""
        tables = self._tables
        columns, jobs, tree, clocks = self.columns, self._job_columns, self._tree, self._clocks
        shapes = self._shapes
        located = [owner.generation for owner in self._owners]
        if located != self._located:
            self._reserve(tables)
            wire = (*(table.wide for table in tables.values()), columns.attributes.wide)
            wide = (*wire, *jobs.results.values(), *jobs.words.values(), self._lookups.made)
            narrow = (
                *(table.narrow for table in tables.values()), columns.attributes.narrow, self.relations.spans,
                self.relations.traces, *(self._lookups.key_rows[domain] for domain in tables),
                *(self._lookups.codes[domain] for domain in tables),
                *((_NOTHING, _NOTHING) if tree is None else (tree.spans, tree.links)),
                _NOTHING if clocks is None else clocks.resources,
                *_found_in(self._sensitive), *_found_in(self._faults),
                shapes.of_spans, shapes.shapes, self._lookups.shape_keys,
            )  # fmt: skip
            if self._shape_marks.shape[1] != shapes.shapes.shape[1]:
                self._shape_marks = np.empty((self.plan.marks, shapes.shapes.shape[1]), np.uint8)
            marks = (*{**jobs.marks, Domain.SHAPE: self._shape_marks}.values(), *jobs.flags.values())
            self._arrays = (*wide, *narrow, *marks)  # so that the addresses stay theirs
            self._wide, self._narrow, self._marks = addresses(wide), addresses(narrow), addresses(marks)
            runner = self._jobs
            self._bound = {
                completeness: [
                    [] if runner is None else [runner.bind(job) for job in each.jobs] for each in program.rounds
                ]
                for completeness, program in (
                    (completeness, prepared.program) for completeness, prepared in self._programs.items()
                )
            }
            self._located = located

    def _interpreted(self, program: Program, phases: NDArray[np.int64]) -> tuple[NDArray[np.generic], ...]:
        """What the machine is told to run some phases."""
        return (
            program.instructions, phases, self._rows, self.plan.constants, self._wide, self._narrow,
            self._marks, self._lookups.truth, self._words, self._flags, self._counts, self._found,
        )  # fmt: skip


def _row(rows: NDArray[np.uint32], domain: Domain) -> NDArray[np.uint32]:
    """The number of one domain's rows, uint32 (1,), which others write."""
    return rows[domain : domain + 1]


def _found_in(records: "SensitiveRecords | AttributeRecords | None") -> Iterable[NDArray[np.uint32]]:
    """One table for each domain that has attributes."""
    return [_NOTHING] * len(ATTRIBUTES) if records is None else records.found.values()
