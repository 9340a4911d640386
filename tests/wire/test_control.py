"""Control characters in values: found where a slow search finds them."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.columns import Columns, ValueType
from otlp_verifier.kernels.chain import Chain
from otlp_verifier.wire.control import find_control

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
TEXTS = st.one_of(
    st.binary(max_size=150),
    st.text("ab \t\n\r\x1f\x7f\x80\xff\u2028", max_size=100).map(str.encode),
    st.builds(lambda at, byte: b"x" * at + bytes([byte]) + b"y" * 12, st.integers(0, 20), st.integers(0, 255)),
)


def found_in(texts: list[bytes]) -> list[int]:
    lengths = np.array([len(text) for text in texts], np.uint64)
    values = (np.cumsum(lengths) - lengths) << np.uint64(32) | lengths
    found = np.empty(len(texts), np.uint32)
    types, rows = np.full(len(texts), ValueType.STRING, np.uint32), np.array([len(texts)], np.uint32)
    step = find_control(values, types, rows, 4, found)
    Chain(lambda: [step], [Columns()]).run(b"".join(texts))
    return found.tolist()


@pytest.mark.parametrize(
    ("byte", "mark"), [(b"\0", 4), (b"\x1f", 4), (b"\x7f", 4), (b"\n", 0), (b"\x80", 0), (b"\xff", 0)]
)
def test_every_byte_of_a_string_of_any_length_counts(byte: bytes, mark: int) -> None:
    strings = [b"x" * at + byte + b"~" * (length - at - 1) for length in range(140) for at in range(length)]
    assert found_in(strings) == [mark] * len(strings)
    assert found_in([b" " * length for length in range(140)]) == [0] * 140


@given(st.lists(st.tuples(TEXTS, st.sampled_from([ValueType.STRING, ValueType.BYTES]))))
def test_marked_are_strings_with_control_characters(values: list[tuple[bytes, int]]) -> None:
    buffer, texts = b"", []
    for text, _ in values:
        texts.append(len(buffer) << 32 | len(text))
        buffer += text
    found = np.full(len(values) + 1, 7, np.uint32)
    columns = np.array([*texts, 0], np.uint64), np.array([*(kind for _, kind in values), 0], np.uint32)
    step = find_control(*columns, np.array([len(values)], np.uint32), 4, found)
    Chain(lambda: [step], [Columns()]).run(buffer)
    expected = [4 if kind == ValueType.STRING and CONTROL.search(text) else 0 for text, kind in values]
    assert found.tolist() == [*expected, 7]
