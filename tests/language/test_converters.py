"""What OTTL's converters give, on the examples of their documentation and of Go's, and on what they are undefined for.

The real ones are asked in tests/e2e/test_conditions.py.
"""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.language.converters import CONVERTERS, WrongArgument, concat, element
from otlp_verifier.language.plain import Undefined, as_text, calculate, compare, equal
from otlp_verifier.wire.values import MapValue

UNDEFINED = object()
ONE = MapValue((("k", 1),))
TABLE: list[tuple[str, Any, tuple[Any, ...], Any]] = [
    ("Int", "500", (), 500),
    ("Int", "+5", (), 5),
    ("Int", "1.5", (), None),
    ("Int", "", (), None),
    ("Int", "9223372036854775808", (), None),
    ("Int", "٣", (), None),
    ("Int", 2.9, (), 2),
    ("Int", -2.9, (), -2),
    ("Int", True, (), 1),
    ("Int", None, (), None),
    ("Int", b"5", (), UNDEFINED),
    ("Int", (), (), UNDEFINED),
    ("Double", "1e3", (), 1000.0),
    ("Double", ".5", (), 0.5),
    ("Double", "0x1p-2", (), 0.25),
    ("Double", "-Inf", (), -math.inf),
    ("Double", "1_0.5", (), 10.5),
    ("Double", "_1", (), UNDEFINED),
    ("Double", "1e999", (), UNDEFINED),
    ("Double", "0x1p9999", (), UNDEFINED),
    ("Double", " 1", (), UNDEFINED),
    ("Double", "", (), UNDEFINED),
    ("Double", 5, (), 5.0),
    ("Double", b"", (), UNDEFINED),
    ("Bool", "T", (), True),
    ("Bool", "no", (), UNDEFINED),
    ("Bool", 0, (), False),
    ("Bool", math.nan, (), True),
    ("String", 1e21, (), "1e+21"),
    ("String", 1e20, (), "100000000000000000000"),
    ("String", 1e-7, (), "1e-07"),
    ("String", 1.25e-9, (), "1.25e-09"),
    ("String", 0.000001, (), "0.000001"),
    ("String", -0.0, (), "-0"),
    ("String", math.nan, (), UNDEFINED),
    ("String", b"\1\xff", (), "01ff"),
    ("String", (), (), "[]"),
    ("String", (None, True, b"\1", 'a"\n'), (), '[null,true,"AQ==","a\\"\\n"]'),
    ("String", MapValue((("b", 1), ("a", "<&>"), ("b", 2.0))), (), '{"a":"\\u003c\\u0026\\u003e","b":2}'),
    ("Extract", "ot=th:8;rv:6e", ("th:([0-9a-f]+)",), "8"),
    ("Extract", "ot=th:8", ("th:[0-9a-f]+",), "th:8"),
    ("Extract", "ot=th:", ("th:([0-9a-f])?",), UNDEFINED),
    ("Extract", "rojo=1", ("th:([0-9a-f]+)",), UNDEFINED),
    ("Extract", "", ("(x*)",), ""),
    ("Extract", 8, ("8",), UNDEFINED),
    ("ExtractAll", "a=1, b=2,a=3", ("(?:^|,)[[:blank:]]*([^=]+)=",), ("a", "b", "a")),
    ("ExtractAll", "a", ("(b)",), ()),
    ("ExtractAll", "ab", ("a(x)?",), ("",)),
    ("IsDistinct", ("a", "b", 1), (), True),
    ("IsDistinct", ("a", 1, 1.0), (), False),
    ("IsDistinct", (math.nan, math.nan), (), True),
    ("IsDistinct", ("1", 1, True), (), True),
    ("IsDistinct", (), (), True),
    ("IsDistinct", "aa", (), UNDEFINED),
    ("IsSensitive", "to jane.doe@mail.org", ("pii-email",), True),
    ("IsSensitive", "to jane.doe@mail.org", ("pii",), True),
    ("IsSensitive", "to jane.doe@mail.org", ("secret",), False),
    ("IsSensitive", 4111111111111111, ("pii-credit-card",), UNDEFINED),
    ("ParseInt", "101", (2,), 5),
    ("ParseInt", "-ff", (16,), -255),
    ("ParseInt", "0x_1f", (0,), 31),
    ("ParseInt", "017", (0,), 15),
    ("ParseInt", "1_0", (10,), UNDEFINED),
    ("ParseInt", "", (10,), UNDEFINED),
    ("ParseInt", "8", (8,), UNDEFINED),
    ("ParseInt", "zz", (36,), 1295),
    ("ParseInt", "9223372036854775808", (10,), UNDEFINED),
    ("ParseInt", 5, (10,), UNDEFINED),
    ("ParseInt", "--5", (10,), UNDEFINED),
    ("ParseInt", "", (0,), UNDEFINED),
    ("ParseInt", "-", (0,), UNDEFINED),
    ("ParseInt", "5 ", (0,), UNDEFINED),
    ("ParseInt", "0b1_01", (0,), 5),
    ("ParseJSON", '{"k": 1}', (), MapValue((("k", 1.0),))),
    ("ParseJSON", '["a", null]', (), ("a", None)),
    ("ParseJSON", "5", (), UNDEFINED),
    ("ParseJSON", "[NaN]", (), UNDEFINED),
    ("ParseJSON", "[1e999]", (), UNDEFINED),
    ("ParseJSON", "[" + "9" * 400 + "]", (), UNDEFINED),
    ("ParseJSON", "[" * 9_999, (), UNDEFINED),
    ("ParseJSON", "[" * 101 + "]" * 101, (), UNDEFINED),
    ("ParseJSON", '["bad \\ud800", "\udcff"]', (), ("bad \ufffd", "\ufffd")),
    ("ToLowerCase", "\u0391\u03a3 \u0130", (), "\u03b1\u03c3 i"),
    ("ToUpperCase", "ß ᾳ ŉ", (), "ß ᾼ ŉ"),
    ("ToUpperCase", 5, (), UNDEFINED),
    ("ConvertCase", "aB", ("upper",), "AB"),
    ("ConvertCase", "aB", ("lower",), "ab"),
    ("Substring", "héé", (1, 2), "é"),
    ("Substring", "abc", (0, 4), UNDEFINED),
    ("Substring", "abc", (3, 1), UNDEFINED),
    ("Split", "a,b,", (",",), ("a", "b", "")),
    ("Split", "", (",",), ("",)),
    ("Split", "é!", ("",), ("é", "!")),
    ("Trim", "  a b ", (), "a b"),
    ("Trim", "\ta\t", (), "\ta\t"),
    ("Trim", "xyax", ("yx",), "a"),
    ("Trim", " a", ("",), " a"),
    ("TrimPrefix", "aab", ("a",), "ab"),
    ("TrimSuffix", "abb", ("b",), "ab"),
    ("TrimSuffix", None, ("b",), UNDEFINED),
    ("HasPrefix", "abc", ("ab",), True),
    ("HasSuffix", "abc", ("ab",), False),
    ("HasPrefix", 5, ("5",), UNDEFINED),
    ("IsMatch", 503, ("^5..$",), True),
    ("IsMatch", None, (".*",), False),
    ("IsMatch", math.inf, ("",), UNDEFINED),
    ("IsInCIDR", "10.1.2.3", (("10.0.0.0/8",),), True),
    ("IsInCIDR", "::ffff:10.0.0.1", (("10.0.0.0/8",),), True),
    ("IsInCIDR", "10.1.2.3", (("11.0.0.0/8", "2001:db8::/32"),), False),
    ("IsInCIDR", "no", (("10.0.0.0/8",),), False),
    ("Index", "aébé", ("é",), 1),
    ("Index", "a", ("b",), -1),
    ("Index", (1, 2.0), (2,), 1),
    ("Index", 5, (5,), UNDEFINED),
    ("Index", "5", (5,), UNDEFINED),
    ("ContainsValue", ("a", None), (None,), True),
    ("ContainsValue", "ab", ("a",), UNDEFINED),
    ("IsEmpty", None, (), True),
    ("IsEmpty", MapValue(()), (), True),
    ("IsEmpty", 0.0, (), True),
    ("IsEmpty", (None,), (), False),
    ("Len", "é", (), 2),
    ("Len", ONE, (), 1),
    ("Len", b"abc", (), 3),
    ("Len", 5, (), UNDEFINED),
    ("Len", None, (), UNDEFINED),
    ("IsInt", True, (), False),
    ("IsMap", ONE, (), True),
    ("IsList", (), (), True),
    ("IsBool", True, (), True),
    ("IsString", "", (), True),
    ("IsDouble", 1, (), False),
]


@pytest.mark.parametrize(("name", "value", "arguments", "expected"), TABLE)
def test_a_converter(name: str, value: Any, arguments: tuple[Any, ...], expected: Any) -> None:
    function = CONVERTERS[name].make(*arguments)
    if expected is UNDEFINED:
        with pytest.raises(Undefined):
            function(value)
    else:
        found = function(value)
        assert (type(found), repr(found)) == (type(expected), repr(expected))


def test_each_converter_is_in_the_table() -> None:
    assert {name for name, *_ in TABLE} == set(CONVERTERS)


def test_concat() -> None:
    assert concat(["a", None, 5], 1, "-")((1, b"\2")) == 'a-[1,"Ag=="]-5'
    assert concat(["a", None], 1, "")(None) == "a<nil>"


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [(ONE, "k", 1), (ONE, "x", None), (("a",), 0, "a"), (None, "k", None), (("a",), 1, UNDEFINED), (ONE, 0, UNDEFINED),
     ("abc", 0, UNDEFINED), (MapValue((("k", 1), ("k", 2))), "k", 1)],
)  # fmt: skip
def test_elements(value: Any, key: str | int, expected: Any) -> None:
    if expected is UNDEFINED:
        with pytest.raises(Undefined):
            element(key)(value)
    else:
        assert element(key)(value) == expected


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("ParseInt", ("10",)), ("ParseInt", (37,)), ("ParseInt", (-1,)), ("Substring", (-1, 1)), ("Substring", (0, 1.5)),
     ("IsInCIDR", (("10.0.0.1",),)), ("IsInCIDR", ("10.0.0.0/8",)), ("IsInCIDR", (("10.0.0.0/33",),)),
     ("ConvertCase", ("camel",)), ("HasPrefix", (5,)), ("IsMatch", ("(",)), ("Split", (None,))],
)  # fmt: skip
def test_arguments_that_make_no_sense(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(WrongArgument):
        CONVERTERS[name].make(*arguments)


def test_equality_is_strict_inside_of_lists_and_maps() -> None:
    assert compare(1, "==", 1.0)
    assert not equal((1,), (1.0,))
    assert not equal((True,), (1,))
    assert not equal((math.nan,), (math.nan,))
    assert equal(MapValue((("a", 1), ("b", 2))), MapValue((("b", 2), ("a", 1))))
    assert not equal(MapValue((("a", 1),)), MapValue((("b", 1),)))
    assert not compare((1,), "<=", (1,))
    assert compare("\udcff", ">", "é"), "as bytes"


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from("+-*/"), st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_are_calculated_as_in_go(left: int, sign: str, right: int) -> None:
    if sign == "/" and right == 0:
        with pytest.raises(Undefined):
            calculate(left, sign, right)
        return
    exact = {"+": left + right, "-": left - right, "*": left * right}.get(sign)
    if exact is None:
        exact = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    found = calculate(left, sign, right)
    assert isinstance(found, int)
    assert -(2**63) <= found < 2**63
    assert (found - exact) % 2**64 == 0


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimals_are_written_so_that_they_are_read_again(value: float) -> None:
    written = as_text(value)
    assert written is not None
    assert float(written) == value
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d\d+)?", written)
