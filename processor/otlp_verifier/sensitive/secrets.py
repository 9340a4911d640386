"""Finders of secrets: each gives where a text holds something of its class, checked and in context."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final

from otlp_verifier.sensitive import checksums
from otlp_verifier.sensitive.hits import Hit, compiled, has, is_all, is_masked, spans, stands_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

_JWT: Final = rb"eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{16,}"
_PUBLISHED_NAMES: Final = ("John Doe",)  # the token that documentation shows


def tokens(text: bytes) -> Iterator[Hit]:
    """JSON web tokens (RFC 7519): a header with `alg`, claims and a signature."""
    for start, end in spans(_JWT, text):
        header, claims = map(_decoded_json, text[start:end].split(b".")[:2])
        is_published = isinstance(claims, dict) and claims.get("name") in _PUBLISHED_NAMES
        is_cut = has(rb"^(?:\.\.\.|\xe2\x80\xa6|\*)", text[end : end + 3])
        if isinstance(header, dict) and "alg" in header and isinstance(claims, dict) and not (is_published or is_cut):
            yield Hit(start, end)


def _decoded_json(part: bytes) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None


_AWS_ID: Final = rb"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}"
_AWS_ENTROPY_MIN: Final = 3.0  # bits a character


def aws_ids(text: bytes) -> Iterator[Hit]:
    """Ids of access keys of AWS, which tell that the key itself is not far."""
    for start, end in spans(_AWS_ID, text):
        key = text[start:end]
        is_example = key.endswith(b"EXAMPLE")
        if stands_alone(text, start, end) and not is_example and checksums.entropy(key) >= _AWS_ENTROPY_MIN:
            yield Hit(start, end, 4)


_AWS_SECRET: Final = rb"(?i:aws|secret)[A-Za-z0-9_. -]{0,40}[\"']?[ ]?(?:=|:|=>)[ ]?[\"']?([A-Za-z0-9/+]{40})"
_AWS_SECRET_ENTROPY_MIN: Final = 4.0


def aws_secrets(text: bytes) -> Iterator[Hit]:
    """Secret keys of AWS: 40 characters behind a word that calls them one."""
    for start, end in spans(_AWS_SECRET, text, 1):
        is_whole = text[end : end + 1] not in (b"/", b"+", b"=") and stands_alone(text, start, end)
        if is_whole and is_aws_secret(text[start:end]):
            yield Hit(start, end)


def is_aws_secret(value: bytes) -> bool:
    """Whether a value that is called a secret key of AWS looks like one; a digest of 40 hex digits does not."""
    if len(value) != 40 or not is_all(rb"[A-Za-z0-9/+]+", value) or is_all(rb"(?i)[0-9a-f]{40}", value):
        return False
    return b"EXAMPLE" not in value and checksums.entropy(value) >= _AWS_SECRET_ENTROPY_MIN


_BEARER: Final = rb"(?i:bearer)(?:\s|%20|\+)+([A-Za-z0-9._~+/=-]{16,})"
_BEARER_ENTROPY_MIN: Final = 3.0


def bearers(text: bytes) -> Iterator[Hit]:
    """Tokens behind `Bearer` (RFC 6750); words of a sentence have no digit, or not both cases."""
    for start, end in spans(_BEARER, text, 1):
        token = text[start:end]
        is_random = (
            has(rb"[0-9]", token) and has(rb"[A-Za-z]", token) and checksums.entropy(token) >= _BEARER_ENTROPY_MIN
        )
        if is_random and not is_masked(token):
            yield Hit(start, end)


def is_authorization(value: bytes) -> bool:
    """Whether a value of a header with credentials has them."""
    scheme, _, credentials = value.strip().partition(b" ")
    return len(value.strip()) >= 8 and not is_masked(value.strip()) and not is_masked(credentials or scheme)


_BASIC: Final = rb"(?i:basic)(?:\s|%20|\+)+([A-Za-z0-9+/]{4,}={0,2})"


def basics(text: bytes) -> Iterator[Hit]:
    """Base64 behind `Basic` that is a name and a password (RFC 7617)."""
    for start, end in spans(_BASIC, text, 1):
        try:
            user, colon, password = base64.b64decode(text[start:end], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            continue
        if colon and (user + password).isprintable() and user and password and not is_masked(password.encode()):
            yield Hit(start, end)


_PRIVATE_KEY: Final = (
    rb"-----BEGIN [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\r|\\n|[A-Z][A-Za-z-]{1,16}: [^\n\\]{1,64})*"
    rb"[A-Za-z0-9+/=]{16}[A-Za-z0-9+/=\s\\-]*"
)


def private_keys(text: bytes) -> Iterator[Hit]:
    """Private keys as text (RFC 7468): the first line with something behind it, as the line alone tells nothing."""
    for start, end in spans(_PRIVATE_KEY, text):
        yield Hit(start, end)


# Tokens that say whose they are: prefix, and what follows it. Public keys and those for tests are none.
_VENDORS: Final = (
    rb"gh[pousr]_[A-Za-z0-9]{36}", rb"github_pat_[A-Za-z0-9_]{82}",
    rb"gl(?:pat|dt|rt|ptt|soat)-[A-Za-z0-9_-]{20,64}",
    rb"xox[abeoprs]-[A-Za-z0-9-]{10,250}", rb"xapp-[0-9]-[A-Za-z0-9-]{20,200}",
    rb"AIza[A-Za-z0-9_-]{35}", rb"GOCSPX-[A-Za-z0-9_-]{28}", rb"ya29\.[A-Za-z0-9_-]{20,}",
    rb"[sr]k_live_[A-Za-z0-9]{16,200}", rb"whsec_[A-Za-z0-9+/]{32,64}",
    rb"sk-ant-[A-Za-z0-9_-]{32,200}", rb"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{32,250}", rb"hf_[A-Za-z]{34}",
    rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", rb"key-[0-9a-f]{32}", rb"SK[0-9a-f]{32}",
    rb"npm_[A-Za-z0-9]{36}", rb"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}", rb"rubygems_[0-9a-f]{48}",
    rb"dckr_pat_[A-Za-z0-9_-]{27}", rb"do[opr]_v1_[0-9a-f]{64}", rb"hv[sb]\.[A-Za-z0-9_-]{24,300}",
    rb"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", rb"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}", rb"glc_[A-Za-z0-9+/]{32,400}",
    rb"NRAK-[A-Z0-9]{27}", rb"dapi[0-9a-f]{32}", rb"lin_api_[A-Za-z0-9]{40}", rb"AGE-SECRET-KEY-1[0-9A-Z]{58}",
    rb"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", rb"EAACEdEose0cBA[A-Za-z0-9]{20,400}", rb"dt0c01\.[A-Z2-7]{24}\.[A-Z2-7]{64}",
)  # fmt: skip
_VENDOR: Final = rb"(?:" + rb"|".join(_VENDORS) + rb")"
_VENDOR_ENTROPY_MIN: Final = 3.0
_EXAMPLES: Final = rb"(?i)example|xxxx|1234567890abcdef|0123456789"
_PREFIX: Final = rb"^(?:[A-Za-z]{2,9}[_.-](?:(?:live|pat|v1|api|ant|proj)[_-])?|AIza|SK|dapi)"


def vendor_tokens(text: bytes) -> Iterator[Hit]:
    """Tokens of known services, by their prefixes."""
    for start, end in spans(_VENDOR, text):
        token = text[start:end]
        is_random = checksums.entropy(token) >= _VENDOR_ENTROPY_MIN and not has(_EXAMPLES, token)
        if is_random and stands_alone(text, start, end, joints=b"-"):
            prefix = compiled(_PREFIX).search(token)
            yield Hit(start, end, prefix.end() if prefix else 0)


_USERINFO: Final = (
    rb"[A-Za-z][A-Za-z0-9+.-]{1,24}://([^\s/?#:@\"'<>\\]{0,128}):([^\s/?#@\"'<>\\]{1,256})@[A-Za-z0-9\[$_]"
)


def userinfos(text: bytes) -> Iterator[Hit]:
    """Passwords in URLs, between the user and the host."""
    for match in compiled(_USERINFO).finditer(text):
        start, end = match.span(2)
        if not is_masked(match[2]):
            yield Hit(start, end)


_ASSIGNED: Final = (
    rb"(?i:^|[^A-Za-z0-9]|[A-Za-z0-9]_)(?i:password|passwd|pwd)"
    rb"(?:=([^\s\"';&,|(){}\[\]<>]{1,256})|[\"']?\s{0,2}(?:=|:|=>)\s{0,2}[\"']([^\"']{1,256})[\"']|\\\"\s?:\s?\\\"([^\"\\]{1,256})\\\")"
)


# The folder that a process runs in, and code that hands a password on.
_NO_PASSWORD: Final = (
    rb"^.?(?:OLD)?PWD[^/~A-Z]{1,6}(?:/|~|[A-Z]:\\)|(?i:password|passwd|pwd)=[\w.]*(?i:password|passwd|pwd)\w*$"
)


def passwords(text: bytes) -> Iterator[Hit]:
    """Passwords in connection strings and JSON: `password=value`, `"password": "value"`."""
    for match in compiled(_ASSIGNED).finditer(text):
        group = next(number for number in (1, 2, 3) if match[number] is not None)
        if not (is_masked(match[group]) or has(_NO_PASSWORD, match[0])):
            yield Hit(*match.span(group))


# The parameters that the semantic conventions name at url.full and url.query, 1.44.0: case counts.
_SIGNED: Final = (
    rb"(?:^|[?&;])(?:X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|AWSAccessKeyId|Signature|sig|"
    rb"X-Goog-Signature)=([A-Za-z0-9%+/=_.~-]{8,})"
)


def signatures(text: bytes) -> Iterator[Hit]:
    """Signatures and credentials in the query of a URL: who has the URL may do what it says."""
    for start, end in spans(_SIGNED, text, 1):
        if not is_masked(text[start:end]):
            yield Hit(start, end)


_KINDS: Final = frozenset(
    b"yes no on off enabled disabled valid invalid basic bearer oauth oauth2 oidc jwt digest ntlm input output".split()
)
_COUNT_DIGITS_MAX: Final = 5


def is_secret(value: bytes) -> bool:
    """Whether a value that is called a secret is one: not masked, no truth, no count, no word for a kind of secret."""
    is_count = value.isdigit() and len(value) <= _COUNT_DIGITS_MAX
    return not (is_masked(value) or is_count or value.lower() in _KINDS)


_RANDOM: Final = rb"[A-Za-z0-9+/_=.-]+"
_RANDOM_LENGTHS: Final = range(24, 257)
_HEX: Final = rb"(?i)[0-9a-f]+"
_UUID: Final = rb"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_DIGEST_DIGITS: Final = (32, 40, 48, 56, 64, 96, 128)  # MD5 and trace ids, SHA-1, ..., SHA-512
_HEX_ENTROPY_MIN, _ENTROPY_MIN = 3.2, 4.2


def is_random(value: bytes) -> bool:
    """Whether a value looks as if dice had made it; not ids, digests, paths and long payloads, which do too."""
    if len(value) not in _RANDOM_LENGTHS or not is_all(_RANDOM, value) or is_all(_UUID, value) or is_masked(value):
        return False
    if is_all(_HEX, value):
        return len(value) not in _DIGEST_DIGITS and checksums.entropy(value) > _HEX_ENTROPY_MIN
    return checksums.entropy(value) > _ENTROPY_MIN and has(rb"[0-9]", value)
