"""The one number format that bytes written by hand need."""


def varint(value: int) -> bytes:
    """Encode a number of at least 0 as a protobuf varint."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
