"""Bytes of an input, decompressed on the way, in blocks that are bounded whatever the input holds."""

import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

import zstandard

from otlp_verifier.files.settings import FileSettings

Compression = Literal["", "gzip", "zstd"]

BLOCK: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5f
_GZIP: Final = 31  # zlib: largest window, with the header of gzip
_ZSTD_WINDOW_MAX: Final = 1 << 27  # what the zstd command accepts without being told more
_RATIO_FROM: Final = 64 << 20  # unpacked bytes from which the ratio is judged: less harms nobody
_ZSTD_INPUT: Final = 1 << 10  # at most 256 blocks of 128 KiB come of so many bytes
_NOTHING: Final = b""


class StreamError(Exception):
    """Why an input cannot be read on; what was read before is good.

    Attributes:
        offset: byte in the file, before decompression.

    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def compression_of(head: bytes | memoryview) -> Compression:
    """Recognise compressed content by its first four bytes."""
    if head[:2] == _GZIP_MAGIC:
        return "gzip"
    if head[:4] == _ZSTD_MAGIC or (len(head) >= 4 and head[0] & 0xF0 == 0x50 and head[1:4] == _ZSTD_SKIPPABLE):
        return "zstd"
    return ""


class Stream:
    """Reads an input to its end.

    Args:
        raw: the input; read with `read`.
        settings: bounds.

    Attributes:
        bytes_read: so far, before decompression.
        compression: known once something was read.

    """

    def __init__(self, raw: BinaryIO, settings: FileSettings) -> None:
        self._raw = raw
        self._settings = settings
        self._blocks: Iterator[bytes] | None = None
        self._left = memoryview(_NOTHING)  # of the last block
        self.bytes_read = 0
        self.compression: Compression = ""

    def read(self) -> bytes:
        """Return the next bytes, or none at the end.

        Raises:
            StreamError: the input cannot be read or unpacked on.

        """
        if self._blocks is None:
            first = self._read_raw()
            while first and len(first) < 4 and (more := self._read_raw()):
                first += more
            self.compression = compression_of(first)
            if self.compression:
                blocks = _gzip(self, first) if self.compression == "gzip" else _zstd(self, first)
                self._blocks = _joined(self._bounded(blocks))
            else:
                self._blocks = self.raw_blocks(first)
        left, self._left = self._left, memoryview(_NOTHING)
        return bytes(left) or next(self._blocks, _NOTHING)

    def read_into(self, memory: memoryview) -> int:
        """Read the next bytes into memory, at most as many as there is room for; how many, 0 at the end.

        Only after the first `read`.

        Raises:
            StreamError: as `read`.

        """
        if self.compression:
            self._left = self._left or memoryview(self.read())
            unpacked = self._left[: len(memory)]
            memory[: len(unpacked)] = unpacked
            self._left = self._left[len(unpacked) :]
            return len(unpacked)
        try:
            count: int = self._raw.readinto(memory)  # type: ignore[attr-defined]  # every binary file has it
        except OSError as error:
            raise self._cannot_read(error) from error
        self.bytes_read += count
        return count

    def _cannot_read(self, error: OSError) -> StreamError:
        return StreamError(f"cannot be read: {error.strerror or error}", self.bytes_read)

    def _read_raw(self) -> bytes:
        try:
            block = self._raw.read(BLOCK)
        except OSError as error:
            raise self._cannot_read(error) from error
        self.bytes_read += len(block)
        return block

    def raw_blocks(self, first: bytes) -> Iterator[bytes]:
        """Yield what the file holds, `first` first."""
        while first:
            yield first
            first = self._read_raw()

    def _bounded(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        unpacked = 0
        most, ratio = self._settings.decompressed_bytes_max, self._settings.compression_ratio_max
        for block in blocks:
            unpacked += len(block)
            if unpacked > most:
                raise StreamError(
                    f"unpacks to more than {most} bytes, which `decompressed_bytes_max` allows", self.bytes_read
                )
            if unpacked > _RATIO_FROM and unpacked > ratio * self.bytes_read:
                raise StreamError(
                    f"unpacks to more than {ratio} times its size, which `compression_ratio_max` allows: "
                    f"{unpacked} bytes of {self.bytes_read}",
                    self.bytes_read,
                )
            yield block


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Make blocks of pieces, which may be small; what came before an error comes before it still."""
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= BLOCK:
                yield b"".join(held)
                held.clear()
                size = 0
    except StreamError:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


class Tee(io.RawIOBase):
    """An input of which everything that is read is kept as well."""

    def __init__(self, raw: BinaryIO, kept: BinaryIO) -> None:
        self._raw = raw
        self._kept = kept

    def readinto(self, memory: memoryview) -> int:  # type: ignore[override]  # nothing else is given
        """Read, and keep it; what RawIOBase reads in other ways goes through this one."""
        count: int = self._raw.readinto(memory)  # type: ignore[attr-defined]  # every binary file has it
        self._kept.write(memory[:count])
        return count


def _gzip(stream: Stream, first: bytes) -> Iterator[bytes]:
    """Unpack members one after another; zero bytes behind the last one are padding."""
    inflater = zlib.decompressobj(_GZIP)
    for packed in stream.raw_blocks(first):
        rest = packed
        while rest:
            if inflater.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                inflater = zlib.decompressobj(_GZIP)
            try:
                unpacked = inflater.decompress(rest, BLOCK)
            except zlib.error as error:
                at = stream.bytes_read - len(rest)
                raise StreamError(f"broken gzip data ({error}); expected what gzip has written", at) from error
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if unpacked:
                yield unpacked
        while not inflater.eof and (unpacked := inflater.decompress(inflater.unconsumed_tail, BLOCK)):
            yield unpacked
    if not inflater.eof:
        raise StreamError("the gzip data ends in the middle; expected its last bytes", stream.bytes_read)


def _zstd(stream: Stream, first: bytes) -> Iterator[bytes]:
    """Unpack frames one after another."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_MAX)
    frame = decompressor.decompressobj()
    for packed in stream.raw_blocks(first):
        for start in range(0, len(packed), _ZSTD_INPUT):
            rest = packed[start : start + _ZSTD_INPUT]
            while rest:
                if frame.eof:
                    frame = decompressor.decompressobj()
                try:
                    unpacked = frame.decompress(rest)
                except zstandard.ZstdError as error:
                    at = stream.bytes_read - len(packed) + start
                    raise StreamError(f"broken zstd data ({error}); expected what zstd has written", at) from error
                rest = frame.unused_data if frame.eof else _NOTHING
                if unpacked:
                    yield unpacked
    if not frame.eof:
        raise StreamError("the zstd data ends in the middle; expected its last bytes", stream.bytes_read)
