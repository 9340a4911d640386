"""Bounds on what is read from files. Every one has a default that real captures stay far below."""

from typing import Annotated

import msgspec
from msgspec import Meta

Bytes = Annotated[int, Meta(ge=1 << 16, le=2**40)]


class FileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds on memory, decompression and reports while files are read."""

    document_bytes_max: Annotated[
        int,
        Meta(
            ge=1 << 20,
            le=1 << 30,
            description="One JSON line, document or request; longer ones are skipped",
        ),
    ] = 64 << 20
    memory_bytes_max: Annotated[
        Bytes, Meta(description="Telemetry kept in memory until its traces are complete; beyond it, temporary files")
    ] = 256 << 20
    decompressed_bytes_max: Annotated[Bytes, Meta(description="What one compressed file may unpack to")] = 1 << 38
    compression_ratio_max: Annotated[
        int, Meta(ge=2, le=100_000, description="Unpacked to packed bytes; judged from 64 MiB unpacked on")
    ] = 200
    notes_max: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Input errors and notices kept as text; the others are counted"),
    ] = 1_000
    temporary_folder: Annotated[str, Meta(description="Where temporary files go; empty: the system's choice")] = ""
