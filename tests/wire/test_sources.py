"""Values that are no strings, packed as texts: one after the other, each as Python's struct writes it."""

import struct
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings

from otlp_verifier.columns import ValueType
from otlp_verifier.kernels.chain import Chain
from otlp_verifier.wire.sources import NO_CODE, NO_TEXT, KeyRows, ValueSources
from tests.strategies import RANDOMS

SCALARS = (ValueType.BOOL, ValueType.INT, ValueType.DOUBLE)
CONTENTS = (ValueType.BYTES, ValueType.ARRAY, ValueType.MAP)
KINDS = (ValueType.EMPTY, ValueType.STRING, *SCALARS, *CONTENTS)
OWNERS = 600  # more than C takes at a time


@settings(max_examples=40, deadline=None)
@given(RANDOMS)
def test_packed_are_all_values_that_are_no_strings(rng: Random) -> None:
    """In one batch after another, whatever the one before had."""
    buffer = rng.randbytes(200)
    values, types = np.empty(OWNERS, np.uint64), np.empty(OWNERS, np.uint32)
    having = [KeyRows(np.empty(OWNERS, np.uint32), types, np.empty(1, np.uint32)) for _ in range(3)]
    sources = ValueSources(3)
    texts = [sources.point(number, values, each) for number, each in enumerate(having)]
    sources.want({0, 2})
    chain = Chain(lambda: [sources.pack()], [sources])
    for _ in range(3):
        for row in range(OWNERS):
            types[row] = kind = rng.choice(KINDS)
            length = rng.randrange(40)
            values[row] = rng.getrandbits(64) if kind in SCALARS else rng.randrange(200 - length) << 32 | length
        for each in having:
            share = rng.choice([0, 0.02, 0.5, 1])
            each.rows[:] = [rng.randrange(OWNERS) if rng.random() < share else NO_CODE for _ in range(OWNERS)]
            each.end[0] = rng.choice([0, 7, OWNERS])
        chain.run(buffer)
        expected = b""
        for number in (0, 2):
            rows, end = having[number].rows.tolist(), int(having[number].end[0])
            found_end = 0
            for owner, row in enumerate(rows[:end]):
                content = content_of(buffer, int(values[row]), types[row]) if row != NO_CODE else None
                if content is None:
                    continue
                assert texts[number][found_end:owner].tolist() == [NO_TEXT] * (owner - found_end)
                assert texts[number][owner] == len(expected) << 32 | len(content)
                expected += content
                found_end = owner + 1
            assert sources.found_end(number)[0] == found_end
        assert bytes(sources.packed[: len(expected)]) == expected
        assert sources.found_end(1)[0] == 0, "nobody wants to know"


def content_of(buffer: bytes, value: int, kind: int) -> bytes | None:
    if kind in SCALARS:
        return struct.pack("<BQ", kind, value)
    if kind in CONTENTS:
        return bytes([kind]) + buffer[value >> 32 : (value >> 32) + (value & 0xFFFFFFFF)]
    return None


def test_arrays_must_be_as_c_takes_for_granted() -> None:
    having = KeyRows(np.zeros(1, np.uint32), np.zeros(1, np.uint32), np.zeros(1, np.uint32))
    with pytest.raises(ValueError, match="needed are"):
        ValueSources(1).point(0, np.zeros(2, np.uint64), having)
