"""Calls: OTTL's converters that conditions use, on values of the telemetry and on what the rule states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otlp_verifier.columns import AttributeNarrow, ValueType
from otlp_verifier.language import made, resolve, times
from otlp_verifier.language.converters import CONVERTERS, WrongArgument, concat, element
from otlp_verifier.language.errors import nearest
from otlp_verifier.language.paths import FIELDS, STEPS, Type
from otlp_verifier.language.plain import Undefined, compare
from otlp_verifier.language.record_functions import RECORD_FUNCTIONS
from otlp_verifier.language.syntax import ListOf, Name
from otlp_verifier.language.values import Value, said_of, truth
from otlp_verifier.machine.operations import Domain, NarrowTable, Op
from otlp_verifier.wire.values import MapValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_verifier.language.converters import Converter
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.syntax import Call, Item, MapOf
    from otlp_verifier.wire.values import Plain

_KINDS = {
    "IsString": ValueType.STRING,
    "IsInt": ValueType.INT,
    "IsDouble": ValueType.DOUBLE,
    "IsBool": ValueType.BOOL,
    "IsMap": ValueType.MAP,
    "IsList": ValueType.ARRAY,
}
_LENGTH = 0xFFFFFFFF  # the low half of a text word
_ELEMENTS = int(AttributeNarrow.ELEMENTS)

# What OTTL has and rules have not, with the reason where there is a better one than that nobody asked for it.
_MADE_UP = "it gives something new each time, and a verdict is the same each time"
_OF_METRICS = "it is about metrics, and rules are about traces"
REFUSED: Final = {
    "Now": _MADE_UP,
    "UUID": _MADE_UP,
    "UUIDv7": _MADE_UP,
    "HasAttrKeyOnDatapoint": _OF_METRICS,
    "HasAttrOnDatapoint": _OF_METRICS,
    **dict.fromkeys(
        (
            "All", "Any", "Append", "Base64Decode", "Base64Encode", "Coalesce", "CommunityID",
            "ConvertAttributesToElementsXML", "ConvertTextToElementsXML", "Day", "Decode", "DeleteIndex",
            "ExtractGrokPatterns", "ExtractPatterns", "Filter", "Find", "FNV", "Format", "FormatTime", "GetXML", "Hex",
            "Hour", "InsertXML", "IsValidLuhn", "Keys", "Log", "MapEach", "MapKeys", "MD5", "Minute", "Month",
            "Murmur3Hash", "Murmur3Hash128", "Nanosecond", "ParseCSV", "ParseKeyValue", "ParseSeverity",
            "ParseSimplifiedXML", "ParseXML", "ProfileID", "Reduce", "RemoveXML", "Second", "SHA1", "SHA256", "SHA512",
            "SliceToMap", "Sort", "ToCamelCase", "ToKeyValueString", "ToSnakeCase", "TruncateTime", "URL", "UserAgent",
            "Values", "Weekday", "When", "XXH3", "XXH128", "Year",
        ),
        "",
    ),
}  # fmt: skip


def call(lowering: Lowering, tree: Call) -> Value:
    """A call of a known function."""
    name = tree.function
    if name in times.FUNCTIONS:
        return times.FUNCTIONS[name](lowering, tree)
    if name in FUNCTIONS:
        return FUNCTIONS[name](lowering, tree)
    if name in CONVERTERS:
        return _convert(lowering, tree, CONVERTERS[name])
    if name in REFUSED:
        reason = f": {REFUSED[name]}" if REFUSED[name] else ""
        raise lowering.error(f"OTTL's {name} is no part of rules{reason}", tree.offset)
    known = [*times.FUNCTIONS, *FUNCTIONS, *CONVERTERS]
    raise lowering.error(f"the function `{name}` is unknown{nearest(name, known)}", tree.offset)


def compound(lowering: Lowering, tree: ListOf | MapOf) -> Value:
    """A list or map of constants."""
    items = tuple(_stated(lowering, lowering.value(item), item.offset) for item in tree.items)
    if isinstance(tree, ListOf):
        return made.constant(lowering, items)
    return made.constant(lowering, MapValue(tuple(dict(zip(tree.keys, items, strict=True)).items())))


def item(lowering: Lowering, tree: Item) -> Value:
    """`base["key"]`, `base[0]`."""
    base = lowering.value(tree.base)
    on = made.made_of(base)
    if on is None:
        raise lowering.error(f"{base.type.value} has no elements", tree.offset)
    return made.apply(on, f"{on.name}[{tree.key!r}]", element(tree.key))


def _stated(lowering: Lowering, value: Value, offset: int) -> Plain:
    if not made.is_constant(value):
        raise lowering.error("expected a value that the rule states: a string, a number, true, false or nil", offset)
    return value.constant


def _convert(lowering: Lowering, tree: Call, converter: Converter) -> Value:
    """A converter of one value: asked about once per distinct value, or at once where the rule states it."""
    required = len(converter.arguments) if converter.required is None else converter.required
    made.count_arguments(lowering, tree, 1 + required, 1 + len(converter.arguments))
    value, *others = (lowering.value(argument) for argument in tree.arguments)
    stated: list[Plain] = []
    for what, other, argument in zip(converter.arguments, others, tree.arguments[1:], strict=False):
        if not made.is_constant(other):
            raise lowering.error(f"{tree.function} takes {what} that the rule states, no path", argument.offset)
        stated.append(other.constant)
    try:
        function = converter.make(*stated)
    except WrongArgument as error:
        if error.number < 0:
            raise lowering.error(str(error), tree.offset) from None
        raise lowering.error(f"{tree.function} takes {error} here", tree.arguments[error.number].offset) from None
    if made.is_constant(value):
        return _of_constant(lowering, tree, function, value.constant)
    on = made.made_of(value)
    if on is None:
        found = value.type.value
        raise lowering.error(f"{tree.function} looks at a string or an attribute, not at {found}", tree.offset)
    if tree.function in _KINDS and value.type is Type.DYNAMIC:
        return said_of(lowering.is_kind(value, int(_KINDS[tree.function])), value)
    name = f"{tree.function}({', '.join((on.name, *map(repr, stated)))})"
    result = made.apply(on, name, function, of_strings=converter.of_strings, is_whole=converter.is_whole)
    if not converter.is_test or result.made is None:
        return result
    return truth(made.condition(lowering, result.made, name, lambda found: found is True))


def _of_constant(lowering: Lowering, tree: Call, function: Callable[[Plain], Plain], value: Plain) -> Value:
    try:
        return made.constant(lowering, function(value))
    except Undefined:
        raise lowering.error(f"{tree.function} gives nothing for {value!r}", tree.offset) from None


def _concat(lowering: Lowering, tree: Call) -> Value:
    """Concat([...], delimiter): one of the parts may be a value of the telemetry."""
    made.count_arguments(lowering, tree, 2)
    parts = tree.arguments[0]
    if not isinstance(parts, ListOf):
        raise lowering.error('Concat takes a list first, as in Concat([name, "x"], "-")', parts.offset)
    delimiter = _stated(lowering, lowering.value(tree.arguments[1]), tree.arguments[1].offset)
    if not isinstance(delimiter, str):
        raise lowering.error("Concat takes a string in double quotes between the parts", tree.arguments[1].offset)
    values = [lowering.value(part) for part in parts.items]
    places = [place for place, value in enumerate(values) if not made.is_constant(value)]
    if not places:
        return _of_constant(lowering, tree, concat([value.constant for value in values], -1, delimiter), None)
    on = made.made_of(values[places[0]])
    if on is None or len(places) > 1:
        raise lowering.error(
            "Concat takes one string or attribute of the telemetry, and else what the rule states; compare the parts "
            "one by one",
            parts.items[places[-1]].offset,
        )
    stated = [None if place in places else value.constant for place, value in enumerate(values)]
    shown = [on.name if place in places else repr(part) for place, part in enumerate(stated)]
    return made.apply(on, f"Concat([{', '.join(shown)}], {delimiter!r})", concat(stated, places[0], delimiter))


def _contains_value(lowering: Lowering, tree: Call) -> Value:
    """ContainsValue(list, value): either may be the telemetry's, and the other is stated."""
    made.count_arguments(lowering, tree, 2)
    stated, value = (lowering.value(argument) for argument in tree.arguments)
    on = made.made_of(value)
    if not isinstance(stated.constant, tuple) or on is None:
        return _convert(lowering, tree, CONVERTERS["ContainsValue"])
    items = stated.constant
    name = f"ContainsValue({items!r}, {on.name})"
    return truth(made.condition(lowering, on, name, lambda value: any(compare(each, "==", value) for each in items)))


def _len(lowering: Lowering, tree: Call) -> Value:
    """Len: bytes of a string, elements of a list, entries of a map."""
    made.count_arguments(lowering, tree, 1)
    argument = tree.arguments[0]
    if isinstance(argument, Name) and argument.parts[-1] in ("attributes", "events", "links"):
        return resolve.name(lowering, Name((*argument.parts, "count"), argument.offset))
    value = lowering.value(argument)
    graph = lowering.graph
    if value.type is Type.TEXT and value.words:
        return Value(Type.INT, (_length(lowering, value.words[0]),), present=value.present, change=value.change)
    if value.type is Type.DYNAMIC:
        is_text = graph.either(*(lowering.is_kind(value, kind) for kind in (ValueType.STRING, ValueType.BYTES)))
        is_list = graph.either(*(lowering.is_kind(value, kind) for kind in (ValueType.ARRAY, ValueType.MAP)))
        elements = graph.node(Op.NARROW_AT, value.words[0], numbers=(NarrowTable.ATTRIBUTES, _ELEMENTS))
        word = graph.node(Op.SELECT, is_list, elements, _length(lowering, lowering.payload(value)))
        return Value(Type.INT, (word,), present=graph.either(is_text, is_list), change=value.change)
    return _convert(lowering, tree, CONVERTERS["Len"])


def _length(lowering: Lowering, text: int) -> int:
    return lowering.graph.node(Op.MASK_K, text, numbers=(_LENGTH,))


def _is_root_span(lowering: Lowering, tree: Call) -> Value:
    made.count_arguments(lowering, tree, 0)
    main = lowering.scope.main
    if "span" in STEPS[main.domain]:
        main = resolve.step(lowering, main, "span")
    if main.domain is not Domain.SPAN:
        raise lowering.error(f"{resolve.a(main.domain)} belongs to no single span", tree.offset)
    parent = resolve.field(lowering, main, FIELDS[Domain.SPAN]["parent_span_id"])
    return said_of(lowering.graph.node(Op.EQUAL_K, parent.words[0], numbers=(0,)), parent)


def _id(lowering: Lowering, tree: Call) -> Value:
    """TraceID and SpanID of bytes or of hexadecimal digits."""
    made.count_arguments(lowering, tree, 1)
    length = 16 if tree.function == "TraceID" else 8
    stated = _stated(lowering, lowering.value(tree.arguments[0]), tree.arguments[0].offset)
    try:
        content = bytes.fromhex(stated) if isinstance(stated, str) else stated
    except ValueError:
        content = None
    if not isinstance(content, bytes) or len(content) != length:
        raise lowering.error(f"{tree.function} takes {length} bytes, as in 0x{'0f' * length}", tree.arguments[0].offset)
    words = (content[at : at + 8] for at in range(0, length, 8))
    return Value(Type.ID, tuple(lowering.graph.word(int.from_bytes(word, "big")) for word in words))


# Those that more is asked of than a value, or other things; CONVERTERS and times.FUNCTIONS are the others.
FUNCTIONS: Final[dict[str, Callable[[Lowering, Call], Value]]] = {
    "Concat": _concat,
    "ContainsValue": _contains_value,
    "Len": _len,
    "IsRootSpan": _is_root_span,
    "TraceID": _id,
    "SpanID": _id,
    **RECORD_FUNCTIONS,
}
