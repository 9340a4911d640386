"""What the readers of all formats share: one input file, its bytes, and where its notes go."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from otlp_verifier.files.notes import InputFile, Notes, NoticeCode, Source
from otlp_verifier.files.settings import FileSettings
from otlp_verifier.files.stream import Stream, StreamError
from otlp_verifier.wire.partition import Room

Some = TypeVar("Some")


class Reading(msgspec.Struct):
    """One input file that is being read.

    Attributes:
        number: what origins say for the file.
        info: what is known about it; kept up to date.
        stream: its bytes.
        settings: bounds.
        notes: of all files.
        room: what parts are made in.
        failed: whether the stream has ended early; the error has been noted.

    """

    number: int
    info: InputFile
    stream: Stream
    settings: FileSettings
    notes: Notes
    room: Room = msgspec.field(default_factory=Room)
    failed: bool = False

    def block(self) -> bytes:
        """Return the next bytes of the file, or none at its end or where it cannot be read on."""
        return self._read(self.stream.read, b"")

    def fill(self, memory: memoryview) -> int:
        """Read the next bytes of the file into memory, after the first block; how many, 0 where `block` has none."""
        return self._read(lambda: self.stream.read_into(memory), 0)

    def _read(self, read: Callable[[], Some], nothing: Some) -> Some:
        if self.failed:
            return nothing
        try:
            return read()
        except StreamError as error:
            self.failed = True
            self.notes.error(Source(self.info.name, offset=error.offset), str(error))
            return nothing
        finally:
            self.info.bytes = self.stream.bytes_read
            self.info.compression = self.stream.compression

    def source(self, offset: int, *, line: int = 0, request: int = 0) -> Source:
        """Name a place in the file."""
        return Source(self.info.name, line, offset, request)

    def error(self, offset: int, message: str, *, line: int = 0, request: int = 0) -> None:
        """Note what cannot be read."""
        self.notes.error(self.source(offset, line=line, request=request), message)

    def notice(
        self, code: NoticeCode, offset: int, message: str, *, line: int = 0, request: int = 0, count: int = 1
    ) -> None:
        """Note what is remarkable."""
        self.notes.notice(code, self.source(offset, line=line, request=request), message, count)

    def skipped(self, signal: str, offset: int, *, line: int = 0, request: int = 0, count: int = 1) -> None:
        """Note records of a signal that is not checked, and count them."""
        if signal == "metrics":
            self.info.metrics += count
        elif signal == "logs":
            self.info.logs += count
        message = f"{signal} are recognised but not checked yet: there are only rules for traces"
        self.notice("signal-skipped", offset, message, line=line, request=request, count=max(1, count))
