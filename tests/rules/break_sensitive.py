"""For each rule about sensitive data, a text that breaks it, put somewhere into a clean trace.

Tokens are written in two parts, so that nobody who looks for leaked ones finds them here.
"""

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.rules.break_records import Break, extended, records, scope
from tests.rules.clean import Trace, attribute

_RANDOM = "kX7vQ2mLp9RtYw3Zb8NfHc4JdGs6TeUaVi1oPq5r"
TEXTS = {
    "pii-credit-card": "4111 1111 1111 1111",
    "pii-email": "jane.doe@mail.org",
    "pii-ip": "93.184.216.34",
    "pii-phone": "+49 30 901820",
    "pii-iban": "DE89370400440532013000",
    "pii-national-id": "219-41-8873",
    "pii-geo": "52.520008, 13.404954",
    "secret-jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJlLW9mLXRoZS1zaG9w",
    "secret-aws-key-id": "AKIA" + "QYLPMN5HHHFPZAM2",
    "secret-aws-secret": "aws_secret_access_key=" + _RANDOM,
    "secret-bearer": "Bearer mF9.B5f-4.1JqM0aZx7Lq2",
    "secret-basic-auth": "Basic amFuZTpodW50ZXIy",
    "secret-private-key": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v",
    "secret-vendor-token": "ghp_" + _RANDOM[:36],
    "secret-url-userinfo": "https://jane:hunter2@shop.local/cart",
    "secret-dsn-password": "Server=db;Password=hunter2;",
    "secret-signed-url": "https://shop.local/x?sig=4a1b9c0d3e5f6a7b",
}
# Values that are sensitive by their keys.
BY_KEY = {
    "pii-user-identity": ("user.name", "jane"),
    "secret-by-key-name": ("db.password", "hunter2"),
    "secret-high-entropy": ("shop.credential", _RANDOM[:28]),
}


def planted(text: str) -> Break:
    """In a name, a message, or a value at any depth; before and behind other words."""

    def broken(trace: Trace) -> None:
        written = trace.random.choice(["{}", "got {}", "{} was it", "({})"]).format(text)
        nested = AnyValue()
        nested.kvlist_value.values.add(key="list").value.array_value.values.add().string_value = written
        value = trace.random.choice([attribute("shop.note", written), KeyValue(key="shop.map", value=nested)])
        if (place := trace.random.randrange(5)) == 0:
            trace.spans["load"].name = written
        elif place == 1:
            trace.spans["mail"].status.message = written
        elif place == 2:
            scope(trace).scope.attributes.append(value)
        else:
            trace.random.choice(records(trace)).attributes.append(value)

    return broken


def in_attribute(trace: Trace) -> None:
    extended(attribute(*BY_KEY["secret-by-key-name"]))(trace)


SENSITIVE: dict[str, Break] = {
    **{rule: planted(text) for rule, text in TEXTS.items()},
    **{rule: extended(attribute(*pair)) for rule, pair in BY_KEY.items()},
    "secret-in-attribute": in_attribute,
}
