"""The classes of sensitive data: what each looks like, and which keys of attributes say more about their values.

A class has the id of the rule that is about it. A text of the class has its `shape`
somewhere, which RE2 looks for in all texts at once; `find` then tells where the class
itself stands. Values whose key `asks` are of the class if `is_asked` says so, whatever
their shape; values whose key `excludes` the class are not of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from otlp_verifier.sensitive import keys, persons, secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otlp_verifier.sensitive.hits import Hit

NEVER: Final = rb"[^\x00-\xff]"
# Around a text there is a line end, so that a shape may begin and end with what is no part of a word.
_APART: Final = rb"[^0-9A-Za-z_.-]"


def _nothing(_text: bytes) -> Iterator[Hit]:
    return iter(())


class Class(msgspec.Struct, frozen=True):
    """A class of sensitive data.

    Attributes:
        name: the id of its rule.
        title: what it is, for people.
        shape: a pattern that matches in every text, with line ends around it, that `find` finds something in.
        marks: one of these is in each such text, in lower case; none: nothing is known.
        digits: each such text has at least so many.
        find: where a text holds something of the class.
        asks: keys, if any, whose values are of the class if `is_asked`.
        unless: keys that neither ask nor exclude, although they look like it.
        is_asked: whether a value with such a key is of the class.
        numbers: whether numbers with such a key are of the class too.
        excludes: keys whose values are not of the class.

    """

    name: str
    title: str
    shape: bytes = b""
    marks: tuple[bytes, ...] = ()
    digits: int = 0
    find: Callable[[bytes], Iterator[Hit]] = _nothing
    asks: bytes = NEVER
    is_asked: Callable[[bytes], bool] = bool
    numbers: bool = False
    excludes: bytes = NEVER
    unless: bytes = NEVER


_VENDOR_MARKS: Final = tuple(
    b"ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glptt- glsoat- xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- "
    b"xoxs- xapp- "
    b"aiza gocspx- ya29. sk_live_ rk_live_ whsec_ sk-ant- sk-proj- sk-svcacct- sk-admin- hf_ sg. key- sk npm_ "
    b"pypi-ag "
    b"rubygems_ dckr_pat_ doo_v1_ dop_v1_ dor_v1_ hvs. hvb. shpat_ shpca_ shppa_ shpss_ glsa_ glc_ nrak- dapi "
    b"lin_api_ "
    b"age-secret-key-1 pmak- eaacedeose0cba dt0c01.".split()
)

CLASSES: Final = (
    Class(
        "pii-credit-card",
        "credit card number",
        rb"[^0-9A-Za-z_][2-6][0-9]{3}(?:[ -]?[0-9]){9}",
        digits=13,
        find=persons.cards,
        excludes=keys.IDS,
        unless=rb"(?i)card|(?:^|[._-])pan(?:$|[._-])",
    ),
    Class(
        "pii-email",
        "e-mail address",
        rb"[A-Za-z0-9._%+-]@[A-Za-z0-9]",
        marks=(b"@",),
        find=persons.emails,
        excludes=rb"(?i)message[._-]?id$",
    ),
    Class(
        "pii-ip",
        "public IP address",
        rb"(?:[^0-9A-Za-z_./-]|[^0-9A-Za-z_]/)(?:[1-9]|1[1-9]|[2-9][0-9]|1[013-9][0-9]|12[0-689]|2[0-5][0-9])"
        rb"(?:\.[0-9]{1,3}){3}[^0-9A-Za-z_]|[^0-9A-Za-z_:.][23][0-9A-Fa-f]{3}:[0-9A-Fa-f]{0,4}:",
        marks=(b".", b":"),
        digits=4,
        find=persons.addresses,
        excludes=keys.ADDRESSES,
    ),
    Class(
        "pii-phone",
        "phone number",
        rb"[^0-9A-Za-z_]\+[1-9][0-9 ./()-]{6}",
        marks=(b"+",),
        digits=8,
        find=persons.phones,
        excludes=keys.IDS,
        unless=rb"(?i)phone|tel",
    ),
    Class(
        "pii-iban",
        "bank account number",
        rb"[^0-9A-Za-z_][A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}",
        digits=6,
        find=persons.ibans,
    ),
    Class(
        "pii-national-id",
        "national id",
        _APART + rb"(?:[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|"
        rb"[XYZ0-9][0-9]{7}-?[A-HJ-NP-TV-Z]|"
        rb"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]|"
        rb"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y])[^0-9A-Za-z_]",
        digits=7,
        find=persons.national_ids,
        excludes=keys.IDS,
        unless=rb"(?i)national|ssn|tax|social",
    ),
    Class(
        "pii-geo",
        "place",
        rb"[0-9]\.[0-9]{4,15} ?[,;] ?-?[0-9]|(?i:lat)[A-Za-z]{0,6}[\"']?[:= ]{1,3}-?[0-9]",
        marks=(b".",),
        digits=10,
        find=persons.places,
        asks=rb"(?i)^geo\.location\.(?:lat|lon)$|(?:^|[._-])(?:latitude|longitude)$",
        is_asked=persons.is_place,
        numbers=True,
    ),
    Class(
        "pii-user-identity",
        "identity of a user",
        asks=rb"^(?:user\.(?:id|email|full_name|name)|enduser\.id)$",
        is_asked=persons.is_identity,
        numbers=True,
    ),
    Class("secret-jwt", "JSON web token", rb"eyJ[A-Za-z0-9_-]{5}", marks=(b"eyj",), find=secrets.tokens),
    Class(
        "secret-aws-key-id",
        "AWS access key id",
        rb"A(?:KIA|SIA|BIA|CCA|3T[A-Z0-9])[A-Z2-7]{4}",
        marks=(b"akia", b"asia", b"abia", b"acca", b"a3t"),
        find=secrets.aws_ids,
    ),
    Class(
        "secret-aws-secret",
        "AWS secret key",
        rb"(?i:aws|secret)[A-Za-z0-9_. -]{0,40}[\"']?[ ]?[=:]>?[ ]?[\"']?[A-Za-z0-9/+]{20}",
        marks=(b"aws", b"secret"),
        find=secrets.aws_secrets,
        asks=rb"(?i)aws.{0,20}secret|secret[._-]?access[._-]?key",
        is_asked=secrets.is_aws_secret,
    ),
    Class(
        "secret-bearer",
        "bearer token",
        rb"(?i:bearer)(?:\s|%20|\+)",
        marks=(b"bearer",),
        find=secrets.bearers,
        asks=rb"(?i)^http\.request\.header\.(?:proxy[-_])?authorization$",
        is_asked=secrets.is_authorization,
    ),
    Class(
        "secret-basic-auth",
        "user and password",
        rb"(?i:basic)(?:\s|%20|\+)",
        marks=(b"basic",),
        find=secrets.basics,
    ),
    Class(
        "secret-private-key",
        "private key",
        rb"PRIVATE KEY(?: BLOCK)?-",
        marks=(b"private key",),
        find=secrets.private_keys,
    ),
    Class(
        "secret-vendor-token",
        "token of a service",
        rb"gh[pousr]_|github_pat_|gl(?:pat|dt|rt|ptt|soat)-|xox[abeoprs]-|xapp-|AIza|GOCSPX-|ya29\.|[sr]k_live_|"
        rb"whsec_|sk-ant-|"
        rb"sk-(?:proj|svcacct|admin)-|hf_[A-Za-z]{8}|SG\.[A-Za-z0-9_-]{8}|key-[0-9a-f]{8}|SK[0-9a-f]{8}|npm_|"
        rb"pypi-Ag|rubygems_|"
        rb"dckr_pat_|do[opr]_v1_|hv[sb]\.|shp(?:at|ca|pa|ss)_|glsa_|glc_|NRAK-|dapi[0-9a-f]{8}|lin_api_|"
        rb"AGE-SECRET-KEY-1|"
        rb"PMAK-|EAACEdEose0cBA|dt0c01\.",
        marks=_VENDOR_MARKS,
        find=secrets.vendor_tokens,
    ),
    Class(
        "secret-url-userinfo",
        "password in a URL",
        rb"[^\s/?#@]@[A-Za-z0-9\[$_]",
        marks=(b"://",),
        find=secrets.userinfos,
    ),
    Class(
        "secret-dsn-password",
        "password",
        rb"(?i:password|passwd|pwd)[\\\"']{0,2}\s{0,2}[=:]",
        marks=(b"passw", b"pwd"),
        find=secrets.passwords,
    ),
    Class(
        "secret-signed-url",
        "signature of a URL",
        rb"(?:Signature|sig|Credential|Security-Token|AWSAccessKeyId)=",
        marks=(b"sig=", b"signature=", b"credential=", b"token=", b"keyid="),
        find=secrets.signatures,
    ),
    Class(
        "secret-by-key-name",
        "value of a secret",
        asks=keys.SECRETS,
        is_asked=secrets.is_secret,
        unless=keys.ABOUT_SECRETS,
    ),
    Class(
        "secret-high-entropy",
        "random text",
        asks=keys.SUSPICIOUS,
        is_asked=secrets.is_random,
        unless=keys.ABOUT_SUSPICIOUS,
    ),
)
NAMES: Final = tuple(each.name for each in CLASSES)
GROUPS: Final = ("secret", "pii")


def mask_of(name: str) -> int:
    """The bits of a class, or of all whose names begin with `secret` or `pii`; 0 where there is no such name."""
    return sum(1 << bit for bit, each in enumerate(NAMES) if name == each or (name in GROUPS and each.startswith(name)))
