"""The one number format that bytes written or read by hand need."""


def varint(value: int) -> bytes:
    """Encode a number of at least 0 as a protobuf varint."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_varint(data: bytes | bytearray | memoryview, at: int) -> tuple[int, int] | None:
    """Read a varint of at most 10 bytes: its value and the position behind it. None: it is cut off or too long."""
    value = shift = 0
    for position in range(at, min(at + 10, len(data))):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
    return None
