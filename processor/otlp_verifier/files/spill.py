"""Telemetry that does not fit into memory, in temporary files: a bucket for each share of the traces."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from otlp_verifier.wire.origin import ORIGIN
from otlp_verifier.wire.partition import Gathered, Gatherer, Part, Room

BUCKETS: Final = 64
_HEAD: Final = struct.Struct("<Q3I")  # bytes of OTLP; resources, scopes, spans


class Bucket:
    """Some whole traces, as requests with the origins of their records."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes = 0

    def write(self, gathered: Gathered) -> None:
        """Add a request.

        Raises:
            OSError: there is no room for it.

        """
        origins = (gathered.resources, gathered.scopes, gathered.spans)
        self._file.write(_HEAD.pack(len(gathered.otlp), *map(len, origins)))
        for table in origins:
            self._file.write(table.tobytes())
        self._file.write(gathered.otlp)
        self.bytes = self._file.tell()

    def parts(self) -> Iterator[Part]:
        """Read the requests, one after another."""
        self._file.seek(0)
        room = Room()
        while head := self._file.read(_HEAD.size):
            size, *counts = _HEAD.unpack(head)
            resources, scopes, spans = (
                np.frombuffer(bytearray(self._file.read(count * ORIGIN.itemsize)), ORIGIN) for count in counts
            )
            yield Part(self._file.read(size), (resources, scopes, spans), room=room)


class Spill:
    """Temporary files with a share of the traces each; removed when it is closed.

    Args:
        folder: where the files go; empty: the system's choice.
        level: how often the telemetry has been divided before.

    """

    def __init__(self, folder: str, level: int) -> None:
        self.level = level
        self._gatherer = Gatherer()
        import tempfile  # noqa: PLC0415  # with it come all kinds of archives

        self._folder = tempfile.TemporaryDirectory(prefix="otlp-verifier-", dir=folder or None)
        self._files = [(Path(self._folder.name) / str(number)).open("w+b") for number in range(BUCKETS)]
        self.buckets = [Bucket(file) for file in self._files]

    def close(self) -> None:
        """Remove the files."""
        for file in self._files:
            file.close()
        self._folder.cleanup()

    def add(self, parts: Sequence[Part]) -> None:
        """Divide parts among the buckets.

        Raises:
            OSError: there is no room for them.

        """
        rows = [part.scatter(self.level, BUCKETS) for part in parts]
        for number, bucket in enumerate(self.buckets):
            # Resources without spans go with the first bucket.
            pieces = [
                (part, of[number], number == 0)
                for part, of in zip(parts, rows, strict=True)
                if number == 0 or len(of[number])
            ]
            gathered = self._gatherer.gather(pieces)
            if len(gathered.otlp):
                bucket.write(gathered)
