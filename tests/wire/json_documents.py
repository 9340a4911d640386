"""Random OTLP/JSON documents as text: every key of a trace request, in the shapes that encoders write and in odd ones.

What keys there are comes from protobuf's descriptors. All choices come from the `random.Random` that is handed in.
"""

import base64
from collections.abc import Callable
from random import Random

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUEST: Descriptor = ExportTraceServiceRequest.DESCRIPTOR
SPAN_KINDS = ("SPAN_KIND_UNSPECIFIED", "SPAN_KIND_SERVER", "SPAN_KIND_CONSUMER", "SPAN_KIND_ODD", "SERVER", "2")
STATUS_CODES = ("STATUS_CODE_UNSET", "STATUS_CODE_ERROR", "STATUS_CODE_ODD", "1")
NUMBERS = (
    "0", "1", "2", "-1", "-0", "127", "128", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1.0", "1.5", "1e3",
    "25e-1", "250e-1", "1E+2", "0.0", "0e9", "1e400", "-1e400", "1e-400", "0.1", "3.141592653589793",
    "1.7976931348623157e308", "5e-324", "2.2250738585072011e-308", "123456789012345678901234567890", "9007199254740993",
    "1" + "0" * 400, "NaN", "Infinity", "-Infinity",
)  # fmt: skip
STRINGS = (
    "", "x", "verifier.severity", "é", "\U0001f600", "a\\b\"c/d\n\t\x01\x7f", "y" * 130, "\ud800", "a\udc00b", "\0",
)  # fmt: skip
LONG = "z" * 17_000  # its length takes three bytes


class DocumentMaker:
    """Makes one document; `odd` adds what receivers ignore or misunderstand."""

    def __init__(self, rng: Random, *, odd: bool = True) -> None:
        self.rng = rng
        self.odd = odd

    def chance(self, one_in: int) -> bool:
        return self.rng.randrange(one_in) == one_in - 1  # a shrinking hypothesis tends to 0

    def blank(self) -> str:
        return self.rng.choice((" ", "\n", "\t", "\r\n", "  ")) if self.chance(12) else ""

    def string(self, text: str) -> str:
        """A JSON string, some of its characters escaped although they need not be."""
        written = []
        for c in text:
            if c in '"\\' or c < " " or (self.odd and self.chance(15)):
                short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
                units = c.encode("utf-16-be", "surrogatepass")
                long = "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
                written.append(short[c] if c in short and not self.chance(3) else long)
            elif "\ud800" <= c <= "\udfff":
                written.append(f"\\u{ord(c):04x}")
            else:
                written.append(c)
        return f'"{"".join(written)}"'

    def text(self) -> str:
        return self.string(LONG if self.chance(300) else self.rng.choice(STRINGS))

    def anything(self, depth: int = 0) -> str:
        """A value of any kind."""
        kind = self.rng.randrange(9)
        if kind == 7 and depth < 3:
            return "[" + ",".join(self.anything(depth + 1) for _ in range(self.rng.randrange(3))) + "]"
        if kind == 8 and depth < 3:
            return "{" + ",".join(f'"{key}":{self.anything(depth + 1)}' for key in "ab"[: self.rng.randrange(3)]) + "}"
        return self.rng.choice(("null", "true", "false", self.text(), self.rng.choice(NUMBERS)))

    def identity(self, size: int) -> str:
        kind = self.rng.randrange(8) if self.odd else 0
        content = self.rng.randbytes(size)
        if kind == 5:
            return self.string(base64.b64encode(content).decode())
        if kind == 6:
            return self.string(
                self.rng.choice(("", "0", "abc", "zz" * size, content.hex()[:-2], content.hex() * 2, "=" * 24))
            )
        text = content.hex()
        return self.string(text.upper() if kind == 7 else text)

    def number(self) -> str:
        number = self.rng.choice(NUMBERS) if self.odd else str(self.rng.randrange(5))
        return self.string(number) if self.chance(2) else number

    def scalar(self, field: FieldDescriptor) -> str:
        if field.name in ("trace_id", "span_id", "parent_span_id"):
            return self.identity(16 if field.name == "trace_id" else 8)
        makers: dict[int, Callable[[], str]] = {
            FieldDescriptor.TYPE_STRING: self.text,
            FieldDescriptor.TYPE_BOOL: lambda: self.rng.choice(("true", "false")),
            FieldDescriptor.TYPE_BYTES: self.content,
            FieldDescriptor.TYPE_ENUM: self.enum,
        }
        return makers.get(field.type, self.number)()

    def content(self) -> str:
        content = self.rng.randbytes(self.rng.randrange(20))
        text = (base64.urlsafe_b64encode if self.chance(3) else base64.b64encode)(content).decode()
        if self.chance(4):
            text = text.rstrip("=")
        return self.string(self.rng.choice((text, "a", "!", "ab=", "====")) if self.odd and self.chance(5) else text)

    def enum(self) -> str:
        if self.odd and self.chance(4):
            return self.string(self.rng.choice(SPAN_KINDS + STATUS_CODES))
        return self.rng.choice(NUMBERS) if self.odd and self.chance(4) else str(self.rng.randrange(4))

    def value(self, field: FieldDescriptor, depth: int) -> str:
        if self.odd and self.chance(25):
            return self.anything()
        if field.message_type is None:
            return self.array(lambda: self.scalar(field)) if field.is_repeated else self.scalar(field)
        return (
            self.array(lambda: self.message(field.message_type, depth + 1))
            if field.is_repeated
            else self.message(field.message_type, depth + 1)
        )

    def array(self, element: Callable[[], str]) -> str:
        items = [self.anything() if self.odd and self.chance(40) else element() for _ in range(self.rng.randrange(4))]
        return "[" + self.blank() + ("," + self.blank()).join(items) + self.blank() + "]"

    def message(self, descriptor: Descriptor, depth: int = 0) -> str:
        fields = [field for field in descriptor.fields if not field.name.endswith("_strindex")]
        if descriptor.name == "AnyValue":
            fields = [self.rng.choice(fields)]
        else:
            fields = [field for field in fields if self.chance(2) or (field.message_type is not None and depth < 4)]
        if depth > 9:
            fields = [field for field in fields if field.message_type is None]
        if self.chance(4):
            self.rng.shuffle(fields)
        if self.odd and fields and self.chance(12):
            fields.append(self.rng.choice(fields))
        members = [f"{self.key(field)}{self.blank()}:{self.blank()}{self.value(field, depth)}" for field in fields]
        if self.odd and self.chance(10):
            members.append(f'"{self.rng.choice(("unknown", "UNKNOWN_key", "", "spanid"))}":{self.anything()}')
        return "{" + self.blank() + ("," + self.blank()).join(members) + self.blank() + "}"

    def key(self, field: FieldDescriptor) -> str:
        if self.odd and self.chance(30):
            return self.string(field.name)
        return self.string(field.json_name) if self.odd and self.chance(10) else f'"{field.json_name}"'


def random_document(rng: Random, *, odd: bool = True) -> bytes:
    return DocumentMaker(rng, odd=odd).message(REQUEST).encode("utf-8", "surrogatepass")
