"""Rules to a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from otlp_verifier.language.emit import Constants, Emitter, Report
from otlp_verifier.language.errors import RuleError, RuleErrors
from otlp_verifier.language.graph import Graph
from otlp_verifier.language.jobs import Jobs
from otlp_verifier.language.lexer import duration_ns
from otlp_verifier.language.lower import LoweredRule, Lowering
from otlp_verifier.language.parser import read_rule
from otlp_verifier.language.plan import Plan
from otlp_verifier.language.symbols import Symbols
from otlp_verifier.language.values import INT_MAX, INT_MIN
from otlp_verifier.machine.operations import Domain


@dataclass(frozen=True, slots=True)
class Source:
    """A rule's text as it comes from a file. Parameters are ints or durations such as `5ms`."""

    id: str
    text: str
    parameters: Mapping[str, int | str] = field(default_factory=dict)


def compile_rules(sources: Sequence[Source]) -> Plan:
    """Compile a set of rules; a rule's number in findings is its index in `sources`.

    Raises:
        RuleErrors: all mistakes in all rules.

    """
    jobs, symbols = Jobs({domain: Graph() for domain in Domain}), Symbols()
    lowered: list[LoweredRule] = []
    errors: list[RuleError] = []
    for source in sources:
        try:
            tree = read_rule(source.text)
            lowered.append(Lowering(source.text, tree, parameters(source), symbols, jobs).rule())
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
    constants = Constants()
    emitter = Emitter(jobs, constants)
    final = [Report(number, rule.domain, rule.settled) for number, rule in enumerate(lowered) if rule.final]
    every = [Report(number, rule.domain, rule.violated) for number, rule in enumerate(lowered)]
    for number, rule in enumerate(lowered):
        if not jobs.graphs[rule.domain].is_never(rule.undecided):
            every.append(Report(len(lowered) + number, rule.domain, rule.undecided))
    batch, trace = emitter.emit(final), emitter.emit(every)
    return Plan(
        batch=batch.program,
        trace=trace.program,
        domains=tuple(rule.domain for rule in lowered),
        final=tuple(rule.final for rule in lowered),
        constants=np.array(list(constants.index) or [0], np.uint64),
        keys={domain: tuple(slots) for domain, slots in symbols.keys.items()},
        texts={domain: tuple(texts) for domain, texts in symbols.texts.items()},
        asked={
            domain: tuple(tuple(symbols.asked.get(text, ())) for text in texts)
            for domain, texts in symbols.texts.items()
        },
        strings=tuple(symbols.strings),
        predicates=tuple(predicate for _, predicate in symbols.predicates.values()),
        sensitive=dict(symbols.sensitive),
        words=max(batch.words, trace.words),
        flags=max(batch.flags, trace.flags),
        results={domain: jobs.width(domain) for domain in Domain},
    )


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
