"""The functions of the language: OTTL's boolean converters that conditions use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otlp_verifier.columns import ValueType
from otlp_verifier.language import resolve
from otlp_verifier.language.errors import nearest
from otlp_verifier.language.paths import FIELDS, STEPS, Change, Type
from otlp_verifier.language.values import Condition, Value, truth
from otlp_verifier.machine.operations import Domain, Op

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.syntax import Call

_KINDS = {
    "IsString": ValueType.STRING,
    "IsInt": ValueType.INT,
    "IsDouble": ValueType.DOUBLE,
    "IsBool": ValueType.BOOL,
    "IsMap": ValueType.MAP,
    "IsList": ValueType.ARRAY,
}
PATTERN_MAX = 1024
_PATTERN_MEMORY_MAX = 1 << 20  # bytes that RE2 may use for one pattern
_LENGTH = 0xFFFFFFFF  # the low half of a text word


def call(lowering: Lowering, tree: Call) -> Value:
    """A call of a known function."""
    known = [*_KINDS, *_FUNCTIONS]
    if tree.function in _KINDS:
        value = _arguments(lowering, tree, 1)[0]
        if value.type is not Type.DYNAMIC:
            raise lowering.error(f"{tree.function} asks about an attribute, not about {value.type.value}", tree.offset)
        return _flag(lowering.is_kind(value, int(_KINDS[tree.function])), value)
    if tree.function not in _FUNCTIONS:
        raise lowering.error(f"the function `{tree.function}` is unknown{nearest(tree.function, known)}", tree.offset)
    return _FUNCTIONS[tree.function](lowering, tree)


def _flag(flag: int, of: Value) -> Value:
    """Something said of a value: as sure as the value is."""
    unsure = of.change is not Change.NEVER
    return truth(Condition(flag, flag, rises=unsure, falls=unsure))


def _arguments(lowering: Lowering, tree: Call, count: int) -> list[Value]:
    if len(tree.arguments) != count:
        raise lowering.error(f"{tree.function} takes {count} arguments, not {len(tree.arguments)}", tree.offset)
    return [lowering.value(argument) for argument in tree.arguments]


def _text_and_constant(lowering: Lowering, tree: Call) -> tuple[Value, str]:
    value, constant = _arguments(lowering, tree, 2)
    if value.type not in (Type.TEXT, Type.DYNAMIC) or value.constant is not None:
        found = value.type.value
        raise lowering.error(f"{tree.function} looks at a string of the telemetry, not at {found}", tree.offset)
    if not isinstance(constant.constant, str):
        raise lowering.error(f"the second argument of {tree.function} is a string in double quotes", tree.offset)
    return value, constant.constant


def _is_match(lowering: Lowering, tree: Call) -> Value:
    """IsMatch(text, pattern): RE2, found anywhere, as Go's regexp.MatchString."""
    value, pattern = _text_and_constant(lowering, tree)
    if len(pattern) > PATTERN_MAX:
        length = f"{len(pattern)} characters; at most {PATTERN_MAX} are allowed"
        raise lowering.error(f"the pattern has {length}", tree.offset)

    def compiled() -> Callable[[bytes], bool]:
        import re2  # noqa: PLC0415  # costs 10 ms, and only rules with patterns need it

        options = re2.Options()
        options.max_mem = _PATTERN_MEMORY_MAX
        options.log_errors = False
        try:
            search = re2.compile(pattern.encode(), options).search
        except re2.error as error:
            reason = error.args[0] if error.args else error
            told = reason.decode() if isinstance(reason, bytes) else reason
            raise lowering.error(f"not an RE2 pattern: {told}", tree.offset) from None
        return lambda text: search(text) is not None

    return _flag(lowering.holds(value, f"IsMatch {pattern!r}", compiled), value)


def _has_prefix(lowering: Lowering, tree: Call) -> Value:
    value, prefix = _text_and_constant(lowering, tree)
    encoded = prefix.encode()
    holds = lowering.holds(value, f"HasPrefix {prefix!r}", lambda: lambda text: text.startswith(encoded))
    return _flag(holds, value)


def _has_suffix(lowering: Lowering, tree: Call) -> Value:
    value, suffix = _text_and_constant(lowering, tree)
    encoded = suffix.encode()
    holds = lowering.holds(value, f"HasSuffix {suffix!r}", lambda: lambda text: text.endswith(encoded))
    return _flag(holds, value)


def _len(lowering: Lowering, tree: Call) -> Value:
    """Len(text): bytes of a string; nil for an attribute that is none."""
    value = _arguments(lowering, tree, 1)[0]
    if value.type is Type.TEXT and value.words:
        return Value(Type.INT, (_length(lowering, value.words[0]),), present=value.present, change=value.change)
    if value.type is Type.DYNAMIC:
        is_string = lowering.is_kind(value, int(_KINDS["IsString"]))
        return Value(Type.INT, (_length(lowering, lowering.payload(value)),), present=is_string, change=value.change)
    raise lowering.error(f"Len measures a string of the telemetry, not {value.type.value}", tree.offset)


def _length(lowering: Lowering, text: int) -> int:
    return lowering.graph.node(Op.MASK_K, text, numbers=(_LENGTH,))


def _is_root_span(lowering: Lowering, tree: Call) -> Value:
    _arguments(lowering, tree, 0)
    main = lowering.scope.main
    if "span" in STEPS[main.domain]:
        main = resolve.step(lowering, main, "span")
    if main.domain is not Domain.SPAN:
        raise lowering.error(f"{resolve.a(main.domain)} belongs to no single span", tree.offset)
    parent = resolve.field(lowering, main, FIELDS[Domain.SPAN]["parent_span_id"])
    return _flag(lowering.graph.node(Op.EQUAL_K, parent.words[0], numbers=(0,)), parent)


_FUNCTIONS: dict[str, Callable[[Lowering, Call], Value]] = {
    "IsMatch": _is_match,
    "HasPrefix": _has_prefix,
    "HasSuffix": _has_suffix,
    "Len": _len,
    "IsRootSpan": _is_root_span,
}
