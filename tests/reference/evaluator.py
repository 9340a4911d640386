"""Rules, slowly: one walk of the syntax tree per record, over protobuf objects.

Written from the language's description: OTTL's meaning of nil and of unlike types, times that stop at the ends of
their 64 bits, durations and integers as signed 64-bit numbers. Only the parser is shared with the package.

Defects are those that a decoded message still shows; nothing here sees how it was encoded.
"""

import functools
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from otlp_verifier.language.lexer import duration_ns
from otlp_verifier.language.parser import parse_rule
from otlp_verifier.language.syntax import Binary, Call, Expression, Index, Literal, Name, Unary
from otlp_verifier.rules.catalogue import Rule
from tests.reference.machine import quotient, ratio
from tests.reference.relations import Related, read_id, relate
from tests.strategies import all_spans


class Time(int):
    """Unix nanoseconds, without sign."""


class Duration(int):
    """Nanoseconds, with sign."""


class Id(bytes):
    """An id as columns read it."""


class Violation(NamedTuple):
    """A row that a rule finds: rows are counted per domain in document order, traces as they first appear."""

    rule: str
    part: int
    row: int


@dataclass
class Record:
    """One row of a domain: its message, what is written on its envelope, and where its relations lead."""

    domain: str
    row: int
    message: Any = None
    schema_url: str = ""
    related: Related | None = None
    steps: dict[str, "Record | None"] = field(default_factory=dict)
    spans: int = 0
    scopes: int = 0


def violations(rules: list[Rule], request: ExportTraceServiceRequest) -> set[Violation]:
    """Every row that violates a rule, whatever the rule waits for."""
    records = _records(request)
    return {
        Violation(rule.id, rule.part, record.row)
        for rule in rules
        for record in records[_tree(rule.rule).domain]
        if _violates(rule, record)
    }


_tree = functools.cache(parse_rule)


def _violates(rule: Rule, record: Record) -> bool:
    tree = _tree(rule.rule)
    scope = _Scope(record, {tree.variable: record}, rule.parameters)
    for join in tree.joins:
        joined = record.steps[join.relation]
        if joined is None:
            return False
        scope.variables[join.variable] = joined
    applies = tree.guard is None or _holds(tree.guard, scope)
    return applies and not _holds(tree.requirement, scope)


# The batch as records


def _records(request: ExportTraceServiceRequest) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {d: [] for d in ("resource", "scope", "span", "event", "link", "trace")}

    def add(domain: str, **fields: Any) -> Record:
        found[domain].append(Record(domain, len(found[domain]), **fields))
        return found[domain][-1]

    related = relate(all_spans(request))
    for number in range(1 + max((one.trace for one in related), default=-1)):
        add("trace", related=next(one for one in related if one.trace == number))
    for resource_spans in request.resource_spans:
        resource = add("resource", message=resource_spans.resource, schema_url=resource_spans.schema_url)
        for scope_spans in resource_spans.scope_spans:
            scope = add("scope", message=scope_spans.scope, schema_url=scope_spans.schema_url)
            scope.steps["resource"] = resource
            resource.scopes += 1
            for message in scope_spans.spans:
                resource.spans += 1
                scope.spans += 1
                span = add("span", message=message, related=related[len(found["span"])])
                span.steps.update(resource=resource, scope=scope, trace=found["trace"][_of(span).trace])
                for event in message.events:
                    add("event", message=event).steps["span"] = span
                for link in message.links:
                    add("link", message=link).steps["span"] = span
    for span in found["span"]:
        parent = _of(span).parent
        span.steps["parent"] = None if parent is None else found["span"][parent]
    return found


def _of(record: Record) -> Related:
    assert record.related is not None
    return record.related


# Paths

_SPAN_SENT = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_TIMES = {
    "start": "start_time_unix_nano",
    "start_time": "start_time_unix_nano",
    "start_time_unix_nano": "start_time_unix_nano",
    "end": "end_time_unix_nano",
    "end_time": "end_time_unix_nano",
    "end_time_unix_nano": "end_time_unix_nano",
    "time": "time_unix_nano",
    "time_unix_nano": "time_unix_nano",
}
_FLAGS: Mapping[str, Callable[[int], bool | int | None]] = {
    "flags": lambda flags: flags,
    "flags.sampled": lambda flags: bool(flags & 1),
    "flags.random": lambda flags: bool(flags & 2),
    "flags.remote": lambda flags: bool(flags & 0x200) if flags & 0x100 else None,
    "flags.remote_known": lambda flags: bool(flags & 0x100),
    "flags.remote_bit": lambda flags: bool(flags & 0x200),
    "flags.w3c_reserved": lambda flags: flags & 0b1111_1100,
    "flags.otlp_reserved": lambda flags: flags >> 10,
}


def _field(record: Record, path: str) -> Any:
    if path.startswith("defects."):
        return _DEFECTS[path.removeprefix("defects.")](record.message.attributes)
    if path in ("cyclic", "conflict", "duplicate"):
        related = _of(record)
        return {"cyclic": related.is_cyclic, "conflict": related.conflicts, "duplicate": related.is_duplicate}[path]
    if record.domain == "trace":
        return {"spans.count": _of(record).spans, "roots.count": _of(record).roots}[path]
    if path == "schema_url":
        return record.schema_url
    if path == "spans.count":
        return record.spans
    if path == "scopes.count":
        return record.scopes
    if path in _FLAGS:
        return _FLAGS[path](record.message.flags)
    if path in _TIMES:
        return Time(getattr(record.message, _TIMES[path]))
    if path == "duration":
        return _minus(_field(record, "end"), _field(record, "start"))
    if path in _SPAN_SENT:
        return Id(read_id(getattr(record.message, path), _SPAN_SENT[path])) or None
    if path.endswith("_id.length"):
        return min(len(getattr(record.message, path.removesuffix(".length"))), 255)
    if path.endswith(".count"):
        return len(getattr(record.message, path.removesuffix(".count")))
    value = record.message
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _repeated(keys: list[str]) -> bool:
    return len(set(keys)) < len(keys)


def _nested(value: AnyValue) -> Iterator[AnyValue]:
    yield value
    for item in value.array_value.values:
        yield from _nested(item)
    for pair in value.kvlist_value.values:
        yield from _nested(pair.value)


_DEFECTS: Mapping[str, Callable[[Any], bool]] = {
    "duplicate_key": lambda attributes: _repeated([pair.key for pair in attributes]),
    "nested_duplicate_key": lambda attributes: any(
        _repeated([inner.key for inner in value.kvlist_value.values])
        for pair in attributes
        for value in _nested(pair.value)
    ),
    "empty_key": lambda attributes: any(pair.key == "" for pair in attributes),
    # What a decoded message cannot show:
    **dict.fromkeys(
        ("field_utf8", "attribute_utf8", "repeated_field", "odd_tag", "wrong_wire_type", "group"),
        lambda _attributes: False,
    ),
}


def _attribute(record: Record, key: str) -> Any:
    for pair in record.message.attributes:
        if pair.key == key:
            kind = pair.value.WhichOneof("value")
            return None if kind is None else getattr(pair.value, kind)
    return None


# Expressions

_ENUMS = {
    **{
        f"SPAN_KIND_{name}": n
        for n, name in enumerate(["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"])
    },
    **{f"STATUS_CODE_{name}": n for n, name in enumerate(["UNSET", "OK", "ERROR"])},
}
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass
class _Scope:
    main: Record
    variables: dict[str, Record]
    parameters: Mapping[str, int | str]


def _holds(tree: Expression, scope: _Scope) -> bool:
    return _value(tree, scope) is True


def _value(tree: Expression, scope: _Scope) -> Any:
    match tree:
        case Literal():
            return Duration(tree.value) if tree.is_duration and isinstance(tree.value, int) else tree.value
        case Name():
            return _name(tree, scope)
        case Index():
            record, rest = _walk(tree.base, scope)
            assert record is None or rest == ["attributes"]
            return None if record is None else _attribute(record, tree.key)
        case Call(function="IsRootSpan"):
            return _name(Name(("span", "parent_span_id"), 0), scope) is None
        case Call():
            return _CALLS[tree.function](*(_value(argument, scope) for argument in tree.arguments))
        case Unary(operator="not"):
            return not _holds(tree.operand, scope)
        case Binary(operator="and"):
            return _holds(tree.left, scope) and _holds(tree.right, scope)
        case Binary(operator="or"):
            return _holds(tree.left, scope) or _holds(tree.right, scope)
        case Unary(operator="-"):
            operand = _value(tree.operand, scope)
            return None if operand is None else _arithmetic(type(operand)(0), "-", operand)
        case Binary(operator="+" | "-" | "*" | "/"):
            left, right = _value(tree.left, scope), _value(tree.right, scope)
            return None if left is None or right is None else _arithmetic(left, tree.operator, right)
        case Binary():
            return _compare(_value(tree.left, scope), tree.operator, _value(tree.right, scope))
    raise NotImplementedError(tree)


def _name(tree: Name, scope: _Scope) -> Any:
    word = tree.parts[0]
    if len(tree.parts) == 1 and word in scope.parameters:
        constant = scope.parameters[word]
        return constant if isinstance(constant, int) else Duration(duration_ns(constant))
    if len(tree.parts) == 1 and word in _ENUMS:
        return _ENUMS[word]
    record, rest = _walk(tree, scope)
    return record if record is None or not rest else _field(record, ".".join(rest))


def _walk(tree: Name, scope: _Scope) -> tuple[Record | None, list[str]]:
    first, *rest = tree.parts
    record: Record | None = scope.variables.get(first)
    if record is None:
        record, rest = scope.main, [first, *rest]
        if first == record.domain:
            rest.pop(0)
    while record is not None and rest:
        if "span" in record.steps and rest[0] in ("resource", "scope", "trace"):
            rest = ["span", *rest]
        if rest[0] not in record.steps:
            break
        record = record.steps[rest.pop(0)]
    return record, rest


def _compare(left: Any, sign: str, right: Any) -> bool:
    if sign == "!=":
        return not _compare(left, "==", right)
    if left is None or right is None:
        return left is right and sign in ("==", "<=", ">=")
    kinds = _kind(left), _kind(right)
    if kinds[0] != kinds[1] or kinds[0] == "other":  # nothing looks into bytes, arrays and maps
        return False
    if float in (type(left), type(right)):
        left, right = float(left), float(right)
    if sign == "==":
        return bool(left == right)
    return bool(_ORDERS[sign](left, right))


def _kind(value: object) -> str:
    if isinstance(value, bool | str | Id | Record):
        return type(value).__name__
    return "number" if isinstance(value, int | float) else "other"


def _arithmetic(left: Any, sign: str, right: Any) -> Any:
    if float in (type(left), type(right)):
        return _FLOATS[sign](float(left), float(right))
    if sign == "/":
        return None if right == 0 else _clamped(left, quotient(left, right))
    return _SUMS[sign](left, right)


def _minus(left: Any, right: Any) -> Any:
    if isinstance(left, Time) and isinstance(right, Time):
        return Duration(max(-(2**63), min(left - right, 2**63 - 1)))
    return _clamped(left, int(left) - int(right))


def _plus(left: Any, right: Any) -> Any:
    return _clamped(left, int(left) + int(right))


def _clamped(left: Any, result: int) -> Any:
    """Times stop at the ends of their range; all else wraps, as Go's int64 does."""
    if isinstance(left, Time):
        return Time(max(0, min(result, 2**64 - 1)))
    return type(left)((result + 2**63) % 2**64 - 2**63)


_SUMS = {"+": _plus, "-": _minus, "*": lambda left, right: _clamped(left, int(left) * int(right))}
_FLOATS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": ratio,
}


@functools.cache
def _pattern(re2: str) -> re.Pattern[str]:
    # What RE2 and Python write differently, as far as the rules use it: blanks, and the end of the text.
    return re.compile(re2.replace("[:blank:]", " \\t").replace("$", "\\Z"))


_CALLS: Mapping[str, Callable[..., Any]] = {
    "IsMatch": lambda text, re2: isinstance(text, str) and _pattern(re2).search(text) is not None,
    "HasPrefix": lambda text, prefix: isinstance(text, str) and text.startswith(prefix),
    "HasSuffix": lambda text, suffix: isinstance(text, str) and text.endswith(suffix),
    "Len": lambda text: len(text.encode()) if isinstance(text, str) else None,
    "IsMap": lambda value: isinstance(value, KeyValueList),
    "IsList": lambda value: isinstance(value, ArrayValue),
    "IsString": lambda value: isinstance(value, str),
    "IsInt": lambda value: type(value) is int,
    "IsDouble": lambda value: isinstance(value, float),
    "IsBool": lambda value: isinstance(value, bool),
}
