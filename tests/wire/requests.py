"""Random requests as bytes: every message of a trace request, with the encodings that no SDK sends but readers accept.

All choices come from the `random.Random` that is handed in.
"""

from collections.abc import Callable
from random import Random

KEYS = (b"a", b"http.request.method", b"verifier", b"verifierx", b"", b"verifier.violations", b"verifier.trace.verdict")


class Maker:
    """Makes one request.

    `odd` adds what upb refuses and the collector accepts: bad UTF-8, tags of 64 bits, groups that are cut off.
    """

    def __init__(self, rng: Random, *, odd: bool) -> None:
        self.rng = rng
        self.odd = odd

    def chance(self, one_in: int) -> bool:
        return self.rng.randrange(one_in) == one_in - 1

    def varint(self, value: int, *, longest: int = 5) -> bytes:
        encoded = bytearray()
        while value >= 0x80:
            encoded.append(value & 0x7F | 0x80)
            value >>= 7
        encoded.append(value)
        if self.chance(30):
            padding = self.rng.randrange(longest - len(encoded) + 1)
            encoded[-1] |= 0x80 if padding else 0
            encoded += b"\x80" * (padding - 1) + b"\x00" if padding else b""
        return bytes(encoded)

    def tag(self, number: int, wire_type: int) -> bytes:
        if self.odd and self.chance(40):
            return self.varint(number << 3 | wire_type | 1 << 35 + self.rng.randrange(20), longest=10)
        return self.varint(number << 3 | wire_type)

    def field(self, number: int, body: bytes) -> bytes:
        return self.tag(number, 2) + self.varint(len(body)) + body

    def text(self) -> bytes:
        if self.odd and self.chance(10):
            return b"\xff\xc0"
        return self.rng.choice((b"", b"x", "é".encode(), b"y" * self.rng.randrange(200)))

    def stray(self, known: tuple[int, ...]) -> bytes:
        """A field that readers keep but do not know: another number, or a known one with another wire type."""
        number = self.rng.choice((*known, 99, 2**29 - 1))
        kind = self.rng.randrange(5)
        if kind == 0:
            return self.tag(99, 2) + self.varint(3) + b"\x08\x01\x02"
        if kind == 1:
            return self.tag(number, 0) + self.varint(self.rng.randrange(2**40), longest=10)
        if kind == 2:
            return self.tag(number, 1) + b"12345678"
        if kind == 3:
            return self.tag(number, 5) + b"1234"
        return self.tag(number, 3) + self.field(9, b"z") + self.tag(number, 4)

    def message(self, known: tuple[int, ...], *makers: tuple[int, int, Callable[[], bytes]]) -> bytes:
        """A message with up to `most` fields of each (number, most, body), in any order."""
        parts = [
            self.field(number, make()) for number, most, make in makers for _ in range(self.rng.randrange(most + 1))
        ]
        if self.chance(6):
            parts.append(self.stray(known))
        if self.chance(4):
            self.rng.shuffle(parts)
        if self.odd and self.chance(12):
            start = self.tag(98, 3)  # of a group that is cut off: it ends behind its first field, or with the message
            if self.chance(2):
                parts.append(start)
            else:
                parts.insert(self.rng.randrange(len(parts) + 1), start + self.field(9, b"cut off"))
        return b"".join(parts)

    def value(self, depth: int = 0) -> bytes:
        kind = self.rng.randrange(6)
        if kind == 0:
            return self.tag(2, 0) + b"\x01"
        if kind == 1:
            return self.tag(3, 0) + self.varint(self.rng.randrange(2**63), longest=10)
        if kind == 2 and depth < 3:
            return self.field(5, self.message((1,), (1, 2, lambda: self.value(depth + 1))))
        if kind == 3 and depth < 3:
            return self.field(6, self.message((1,), (1, 2, lambda: self.key_value(depth + 1))))
        return self.field(1, self.text())

    def key(self) -> bytes:
        if self.odd and self.chance(10):
            return b"verifier.\xff" if self.chance(2) else b"\xff"
        return self.rng.choice(KEYS)

    def key_value(self, depth: int = 0) -> bytes:
        parts = [self.field(1, self.key()), self.field(2, self.value(depth))]
        if self.chance(10):
            parts.append(self.field(1, self.key()))
        if self.chance(10):
            parts.pop(0)
        if self.chance(10):
            parts.reverse()
        return b"".join(parts)

    def event(self) -> bytes:
        return self.message((1, 2, 3), (2, 1, self.text), (3, 2, self.key_value))

    def link(self) -> bytes:
        return self.message((1, 4), (1, 1, lambda: b"\x01" * 16), (4, 2, self.key_value))

    def status(self) -> bytes:
        return self.message((2, 3), (2, 1, self.text))

    def span(self) -> bytes:
        return self.message(
            (5, 9, 11, 13),
            (1, 1, lambda: b"\x01" * 16),
            (2, 1, lambda: b"\x02" * 8),
            (5, 1, self.text),
            (9, 4, self.key_value),
            (11, 2, self.event),
            (13, 2, self.link),
            (15, 1, self.status),
        )

    def scope(self) -> bytes:
        return self.message((1, 3), (1, 1, self.text), (3, 2, self.key_value))

    def scope_spans(self) -> bytes:
        return self.message((1, 2), (1, 2, self.scope), (2, 4, self.span), (3, 1, self.text))

    def resource(self) -> bytes:
        return self.message((1, 2), (1, 3, self.key_value))

    def resource_spans(self) -> bytes:
        return self.message((1, 2), (1, 2, self.resource), (2, 3, self.scope_spans), (3, 1, self.text))

    def request(self) -> bytes:
        return self.message((1,), (1, 3, self.resource_spans))


def random_request(rng: Random, *, odd: bool) -> bytes:
    return Maker(rng, odd=odd).request()
