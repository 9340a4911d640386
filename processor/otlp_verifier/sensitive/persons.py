"""Finders of personal data: each gives where a text holds something of its class, checked and in context."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from otlp_verifier.sensitive import checksums
from otlp_verifier.sensitive.countries import CALLING_CODES, IBAN_LENGTHS, TOP_LEVEL_DOMAINS
from otlp_verifier.sensitive.hits import Hit, before, compiled, has, is_all, is_masked, spans, stands_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

# Cards: (first digits from, to, how many digits there are), as their issuers publish them.
_ISSUERS: Final = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)), ("2221", "2720", (16,)),  # Mastercard
    ("34", "34", (15,)), ("37", "37", (15,)),  # American Express
    ("6011", "6011", (16, 17, 18, 19)), ("644", "649", (16, 17, 18, 19)), ("65", "65", (16, 17, 18, 19)),  # Discover
    ("300", "305", (14,)), ("3095", "3095", (14,)), ("36", "36", (14,)), ("38", "39", (14,)),  # Diners Club
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("2200", "2204", (16,)),  # Mir
    *((first, first, (13, 14, 15, 16, 17, 18, 19)) for first in ("5018", "5020", "5038", "5893", "6304", "6759")),
    *((first, first, (13, 14, 15, 16, 17, 18, 19)) for first in ("6761", "6762", "6763")),  # Maestro
)  # fmt: skip
_CARD: Final = rb"(?:^|[^0-9A-Za-z_])([2-6][0-9]{3}(?:[ -]?[0-9]){9,18})"
_GROUP: Final = rb"[0-9]+"
_CARD_GROUPS: Final = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3)}
_CARD_WORDS: Final = rb"card|visa|amex|maestro|\bpan\b|\bcc\b|credit|debit|kreditkarte"
_BARE_CARDS: Final = range(
    14, 17
)  # other lengths are those of bar codes and of 64-bit ids: only beside a word for cards
_OTHER_NUMBERS: Final = (
    rb"(?:order|invoice|tracking|shipment|parcel|ticket|reference|ref|transaction|txn|imei|isbn|ean|gtin|upc|serial|sku|"
    rb"request|message|user|customer|trace|span|offset|timestamp|epoch|\bid|\bids)"
    rb"[ _-]?(?:id|no|nr|num|number|code)?\.?['\"]?[ :=#(]{0,3}['\"]?$"
)
_JOINTS: Final = b".-/,+"
_SHORT_CARD: Final = 14


def cards(text: bytes) -> Iterator[Hit]:
    """Numbers of 13 to 19 digits of a known issuer with a check digit, in one run or grouped as on a card."""
    for start, end in spans(_CARD, text, 1):
        ends = [start + stop for _, stop in spans(_GROUP, text[start:end])]
        for count, stop in enumerate(ends, 1):
            groups = text[start:stop].replace(b"-", b" ").split(b" ")
            digits = b"".join(groups).decode()
            if _is_issued(digits) and checksums.luhn(digits) and _is_card(text, start, stop, groups):
                shown = 4 if len(digits) > _SHORT_CARD else 0  # of 14 digits too few would be left to guess
                yield Hit(start, stop, shown, 4, f"{len(digits)} digits")
                break
            if count > 5:
                break


def _is_issued(digits: str) -> bool:
    return any(low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _ISSUERS)


def _is_card(text: bytes, start: int, end: int, groups: list[bytes]) -> bool:
    if not stands_alone(text, start, end, joints=_JOINTS):
        return False
    if len(groups) > 1:
        is_even = not (b" " in text[start:end] and b"-" in text[start:end])
        return is_even and tuple(map(len, groups)) in _CARD_GROUPS
    words = before(text, start)
    if has(_CARD_WORDS, words):
        return True
    return len(groups[0]) in _BARE_CARDS and len(set(groups[0])) > 1 and not has(_OTHER_NUMBERS, words)


_EMAIL: Final = rb"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63}){1,6}"
_NOT_PEOPLE: Final = (
    rb"(?i)^(?:git|hg|svn|root)@|^[^@]*@(?:[a-z0-9-]+\.)*(?:gserviceaccount\.com|iam\.gserviceaccount\.com)$"
)


def emails(text: bytes) -> Iterator[Hit]:
    """Addresses of mailboxes; not users of a remote host, service accounts, or what stands in a URL before the host."""
    for start, end in spans(_EMAIL, text):
        address = text[start:end].rstrip(b".-")
        stop = start + len(address)
        domain = address.rpartition(b".")[2].lower().decode()
        is_remote = text[stop : stop + 1] == b":" and text[stop + 1 : stop + 2] not in (b"", b" ", b"\n")
        url = text[max(0, start - 256) : start].rpartition(b"://")
        is_in_url = bool(url[1]) and not has(rb"[\s/?#@\"'<>]", url[2])
        is_person = not (is_remote or is_in_url or is_masked(address) or has(_NOT_PEOPLE, address))
        if domain in TOP_LEVEL_DOMAINS and is_person:
            yield Hit(start, stop)


_IPV4: Final = rb"(?:^/?|[^0-9A-Za-z_./-]|[^0-9A-Za-z_]/)([0-9]{1,3}(?:\.[0-9]{1,3}){3})"
_IPV6: Final = rb"(?:^|[^0-9A-Za-z_:.])([23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7})"
_ADDRESS_WORDS: Final = (
    rb"(?:\bip|ipv4|addr|address|host|client|peer|remote|connect(?:ed|ing|ion)? (?:to|from)|://|@|\[)[a-z ]{0,4}"
    rb"[ :='\"(\[]{0,3}$"
)
_VERSION_WORDS: Final = rb"(?:version|release|build|agent|\bv)[ :='\"]{0,3}$"
_LIKE_A_VERSION_MAX: Final = 99  # the numbers of versions are smaller, one of most addresses is not


def addresses(text: bytes) -> Iterator[Hit]:
    """Addresses of IP that are routed in public."""
    for start, end in spans(_IPV4, text, 1):
        if not stands_alone(text, start, end, joints=b".-") or not _is_public(text[start:end]):
            continue
        words = before(text, start, 24)
        largest = max(int(octet) for octet in text[start:end].split(b"."))
        is_called_one = has(_ADDRESS_WORDS, words) or has(rb"^:\d{2,5}\b", text[end : end + 7])
        if is_called_one or (largest > _LIKE_A_VERSION_MAX and not has(_VERSION_WORDS, words)):
            yield Hit(start, end)
    for start, end in spans(_IPV6, text, 1):
        if stands_alone(text, start, end, joints=b":.") and _is_public(text[start:end]):
            yield Hit(start, end)


def _is_public(written: bytes) -> bool:
    try:
        address = ipaddress.ip_address(written.decode())
    except ValueError:
        return False
    return address.is_global and not address.is_multicast


_PHONE: Final = rb"\+[1-9](?:[ ./()-]{0,2}[0-9]){6,14}"
_PHONE_DIGITS: Final = range(8, 16)
_NANP: Final = rb"1[2-9][0-9]{2}[2-9][0-9]{6}"


def phones(text: bytes) -> Iterator[Hit]:
    """International numbers, with `+` and a country code that is given out (ITU-T E.164)."""
    for start, end in spans(_PHONE, text):
        digits = bytes(each for each in text[start:end] if 0x30 <= each <= 0x39)
        is_alone = stands_alone(text, start, end, joints=b".-:,+/")
        is_coded = any(digits[:size].decode() in CALLING_CODES for size in (1, 2, 3))
        is_nanp = not digits.startswith(b"1") or is_all(_NANP, digits)
        is_decimal = has(rb"^\+[0-9]+\.[0-9]+$", text[start:end])
        if is_alone and is_coded and is_nanp and not is_decimal and len(digits) in _PHONE_DIGITS:
            yield Hit(start, end)


_IBAN: Final = rb"(?:^|[^0-9A-Za-z_])([A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30})"


def ibans(text: bytes) -> Iterator[Hit]:
    """International bank account numbers, in one run or with blanks."""
    for start, end in spans(_IBAN, text, 1):
        length = IBAN_LENGTHS.get(text[start : start + 2].decode(), 0)
        kept = [at for at in range(start, end) if text[at] != 0x20][:length]
        if length and len(kept) == length:
            account = bytes(text[at] for at in kept).decode()
            if checksums.iban(account) and stands_alone(text, start, kept[-1] + 1, joints=b"-."):
                yield Hit(start, kept[-1] + 1, 2)


_SSN: Final = rb"(?:^|[^0-9A-Za-z_.-])([0-9]{3}-[0-9]{2}-[0-9]{4})"
_CPF: Final = rb"(?:^|[^0-9A-Za-z_.-])([0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})"
_SPANISH: Final = rb"(?:^|[^0-9A-Za-z_.-])([XYZ0-9][0-9]{7}-?[A-HJ-NP-TV-Z])"
_ITALIAN: Final = rb"(?:^|[^0-9A-Za-z_.-])([A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z])"
_FINNISH: Final = rb"(?:^|[^0-9A-Za-z_.-])([0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y])"
_PART_NUMBERS: Final = (
    rb"(?:part|item|model|sku|order|serial|product|catalog|article|invoice|ref|version|lot|batch|file|case|ticket)"
    rb"[ _-]?(?:no|nr|num|number|id|code)?\.?['\"]?[ :=#(]{0,3}['\"]?$"
)


def national_ids(text: bytes) -> Iterator[Hit]:
    """Numbers of people of the United States, Brazil, Spain, Italy and Finland."""
    for pattern, is_one in (
        (_SSN, lambda found: checksums.social_security_number(found.replace("-", ""))),
        (_CPF, lambda found: checksums.brazilian(found.replace(".", "").replace("-", ""))),
        (_SPANISH, lambda found: checksums.spanish(found.replace("-", ""))),
        (_ITALIAN, checksums.italian),
        (_FINNISH, lambda found: checksums.finnish(found[:6], found[7:10], found[10])),
    ):
        for start, end in spans(pattern, text, 1):
            is_alone = stands_alone(text, start, end, joints=b".-/")
            if is_alone and is_one(text[start:end].decode()) and not has(_PART_NUMBERS, before(text, start)):
                yield Hit(start, end)


_PAIR: Final = rb"(-?[0-9]{1,2}\.[0-9]{4,15}) ?[,;] ?(-?[0-9]{1,3}\.[0-9]{4,15})"
_NAMED_PAIR: Final = (
    rb"(?i:lat)[A-Za-z]{0,6}[\"']?[:= ]{1,3}(-?[0-9]{1,2}\.[0-9]{4,15})[^0-9.]{1,4}"
    rb"(?i:lon|lng)[A-Za-z]{0,6}[\"']?[:= ]{1,3}(-?[0-9]{1,3}\.[0-9]{4,15})"
)


def places(text: bytes) -> Iterator[Hit]:
    """Latitude and longitude, four decimals or more each: some ten metres. Lists have more than two numbers."""
    for pattern in (_PAIR, _NAMED_PAIR):
        for match in compiled(pattern).finditer(text):
            latitude, longitude = float(match[1]), float(match[2])
            start, end = match.span()
            is_pair = stands_alone(text, start, end, joints=b".") and not _is_listed(text, start, end)
            if is_pair and abs(latitude) <= 90 and abs(longitude) <= 180 and max(abs(latitude), abs(longitude)) > 1:
                yield Hit(start, end)


def _is_listed(text: bytes, start: int, end: int) -> bool:
    return has(rb"[0-9] ?[,;] ?$", text[max(0, start - 3) : start]) or has(rb"^ ?[,;] ?-?[0-9]", text[end : end + 4])


_HASHED_MIN: Final = 32
_HASHED: Final = rb"(?i)(?:sha\d*|md5|hmac)?[:-]?(?:[0-9a-f]{32,128}|[A-Za-z0-9+/_-]{43}=?|[A-Za-z0-9+/_-]{86}={0,2})"


def is_identity(value: bytes) -> bool:
    """Whether a value that is called a person's id, name or address is one, and neither hashed nor taken out."""
    return not is_masked(value) and not (len(value) >= _HASHED_MIN and is_all(_HASHED, value))


def is_place(value: bytes) -> bool:
    """Whether a value that is called a coordinate is a number."""
    return is_all(rb"\s*-?[0-9]{1,3}(?:\.[0-9]+)?\s*", value)
