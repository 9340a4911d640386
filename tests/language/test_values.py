"""Conditions on whole values: asked once per distinct one, they hold of each span whose value they would hold of."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from otlp_verifier.columns import ValueType
from otlp_verifier.verify import Engine
from otlp_verifier.wire.values import MapValue, Plain, text, unpack
from tests.language.chains import engine_with, engines, found_in
from tests.wire.encoding import varint

NUMBER = (int, float)


def is_number(value: Any) -> bool:
    return type(value) in NUMBER


# Each said again in Python, for a value as `held` gives it.
CONDITIONS: dict[str, Callable[[Any], bool]] = {
    "{0} == [1, 2.5]": lambda value: repr(value) == "[1, 2.5]",
    "{0} != [1, 2.5]": lambda value: repr(value) != "[1, 2.5]",
    '{0} == {{"a": 1, "b": nil}}': lambda value: repr(value) in ("{'a': 1, 'b': None}", "{'b': None, 'a': 1}"),
    "{0} == 0x62": lambda value: value == b"b",
    "{0} < 0x62": lambda value: isinstance(value, bytes) and value < b"b",
    "not {0} >= 0x62": lambda value: not (isinstance(value, bytes) and value >= b"b"),
    '{0}["a"] == 1': lambda value: isinstance(value, dict) and is_number(value.get("a")) and value["a"] == 1,
    '{0}["a"] == nil': lambda value: not (isinstance(value, dict) and value.get("a") is not None),
    '{0}[1] == "b"': lambda value: isinstance(value, list) and len(value) > 1 and value[1] == "b",
    "{0} + 1 == 2": lambda value: is_number(value) and value + 1 == 2,
    "2 * {0} != 2": lambda value: not (is_number(value) and 2 * value == 2),
    "IsEmpty({0})": lambda value: not value,
    "Len({0}) == 2": lambda value: isinstance(value, str | bytes | list | dict) and len(raw(value)) == 2,
    "Len({0}) == Len({0})": lambda _: True,
    "Int({0}) >= 1": lambda value: isinstance(value, bool | int | float) and 1 <= value < 1e19,
    'String({0}) == "true"': lambda value: value is True or value == "true",
    'IsMatch({0}, "^1")': lambda value: is_number(value) and math.isfinite(value) and json.dumps(value)[0] == "1",
    "ContainsValue({0}, 1)": lambda value: isinstance(value, list) and 1 in filter(is_number, value),
    'ContainsValue([1, "b"], {0})': lambda value: value == "b" or (is_number(value) and value == 1),
    'ToUpperCase({0}) == "B"': lambda value: value in ("b", "B"),
    'not ToUpperCase({0}) == "B"': lambda value: value not in ("b", "B"),
    'Substring({0}, 0, 1) == "b" or Split({0}, "b")[0] == ""': lambda value: isinstance(value, str)
    and (value[:1] in ("", "b") or value == ""),
}  # fmt: skip


def raw(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def held(value: AnyValue) -> Any:
    """A value as Python's own types: lists and dicts, of which the first of equal keys counts."""
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [held(each) for each in value.array_value.values]
        case "kvlist_value":
            return dict(reversed([(each.key, held(each.value)) for each in value.kvlist_value.values]))
        case kind:
            return getattr(value, kind)


SCALARS = st.one_of(
    st.just(AnyValue()),
    st.builds(lambda one: AnyValue(string_value=one), st.sampled_from(["", "b", "bb", "B", "é", "true"])),
    st.builds(lambda one: AnyValue(int_value=one), st.sampled_from([0, 1, 2, 10, -1, 2**63 - 1, -(2**63)])),
    st.builds(
        lambda one: AnyValue(double_value=one), st.sampled_from([0.0, -0.0, 1.0, 2.5, 1e30, math.nan, -math.inf])
    ),
    st.builds(lambda one: AnyValue(bool_value=one), st.booleans()),
    st.builds(lambda one: AnyValue(bytes_value=one), st.sampled_from([b"", b"a", b"b", b"b\0"])),
)
KEYS = st.sampled_from(["a", "b", ""])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.builds(lambda items: AnyValue(array_value=ArrayValue(values=items)), st.lists(inner, max_size=3))
        | st.builds(
            lambda items: AnyValue(
                kvlist_value=KeyValueList(values=[KeyValue(key=k, value=v) for k, v in items.items()])
            ),
            st.dictionaries(KEYS, inner, max_size=3),
        )
    ),
    max_leaves=4,
)
BATCHES = st.lists(st.lists(st.none() | VALUES, max_size=8), min_size=1, max_size=4)


@pytest.fixture
def engine(room: int, monkeypatch: pytest.MonkeyPatch) -> Engine:
    paths = ('s.attributes["a"]', 's.parent.attributes["a"]')
    conditions = [condition.format(path, path) for condition in CONDITIONS for path in paths]
    rules = [f"assume nothing for each span s require not ({condition})" for condition in conditions]
    return engine_with(room, rules, monkeypatch)


@engines
def test_what_is_asked_of_values_holds_of_each(engine: Engine) -> None:
    @given(BATCHES)
    def check(batches: list[list[AnyValue | None]]) -> None:
        for values in batches:
            found = found_in(engine, values)
            plain = [None if value is None else held(value) for value in values]
            of_parents = [None, *plain][: len(plain)]
            for number, (condition, holds) in enumerate(CONDITIONS.items()):
                for place, known in enumerate((plain, of_parents)):
                    expected = {row for row, value in enumerate(known) if holds(value)}
                    assert {row for rule, row in found if rule == 2 * number + place} == expected, (condition, known)

    check()


@given(VALUES)
def test_what_is_packed_is_unpacked(value: AnyValue) -> None:
    match value.WhichOneof("value"):
        case "array_value":
            packed = bytes([ValueType.ARRAY]) + value.array_value.SerializeToString()
        case "kvlist_value":
            packed = bytes([ValueType.MAP]) + value.kvlist_value.SerializeToString()
        case _:
            return
    assert repr(plain_of(unpack(packed))) == repr(held(value))


def plain_of(value: Plain) -> Any:
    if isinstance(value, tuple):
        return [plain_of(each) for each in value]
    if isinstance(value, MapValue):
        return {key: plain_of(value.get(key)) for key, _ in reversed(value.entries)}
    return value


@pytest.mark.parametrize("content", [b"\x0a", b"\xff", b"\x0a\x03\x0a\x01\xff"])
@pytest.mark.parametrize("kind", [ValueType.ARRAY, ValueType.MAP])
def test_what_cannot_be_read_is_no_value(kind: ValueType, content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # protobuf says what
        unpack(bytes([kind]) + content)


def test_what_is_nested_too_deep_is_no_value() -> None:
    content = b""
    for _ in range(200):
        element = b"\x2a" + varint(len(content)) + content  # AnyValue.array_value
        content = b"\x0a" + varint(len(element)) + element  # ArrayValue.values
    with pytest.raises(ValueError):  # noqa: PT011  # protobuf says what
        unpack(bytes([ValueType.ARRAY]) + content)


def test_bytes_that_are_no_text_come_back() -> None:
    assert text(b"a\xff").encode("utf-8", "surrogateescape") == b"a\xff"
