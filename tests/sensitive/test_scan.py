"""Texts to classes: what is found alone is found among others, digits at random are nothing, and work is linear."""

import re
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp_verifier.sensitive import hits as hits_module
from otlp_verifier.sensitive import persons, scan, secrets
from otlp_verifier.sensitive.classes import CLASSES, NAMES, mask_of
from otlp_verifier.sensitive.masking import REDACTED_MAX, redacted
from otlp_verifier.sensitive.scan import EVERY, classes_in, context_of, hits, suspects
from tests.rules.break_sensitive import TEXTS
from tests.sensitive.test_checksums import slow_luhn

CARD = mask_of("pii-credit-card")
# Pieces that shapes begin and end with, so that what is made of them lies close to what is looked for.
PIECES = st.sampled_from(
    [*(text.encode() for text in TEXTS.values()), b"4", b"11", b"-", b" ", b".", b"@", b"a", b"Z", b"+4", b"eyJ", b"=",
     b"password", b"://", b":", b"\n", b"\xff", "é".encode(), b"Basic ", b"{", b'"', b"sig", b"lat=1.2"]
)  # fmt: skip
TEXT = st.lists(PIECES, max_size=6).map(b"".join)


def closely(text: bytes, classes: int = EVERY) -> int:
    """What a text holds, without the look at single letters that saves most of the work."""
    return sum(
        1 << bit for bit, each in enumerate(CLASSES) if classes >> bit & 1 and next(each.find(text), None) is not None
    )


def among_others(texts: list[bytes], classes: int = EVERY) -> list[int]:
    starts, at = [], 1
    for text in texts:
        starts.append(at)
        at += len(text) + 1
    found = suspects(b"\n" + b"\n".join(texts) + b"\n", starts, classes)
    assert found == sorted(set(found))
    return found


@pytest.mark.many
@settings(max_examples=400)
@given(st.lists(TEXT, max_size=8))
def test_no_text_that_holds_something_is_passed_over(texts: list[bytes]) -> None:
    found = among_others(texts)
    for number, text in enumerate(texts):
        if closely(text):
            assert number in found, text
        assert classes_in(text, EVERY) == closely(text), text


@pytest.mark.parametrize("name", TEXTS)
def test_each_class_is_found_by_itself(name: str) -> None:
    text = TEXTS[name].encode()
    assert classes_in(text, mask_of(name)) == mask_of(name)
    assert [kind.name for kind, _ in hits(text, mask_of(name))] == [name]
    assert among_others([b"order 7", text, b"order 8"], mask_of(name)) == [1]
    assert text not in redacted(b"got " + text)


@settings(max_examples=300)
@given(st.text("0123456789", min_size=13, max_size=19))
def test_digits_without_a_check_digit_are_no_card(digits: str) -> None:
    if not slow_luhn(digits):
        assert not classes_in(digits.encode(), CARD)


@given(st.integers(1_600_000_000, 2_000_000_000), st.integers(0, 10**9 - 1))
def test_times_are_no_cards(seconds: int, ns: int) -> None:
    for time in (seconds * 1000 + ns // 10**6, seconds * 10**6 + ns // 1000, seconds * 10**9 + ns):
        assert not classes_in(f"at {time}".encode(), EVERY)


@given(st.uuids(), st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8))
def test_ids_at_random_are_nothing(uuid: object, trace: bytes, span: bytes) -> None:
    for text in (str(uuid), trace.hex(), f"00-{trace.hex()}-{span.hex()}-01"):
        assert not classes_in(text.encode(), EVERY & ~mask_of("pii-national-id"))


def test_few_bare_numbers_at_random_are_cards() -> None:
    """One in ten of those that an issuer might have given: the first digits rule out most of the others."""
    random = Random(1)
    found = sum(bool(classes_in(b"%d" % random.randrange(10**15, 10**16), CARD)) for _ in range(5_000))
    assert found < 5_000 * 0.035


# What grows faster than a text in a careless search: what begins over and over, and never ends.
HOSTILE = {
    "almost cards": b"4111 1111 1111 1112 ",
    "almost mailboxes": b"a.a@a-",
    "almost addresses": b"1.1.1.",
    "almost tokens": b"eyJhbGciOiJIUzI1NiJ9.",
    "almost passwords in URLs": b"a://a:a",
    "almost keys": b"-----BEGIN PRIVATE KEY-----\n",
    "almost headers": b"bearer basic ",
    "almost assignments": b"password=password=",
    "almost keys of AWS": b"aws_secret_access_key aws",
    "almost accounts": b"DE89 ",
    "almost phones": b"+49 ",
    "almost places": b"52.520008, ",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=list(HOSTILE))
def test_work_grows_as_texts_do(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted are the matches that are looked at; what RE2 does for each is linear by its promise."""
    looked_at = [0]
    compiled = hits_module.compiled

    class Counting:
        def __init__(self, pattern: bytes) -> None:
            self._pattern = compiled(pattern)

        def finditer(self, text: bytes) -> Iterator[object]:
            for match in self._pattern.finditer(text):
                looked_at[0] += 1
                yield match

        def __getattr__(self, name: str) -> object:
            return getattr(self._pattern, name)

    for module in (hits_module, persons, secrets):
        if hasattr(module, "compiled"):
            monkeypatch.setattr(module, "compiled", Counting)

    def work(copies: int) -> int:
        looked_at[0] = 0
        hits(piece * copies, EVERY)
        return looked_at[0]

    few, many = work(100), work(400)
    assert many <= 4 * few + 200
    assert many <= 4 * 400 * len(piece)


def test_a_long_text_is_shown_within_bounds() -> None:
    text = b"a@mail.org " * 50_000
    assert len(hits(text, EVERY, first=True)) == 1
    assert b"@" not in redacted(text)[:1000]
    assert len(redacted(b"x" * 10**6)) == REDACTED_MAX


def test_long_keys_say_nothing() -> None:
    assert context_of(b"a." + b"password").asks
    assert context_of(b"a" * scan.KEY_BYTES_MAX + b".password") == scan.Context()


@pytest.mark.parametrize("each", CLASSES, ids=NAMES)
def test_patterns_of_keys_mean_the_same_to_python(each) -> None:
    """Keys are looked at with Python's `re`: its patterns must not have what takes it more than linear time."""
    for pattern in (each.asks, each.excludes, each.unless):
        assert re.compile(pattern)
        assert not re.search(rb"\([^()]*[*+][^()]*\)[*+]", pattern), "nested repetitions"
