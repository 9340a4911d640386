"""Check digits: what tells an account number from an order number."""

import math
from collections import Counter
from typing import Final

from otlp_verifier.sensitive.countries import IBAN_LENGTHS

_SPANISH_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_FINNISH_LETTERS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
# Values of the odd places of a codice fiscale, by 0-9 or A-Z (decreto ministeriale of 23 December 1976).
_ITALIAN_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(account: str) -> bool:
    """Whether an IBAN without blanks has its country's length and its check digits (ISO 13616-1, ISO/IEC 7064)."""
    if len(account) != IBAN_LENGTHS.get(account[:2]):
        return False
    turned = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def social_security_number(digits: str) -> bool:
    """Whether nine digits may be a number of the United States: no checksum, but three parts that are never given."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def brazilian(digits: str) -> bool:
    """Whether eleven digits end in the two check digits of a CPF; those of one digit only are never given."""
    if len(set(digits)) == 1:
        return False
    for count in (9, 10):
        total = sum(int(digit) * (count + 1 - place) for place, digit in enumerate(digits[:count]))
        if total * 10 % 11 % 10 != int(digits[count]):
            return False
    return True


def spanish(number: str) -> bool:
    """Whether a DNI or NIE, eight characters and a letter, has the letter that follows from them."""
    digits = number[:8].translate(str.maketrans("XYZ", "012"))
    return _SPANISH_LETTERS[int(digits) % 23] == number[8]


def italian(code: str) -> bool:
    """Whether the 16 characters of a codice fiscale end in the check letter."""
    total = 0
    for place, character in enumerate(code[:15]):
        value = int(character) if character.isdigit() else ord(character) - ord("A")
        total += value if place % 2 else _ITALIAN_ODD[value]
    return chr(ord("A") + total % 26) == code[15]


def finnish(date: str, serial: str, check: str) -> bool:
    """Whether a henkilötunnus, DDMMYY and three digits, has its check character."""
    return 1 <= int(date[:2]) <= 31 and 1 <= int(date[2:4]) <= 12 and _FINNISH_LETTERS[int(date + serial) % 31] == check


def entropy(text: bytes) -> float:
    """Shannon's entropy of the bytes as they occur in a text, in bits a byte: 4 for hex digits at random."""
    return sum(count / len(text) * math.log2(len(text) / count) for count in Counter(text).values())
