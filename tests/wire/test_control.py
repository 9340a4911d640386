"""Control characters in values: found where a slow search finds them."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.columns import ValueType
from otlp_verifier.wire.control import find_control

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
TEXTS = st.one_of(
    st.binary(max_size=40),
    st.text("ab \t\n\r\x1f\x7f\x80\xff\u2028", max_size=40).map(str.encode),
    st.builds(lambda at, byte: b"x" * at + bytes([byte]) + b"y" * 12, st.integers(0, 20), st.integers(0, 255)),
)


@given(st.lists(st.tuples(TEXTS, st.sampled_from([ValueType.STRING, ValueType.BYTES]))))
def test_marked_are_strings_with_control_characters(values: list[tuple[bytes, int]]) -> None:
    buffer, texts = b"", []
    for text, _ in values:
        texts.append(len(buffer) << 32 | len(text))
        buffer += text
    found = np.full(len(values) + 1, 7, np.uint32)
    columns = np.array([*texts, 0], np.uint64), np.array([*(kind for _, kind in values), 0], np.uint32)
    find_control(buffer, *columns, len(values), 4, found)
    expected = [4 if kind == ValueType.STRING and CONTROL.search(text) else 0 for text, kind in values]
    assert found.tolist() == [*expected, 7]
