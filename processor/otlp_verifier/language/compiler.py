"""Rules to a plan."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from otlp_verifier.language.emit import Report, emit
from otlp_verifier.language.errors import RuleError, RuleErrors
from otlp_verifier.language.fragment import Fragment, Part, fragment
from otlp_verifier.language.fuse import fuse
from otlp_verifier.language.graph import Graph
from otlp_verifier.language.jobs import Jobs
from otlp_verifier.language.lexer import duration_ns
from otlp_verifier.language.link import Linked, link
from otlp_verifier.language.lower import Lowering
from otlp_verifier.language.parser import read_rule
from otlp_verifier.language.plan import Plan
from otlp_verifier.language.shapes import Split, split
from otlp_verifier.language.skips import Skips
from otlp_verifier.language.symbols import Symbols
from otlp_verifier.language.values import INT_MAX, INT_MIN
from otlp_verifier.machine.operations import Domain
from otlp_verifier.machine.program import NEVER


class Source(msgspec.Struct, frozen=True):
    """A rule's text as it comes from a file. Parameters are ints or durations such as `5ms`."""

    id: str
    text: str
    parameters: Mapping[str, int | str] = msgspec.field(default_factory=dict)


class _Compiled(msgspec.Struct, frozen=True):
    """A rule by itself.

    Attributes:
        domain: what it is about.
        final: whether no further span can undo a violation.
        fragment: its roots are the flags `violated`, `settled` and, if it can be set at all, `undecided` of a
            lower.LoweredRule.

    """

    domain: Domain
    final: bool
    fragment: Fragment


RULES_KEPT_MAX: Final = 4096  # the longest unused goes first; a rule takes some KiB


@functools.lru_cache(RULES_KEPT_MAX)
def _compile(text: str, named: tuple[tuple[str, tuple[int, bool]], ...]) -> _Compiled:
    """Compile one rule. It depends on what is handed in alone, and what is read is never changed: so it is kept.

    Raises:
        RuleErrors, RuleError: mistakes, which are not kept.

    """
    jobs, symbols = Jobs({domain: Graph() for domain in Domain}), Symbols()
    rule = Lowering(text, read_rule(text), dict(named), symbols, jobs).rule()
    roots = [rule.violated, rule.settled]
    if not jobs.graphs[rule.domain].is_never(rule.undecided):
        roots.append(rule.undecided)
    return _Compiled(rule.domain, rule.final, fragment(jobs, symbols, [(rule.domain, root) for root in roots]))


def compile_rules(sources: Sequence[Source]) -> Plan:
    """Compile a set of rules; a rule's number in findings is its index in `sources`.

    Rules that have been compiled before in this process, among whatever others, are only joined: a reload pays for
    what has changed. The plan is the same.

    Raises:
        RuleErrors: all mistakes in all rules.

    """
    rules: list[_Compiled] = []
    errors: list[RuleError] = []
    for source in sources:
        try:
            rules.append(_compile(source.text, tuple(parameters(source).items())))
        except RuleErrors as found:
            mistakes = found.errors
        except RuleError as error:
            mistakes = (error,)
        else:
            continue
        for mistake in mistakes:
            mistake.rule = source.id
        errors.extend(mistakes)
    if errors:
        raise RuleErrors(errors)
    linked = link([rule.fragment for rule in rules])
    final, every, undecided = [], [], []
    for number, (rule, (violated, settled, *possible)) in enumerate(zip(rules, linked.roots, strict=True)):
        if rule.final:
            final.append(Report(number, settled))
        every.append(Report(number, violated))
        undecided += [Report(len(rules) + number, row) for row in possible]
    linked, (final, every, undecided), marks = _split(linked, (final, every, undecided))
    skips = Skips(fuse(linked), [report.row for report in (*final, *every, *undecided)])
    batch, trace = emit(skips, final, marks), emit(skips, every + undecided, marks)
    symbols = linked.symbols
    return Plan(
        batch=batch.program,
        trace=trace.program,
        domains=tuple(rule.domain for rule in rules),
        final=tuple(rule.final for rule in rules),
        constants=skips.constants if len(skips.constants) else np.zeros(1, np.uint64),
        keys={domain: tuple(slots) for domain, slots in symbols.keys.items()},
        texts=symbols.texts,
        asked=symbols.asked,
        made=symbols.made,
        strings=tuple(symbols.strings),
        predicates=tuple(predicate for _, predicate in symbols.predicates.values()),
        makers=tuple(maker for _, maker in symbols.makers.values()),
        bits=symbols.bits,
        words=max(batch.words, trace.words),
        flags=max(batch.flags, trace.flags),
        results=linked.results,
        marks=len(marks),
    )


def _split(linked: Linked, programs: Sequence[list[Report]]) -> tuple[Linked, list[list[Report]], tuple[int, ...]]:
    """The reports with what is left of them where shapes answer the rest; see shapes.split."""
    of_spans: list[bool] = (linked.rows[:, Part.DOMAIN] == Domain.SPAN).tolist()
    linked, left, marks = split(linked, [each.row for reports in programs for each in reports if of_spans[each.row]])
    return linked, [list(_left(reports, left)) for reports in programs], marks


def _left(reports: Iterable[Report], left: Mapping[int, Split]) -> Iterator[Report]:
    for report in reports:
        found = left.get(report.row)
        if found is None:
            yield report
        elif found.guard != NEVER:
            yield Report(report.number, found.row, found.guard)


def forget() -> None:
    """Keep no rule that has been compiled; for measurements and tests."""
    _compile.cache_clear()


def parameters(source: Source) -> dict[str, tuple[int, bool]]:
    """Each parameter's number, and whether it is a duration in nanoseconds."""
    parameters = {}
    for name, value in source.parameters.items():
        if isinstance(value, int):
            number, is_duration = value, False
        else:
            try:
                number, is_duration = duration_ns(value), True
            except ValueError as error:
                raise RuleError(f"parameter `{name}`: {error}", source.text, 0) from None
        if not INT_MIN <= number <= INT_MAX:
            raise RuleError(f"parameter `{name}`: {value} does not fit a signed 64-bit number", source.text, 0)
        parameters[name] = (number, is_duration)
    return parameters
