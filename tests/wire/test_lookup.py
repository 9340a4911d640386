"""Keys to rows and strings to codes, each against a Python dictionary."""

from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from otlp_verifier.columns import AttributeWide, SpanNarrow, ValueType
from otlp_verifier.kernels.chain import Chain
from otlp_verifier.wire._native import lib
from otlp_verifier.wire.dictionary import Dictionary, KeyTable
from otlp_verifier.wire.memory import joined
from otlp_verifier.wire.sources import NO_CODE, NO_TEXT, KeyRows, TextSources
from tests.strategies import RANDOMS
from tests.wire.batches import loaded
from tests.wire.requests import KEYS, random_request

# Every length up to 40 and those around it where bytes are compared in steps of 4 and 8, or by another way.
STRINGS = st.one_of(st.binary(max_size=3), st.integers(0, 70).map(lambda length: b"k" * length))


def together(strings: list[bytes]) -> tuple[bytes, NDArray[np.uint64]]:
    buffer, texts = joined(strings)
    return buffer, np.array(texts, np.uint64)


def interned(dictionary: Dictionary, strings: list[bytes]) -> list[int]:
    buffer, texts = together(strings)
    codes = np.empty(len(strings), np.uint32)
    dictionary.intern(buffer, texts, codes)
    return codes.tolist()


@settings(max_examples=100, deadline=None)
@given(st.lists(STRINGS), st.integers(0, 2**64 - 1))
def test_codes_are_numbered_in_the_order_of_arrival(strings: list[bytes], seed: int) -> None:
    dictionary = Dictionary(seed=seed, entry_capacity=128, arena_capacity=16_384)
    first_seen = list(dict.fromkeys(strings))
    assert interned(dictionary, strings) == [first_seen.index(string) for string in strings]
    assert interned(dictionary, strings[::-1]) == [first_seen.index(string) for string in strings[::-1]]
    assert dictionary.strings(0, len(dictionary)) == first_seen
    assert dictionary.epoch == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(STRINGS, max_size=12), max_size=12))
@example([[b"%d" % i for i in range(100)], [b"5", b"new"], [b"newer"]])
@example([[b"x" * 1000], [b"x" * 1000], [b"y"]])
def test_a_full_dictionary_forgets_all_but_the_constants(batches: list[list[bytes]]) -> None:
    """Codes of one epoch stay good; every batch is answered whole, however little fits."""
    constants = [b"", b"kkkk", b"constant"]
    dictionary = Dictionary(constants, entry_capacity=8, arena_capacity=64)
    epoch, known = 0, dict(zip(constants, range(3), strict=True))
    for batch in batches:
        codes = interned(dictionary, batch)
        if dictionary.epoch != epoch:
            assert dictionary.epoch == epoch + 1, "one reset is enough for any batch"
            epoch, known = dictionary.epoch, dict(zip(constants, range(3), strict=True))
        for string, code in zip(batch, codes, strict=True):
            assert known.setdefault(string, len(known)) == code
        assert dictionary.strings(0, len(dictionary)) == list(known)


def test_it_grows_for_one_batch_and_shrinks_with_the_next_new_string() -> None:
    dictionary = Dictionary([b"constant"], entry_capacity=4, arena_capacity=32)
    large = [b"%d" % i for i in range(1000)]
    assert interned(dictionary, large) == list(range(1, 1001))
    assert dictionary.epoch == 1
    assert len(dictionary._entries) <= 2 * 1001
    assert interned(dictionary, large[::-1]) == list(range(1000, 0, -1)), "what is known stays while nothing is added"
    assert interned(dictionary, [b"new", b"constant"]) == [1, 0]
    assert dictionary.epoch == 2
    assert (len(dictionary._entries), len(dictionary._arena)) == (4, 32)


def test_it_says_when_even_growing_does_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otlp_verifier.wire.dictionary._ARENA_LIMIT", 100)
    dictionary = Dictionary(arena_capacity=64)
    assert interned(dictionary, [b"x" * 70]) == [0], "the last step of growing is a short one"
    with pytest.raises(OverflowError, match="4 GiB"):
        interned(dictionary, [b"x" * 70, b"y" * 70])
    assert interned(dictionary, [b"z"]) == [0]


def test_sources_of_one_batch_share_an_epoch() -> None:
    dictionary = Dictionary(entry_capacity=4)
    interned(dictionary, [b"a", b"b", b"c"])
    buffer, texts = together([b"c", b"d", b"e", b"c", b"f"])
    first, second = np.empty(3, np.uint32), np.empty(2, np.uint32)
    sources = TextSources(2)
    for number, (of, codes) in enumerate(((texts[:3], first), (texts[3:], second))):
        sources.point(number, of, codes, np.array([len(of)], np.uint32))
    assert dictionary.encode(buffer, sources) == []
    assert (first.tolist(), second.tolist(), dictionary.epoch) == ([0, 1, 2], [0, 3], 1)


STRING, INT = int(ValueType.STRING), int(ValueType.INT)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(STRINGS, min_size=1, max_size=6),  # the rows of a batch
            st.lists(st.sampled_from([STRING, STRING, INT]), min_size=6, max_size=6),  # their types
            st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, NO_CODE]), max_size=8),  # the owners' rows
        ),
        max_size=8,
    )
)
def test_texts_of_attributes_and_who_has_them_for_the_first_time(
    batches: list[tuple[list[bytes], list[int], list[int]]],
) -> None:
    """Two sources, of a column and of attributes; what is new is told once for each of them in an epoch."""
    dictionary = Dictionary(entry_capacity=6, arena_capacity=256)
    sources, epoch = TextSources(2), 0
    had: dict[int, set[int]] = {0: set(), 1: set()}
    texts, columns, values = np.empty(6, np.uint64), np.empty(6, np.uint32), np.empty(8, np.uint32)
    having = KeyRows(np.empty(8, np.uint32), np.empty(6, np.uint32), np.zeros(1, np.uint32))
    rows_of_columns = np.zeros(1, np.uint32)
    sources.point(0, texts, columns, rows_of_columns)
    sources.point(1, texts, values, having)
    sources.ask((0, 1), 14)
    for strings, types, picked in batches:
        rows = [row if row == NO_CODE else row % len(strings) for row in picked]
        buffer, texts[: len(strings)] = together(strings)
        having.rows[: len(rows)], having.types[:] = rows, types
        having.end[0] = max((owner + 1 for owner, row in enumerate(rows) if row != NO_CODE), default=0)
        rows_of_columns[0] = len(strings)
        news = dictionary.encode(buffer, sources)
        if dictionary.epoch != epoch:
            epoch, had = dictionary.epoch, {0: set(), 1: set()}
        assert len(set(news)) == len(news)
        mine = columns[: len(strings)].tolist()
        for number, codes in enumerate((mine, values.tolist())):
            fresh = set(codes) - {NO_CODE} - had[number]
            assert {code for source, code in news if source == number} == fresh
            had[number] |= fresh
        assert [dictionary.strings(code, code + 1) for code in mine] == [[each] for each in strings]
        expected = [NO_CODE if row == NO_CODE or types[row] != STRING else mine[row] for row in rows]
        assert values.tolist() == expected + [NO_CODE] * (8 - len(rows)), "nothing of a longer batch is left"


@settings(max_examples=20, deadline=None)
@given(RANDOMS)
def test_many_texts_of_all_lengths(rng: Random) -> None:
    """More owners than C takes at a time, in which what is known, what is new and what is absent takes turns."""
    alphabet = [b"%d" % i * rng.randrange(80) for i in range(300)]
    dictionary, known = Dictionary([b"constant"]), {b"constant": 0}
    for _ in range(3):
        strings = [
            rng.choice(alphabet) if rng.random() < 0.9 else rng.randbytes(rng.randrange(90)) for _ in range(1000)
        ]
        buffer, texts = together(strings)
        absent = np.array([rng.random() < 0.1 for _ in strings])
        rows = np.where(absent, NO_CODE, np.array(rng.sample(range(1000), 1000))).astype(np.uint32)
        types = np.array([rng.choice([STRING, STRING, INT]) for _ in strings], np.uint32)
        codes = [np.empty(1000, np.uint32) for _ in range(2)]
        sources = TextSources(2)
        sources.point(0, np.where(absent, np.uint64(NO_TEXT), texts), codes[0], np.array([1000], np.uint32))
        sources.point(1, texts, codes[1], KeyRows(rows, types, np.array([1000], np.uint32)))
        dictionary.encode(buffer, sources)
        of_column = [None if gone else string for gone, string in zip(absent.tolist(), strings, strict=True)]
        of_rows = [None if row == NO_CODE or types[row] != STRING else strings[row] for row in rows.tolist()]
        for found, expected in zip(codes, (of_column, of_rows), strict=True):
            assert found.tolist() == [
                NO_CODE if string is None else known.setdefault(string, len(known)) for string in expected
            ]
    assert dictionary.strings(0, len(dictionary)) == list(known)


@pytest.mark.parametrize("length", [1, 4, 7, 8, 16, 17, 31, 32, 33, 48, 64, 100])
def test_hashes_that_begin_alike_do_not_make_strings_alike(length: int) -> None:
    """A cell holds half of a hash: here one that sends another string to the string that is known."""
    known = bytes(range(length + 1))
    others = [known[:at] + b"\xff" + known[at + 1 :] for at in range(length + 1)]
    for other in (*others, known[:length], known + b"\0"):
        dictionary = Dictionary([known], entry_capacity=1024, arena_capacity=1024, seed=0)
        other_hash = int(lib.otlpv_hash(other, len(other), 0))
        cell = other_hash % len(dictionary._cells)
        assert dictionary._cells[cell] == 0
        dictionary._cells[cell] = other_hash >> 32 << 32 | 1  # the code of `known`, and 1
        assert interned(dictionary, [other]) == [1]
        assert interned(dictionary, [other, known, other]) == [1, 0, 1]
        assert dictionary.strings(0, 2) == [known, other]


def test_no_text_has_no_code() -> None:
    dictionary = Dictionary()
    codes = np.empty(3, np.uint32)
    dictionary.intern(b"ab", np.array([NO_TEXT, 1, NO_TEXT], np.uint64), codes)
    assert codes.tolist() == [NO_CODE, 0, NO_CODE]
    assert dictionary.strings(0, 1) == [b"a"]


def test_constants_must_differ_and_fit() -> None:
    for constants in ([b"a", b"a"], [b"a", b"b", b"c"], [b"a", b"too long"]):
        with pytest.raises(ValueError, match="constants: equal ones, or more than 2 entries"):
            Dictionary(constants, entry_capacity=2, arena_capacity=4)


def test_only_codes_that_exist_have_strings() -> None:
    dictionary = Dictionary([b"a"])
    assert dictionary.strings(1, 1) == []
    for first, last in ((0, 2), (-1, 1), (1, 0)):
        with pytest.raises(IndexError, match="of a dictionary of 1"):
            dictionary.strings(first, last)


def test_arrays_must_be_as_c_takes_for_granted() -> None:
    dictionary = Dictionary()
    texts, codes = np.zeros(4, np.uint64), np.zeros(4, np.uint32)
    frozen = codes.copy()
    frozen.flags.writeable = False
    for wrong_texts, wrong_codes in (
        (texts, codes[:3]),
        (texts, codes.astype(np.uint64)),
        (texts[::2], codes),
        (texts.astype(np.int64), codes),
        (texts, frozen),
    ):
        with pytest.raises(ValueError, match=r"needed are|not C-contiguous|read-only"):
            dictionary.intern(b"", wrong_texts, wrong_codes)
    with pytest.raises(ValueError, match="slots and 2 owners"):
        KeyTable([b"a"]).find(None, codes[:2], codes[:2], codes[:1], np.zeros((1, 1), np.uint32), codes[:1])


@pytest.mark.many
@settings(max_examples=240, deadline=None)
@given(RANDOMS, st.lists(st.sampled_from((*KEYS, b"absent", b"k" * 50)), unique=True))
def test_finds_the_first_attribute_with_each_key(rng: Random, keys: list[bytes]) -> None:
    """In one batch after another, whatever the one before had."""
    batches = [loaded(random_request(rng, odd=True)) for _ in range(4)]
    most = max(batch.spans.rows for batch in batches) + 3
    starts, counts = np.zeros(most, np.uint32), np.zeros(most, np.uint32)
    rows, ends = np.full((len(keys) + 1, most), NO_CODE, np.uint32), np.zeros(len(keys) + 1, np.uint32)
    rows[-1] = 0
    table, owners = KeyTable(keys), np.zeros(1, np.uint32)
    for batch in batches:
        spans = batch.spans
        starts[: spans.rows] = spans.narrow[SpanNarrow.ATTRIBUTE_START, : spans.rows]
        counts[: spans.rows] = spans.narrow[SpanNarrow.ATTRIBUTE_COUNT, : spans.rows]
        owners[0] = spans.rows
        step = table.find(batch.attributes_native, starts, counts, owners, rows, ends)
        Chain(lambda step=step: [step], [batch]).run(batch.buffer)  # type: ignore[misc]  # mypy knows no such default
        expected = np.full((len(keys), most), NO_CODE, np.uint32)
        for owner in range(spans.rows):
            own = range(starts[owner], starts[owner] + counts[owner])
            names = [batch.text(batch.attributes.wide[AttributeWide.KEY, row]) for row in own]
            expected[:, owner] = [own[names.index(key)] if key in names else NO_CODE for key in keys]
        assert rows[:-1].tolist() == expected.tolist()
        last = [max(np.flatnonzero(of_key != NO_CODE), default=-1) + 1 for of_key in expected]
        assert ends.tolist() == [*last, 0]
        assert not rows[-1].any(), "rows beyond the slots are the caller's"


def test_keys_must_differ() -> None:
    with pytest.raises(ValueError, match="given twice"):
        KeyTable([b"a", b"a"])
