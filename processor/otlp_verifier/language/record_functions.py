"""Calls about whole records: what is known of all their texts or attributes together, as bits made before the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otlp_verifier.attributes.faults import NAMES
from otlp_verifier.language import made, resolve
from otlp_verifier.language.converters import WrongArgument, classes_named
from otlp_verifier.language.errors import nearest
from otlp_verifier.language.paths import ATTRIBUTES, Type
from otlp_verifier.language.values import Value, said_of
from otlp_verifier.machine.operations import NarrowTable, Op

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.syntax import Call
    from otlp_verifier.language.values import Row
    from otlp_verifier.wire.values import Plain

_BITS, _VERSION = 0, 1  # columns of the tables


def _has_sensitive(lowering: Lowering, tree: Call) -> Value:
    """HasSensitive(record, class): whether a text of the record is of a class of sensitive data."""
    row, named = _arguments(lowering, tree, "; IsSensitive looks at a value")
    try:
        bits = classes_named(named)
    except WrongArgument as error:
        raise lowering.error(f"{tree.function} takes {error} here", tree.arguments[1].offset) from None
    return _has(lowering, row, NarrowTable.SENSITIVE, bits)


def _has_faulty_attribute(lowering: Lowering, tree: Call) -> Value:
    """HasFaultyAttribute(record, fault): whether an attribute of the record has the fault."""
    row, named = _arguments(lowering, tree)
    fault = NAMES.get(named) if isinstance(named, str) else None
    if fault is None:
        hint = nearest(named, tuple(NAMES)) if isinstance(named, str) else ""
        message = f"{tree.function} takes a fault here, one of {', '.join(NAMES)}{hint}"
        raise lowering.error(message, tree.arguments[1].offset)
    return _has(lowering, row, NarrowTable.FAULTS, fault)


def _since_semconv(lowering: Lowering, tree: Call) -> Value:
    """SinceSemconv(record, version): whether the record follows OpenTelemetry's conventions of that version or newer.

    Which it follows, its schema URL says, or else that of its scope or its resource; where there is none, the newest.
    """
    from otlp_verifier.attributes.facts import version_number  # noqa: PLC0415  # few rules need the registry
    from otlp_verifier.registry.model import Version  # noqa: PLC0415

    row, named = _arguments(lowering, tree)
    try:
        version = version_number(Version.parse(named if isinstance(named, str) else ""))
    except ValueError:
        message = f"{tree.function} takes a version here, such as 1.24.0"
        raise lowering.error(message, tree.arguments[1].offset) from None
    lowering.symbols.ask(NarrowTable.FAULTS, row.domain, 0)
    in_force = resolve.load_narrow(lowering, row, NarrowTable.FAULTS + row.domain, _VERSION)
    older = lowering.graph.node(Op.LESS_UNSIGNED_K, in_force, numbers=(version,))
    return said_of(lowering.graph.negate(older), row)


def _arguments(lowering: Lowering, tree: Call, hint: str = "") -> tuple[Row, Plain]:
    """The record that a call is about, and what the rule states about it."""
    made.count_arguments(lowering, tree, 2)
    record, stated = (lowering.value(argument) for argument in tree.arguments)
    if record.row is None or record.type is not Type.ROW or record.row.domain not in ATTRIBUTES:
        raise lowering.error(
            f"{tree.function} looks at a span, an event, a link, a resource or a scope, not at {record.type.value}"
            f"{hint}",
            tree.arguments[0].offset,
        )
    return record.row, stated.constant if made.is_constant(stated) else None


def _has(lowering: Lowering, row: Row, table: NarrowTable, bits: int) -> Value:
    lowering.symbols.ask(table, row.domain, bits)
    word = resolve.load_narrow(lowering, row, table + row.domain, _BITS)
    return said_of(lowering.graph.node(Op.BITS_K, word, numbers=(bits,)), row)


RECORD_FUNCTIONS: Final[dict[str, Callable[[Lowering, Call], Value]]] = {
    "HasSensitive": _has_sensitive,
    "HasFaultyAttribute": _has_faulty_attribute,
    "SinceSemconv": _since_semconv,
}
