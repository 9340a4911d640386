"""Check digits, against checks that are written in another way and against published numbers."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.sensitive import checksums
from otlp_verifier.sensitive.countries import IBAN_LENGTHS

DIGITS = st.text("0123456789", min_size=1, max_size=19)


def slow_luhn(digits: str) -> bool:
    """As on paper: a table of what each digit counts for, every second one from the right doubled."""
    doubled = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    backwards = [int(digit) for digit in digits][::-1]
    return (sum(backwards[0::2]) + sum(doubled[digit] for digit in backwards[1::2])) % 10 == 0


def slow_iban(account: str) -> bool:
    """Digit by digit, as one does without large numbers."""
    rest = 0
    for character in account[4:] + account[:4]:
        value = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(character)
        rest = (rest * (100 if value > 9 else 10) + value) % 97
    return rest == 1


@given(DIGITS)
def test_luhn_is_what_it_is_on_paper(digits: str) -> None:
    assert checksums.luhn(digits) == slow_luhn(digits)


@given(DIGITS)
def test_of_ten_last_digits_one_is_right(digits: str) -> None:
    assert sum(checksums.luhn(digits + last) for last in "0123456789") == 1


@given(st.sampled_from(sorted(IBAN_LENGTHS)), st.randoms(use_true_random=False))
def test_iban_is_what_it_is_digit_by_digit(country: str, random: Random) -> None:
    length = IBAN_LENGTHS[country]
    body = "".join(random.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=length - 4))
    right = [checks for checks in (f"{n:02}" for n in range(2, 99)) if slow_iban(country + checks + body)]
    assert len(right) == 1, "two check digits tell 97 remainders apart"
    for checks in ("00", "50", *right):
        assert checksums.iban(country + checks + body) == slow_iban(country + checks + body)
    assert not checksums.iban(country + right[0] + body + "0")
    assert not checksums.iban("ZZ" + right[0] + body)


PUBLISHED = [
    *((checksums.luhn, card) for card in ("4111111111111111", "5555555555554444", "378282246310005", "79927398713")),
    *((checksums.iban, account) for account in ("GB82WEST12345698765432", "DE89370400440532013000")),
    *((checksums.iban, account) for account in ("FR1420041010050500013M02606", "NO9386011117947")),
    (checksums.brazilian, "52998224725"),
    (checksums.spanish, "12345678Z"),
    (checksums.spanish, "X1234567L"),
    (checksums.italian, "RSSMRA85T10A562S"),
    (checksums.social_security_number, "219418873"),
]


@pytest.mark.parametrize(("check", "number"), PUBLISHED)
def test_published_numbers_are_right_and_with_another_last_character_wrong(check, number: str) -> None:
    assert check(number)
    if check is not checksums.social_security_number:  # which has no check digit
        others = "0123456789" if number[-1].isdigit() else "ABCDEFGHJKLMNPQRSTVWXYZ"
        assert not any(check(number[:-1] + last) for last in others if last != number[-1])


def test_a_finnish_number() -> None:
    assert checksums.finnish("131052", "308", "T")
    assert not checksums.finnish("131052", "308", "U")
    assert not checksums.finnish("991352", "308", "T")


@pytest.mark.parametrize("digits", ["000418873", "666418873", "900418873", "219008873", "219410000"])
def test_parts_of_a_social_security_number_that_are_never_given(digits: str) -> None:
    assert not checksums.social_security_number(digits)


def test_entropy_counts_bits() -> None:
    assert checksums.entropy(b"aaaa") == 0
    assert checksums.entropy(b"abab") == 1
    assert checksums.entropy(bytes(range(256))) == 8
