"""The three promises that conventions make: what is asked for is there, and what is not asked for is not."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from otlp_verifier.conventions.cases import Case, cases
from otlp_verifier.conventions.formulas import Formula, formula
from otlp_verifier.policy import SeverityName
from otlp_verifier.registry.model import Level, Registries, Registry
from otlp_verifier.rules.catalogue import PACKAGE, Rule, Source

Places = Mapping[str, tuple[str, int]]


class Promise(msgspec.Struct, frozen=True):
    """One of the three.

    Attributes:
        level: of the attributes that it is about.
        name: of its rules; those of OpenTelemetry's conventions have `semconv-` before it, yours the registry's name.
        severity, default: of yours.
        description: of yours.
        remedy: what to do.

    """

    level: Level
    name: str
    severity: SeverityName
    default: bool
    description: str
    remedy: str


PROMISES: Final = (
    Promise(
        "required",
        "required-missing",
        "error",
        True,
        "What follows a convention of {} has all attributes that it requires.",
        "Set the attribute where the record is made. What cannot be known there, no convention should require.",
    ),
    Promise(
        "recommended",
        "recommended-missing",
        "information",
        False,
        "What follows a convention of {} has the attributes that it recommends.",
        "Set the attribute where the record is made, or write down in the registry under which condition it is wanted.",
    ),
    Promise(
        "opt_in",
        "optin-present",
        "information",
        False,
        "What follows a convention of {} has no attribute that is for those only who ask for it.",
        "Turn the attribute off where nobody asked for it, or leave this rule out for those who did.",
    ),
)


def of_opentelemetry(promise: Promise, registries: Registries) -> Iterator[Formula]:
    """The formulas of one of the three about OpenTelemetry's conventions, which is the last of the registries.

    Conventions that may still change can be judged by `semconv-required-missing` alone, where its parameter
    `development` says so.
    """
    weighed = promise.level == "required"
    for case in cases(registries.all[-1], registries, promise.level):
        if weighed or case.settled:
            yield formula(case, promise.level, weighed=weighed)


def of_registry(registry: Registry, registries: Registries, places: Places) -> Iterator[Rule]:
    """The rules that a registry of yours makes; they are a family of their own, with the registry's name.

    Args:
        registry: that registry.
        registries: all, so that what another one's conventions may mean by the same attributes is known.
        places: file and line of each convention, by id.

    """
    for promise in PROMISES:
        for part, each in enumerate(cases(registry, registries, promise.level)):
            written = formula(each, promise.level)
            file, line = places[_own(each, registry)]
            yield Rule(
                id=f"{registry.name}/{promise.name}",
                part=part,
                severity=promise.severity,
                decided_by="record",
                default=promise.default,
                description=promise.description.format(registry.name),
                rule=written.text,
                message=written.message,
                remedy=promise.remedy,
                sources=(
                    Source(
                        section=f"{registry.name} {registry.version}", link=f"{registry.schema_url}{registry.version}"
                    ),
                )
                if registry.schema_url
                else (),
                family=registry.name,
                file=file,
                line=line,
                rule_line=line,
            )


def _own(case: Case, registry: Registry) -> str:
    return next(each for each in case.ids if each in registry.conventions)


def package_file(promise: Promise) -> Path:
    """The checked-in file of one of the three about OpenTelemetry's conventions."""
    return PACKAGE / "conventions" / f"semconv-{promise.name}.yaml"
