"""Writes verdicts into OTLP bytes: the input copied, with attributes inserted and removed and records dropped."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.memory import UINT8, UINT32, joined, pointer
from otlp_verifier.wire.varint import varint

NO_PATCH: Final = 0xFFFFFFFF

_EDITS: Final = ffi.typeof("otlpv_edits *")
_LENGTHS: Final = ffi.typeof("otlpv_lengths *")
_SCRATCH: Final = ffi.typeof("uint32_t[]")
_BYTES: Final = ffi.typeof("uint8_t[]")
_TEXTS: Final = ffi.typeof("uint64_t[]")
_LENGTH: Final = ffi.typeof("uint64_t *")
_KEPT: Final = b"\xff\xff\xff\xff"  # OTLPV_NO_ROW as a length: the whole ResourceSpans stays as it is

# The documented way to a bytes object that is filled after it is made: saves zeroing or copying the result.
_new_bytes = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_char_p, ctypes.c_ssize_t)(
    ("PyBytes_FromStringAndSize", ctypes.pythonapi)
)


class Scanned(Protocol):
    """A scanned batch; `otlp_verifier.columns.Columns` is one."""

    @property
    def buffer(self) -> bytes | memoryview:
        """What was scanned."""

    @property
    def counts(self) -> Any:
        """`otlpv_counts *`."""

    @property
    def native(self) -> Any:
        """`otlpv_columns *`."""


class SpliceError(ValueError):
    """The result would be longer than 4 GiB, a patch is not what `patch` makes, or the scanned bytes have changed."""


def patch(attributes: Mapping[str, str | Sequence[str]]) -> bytes:
    """Encode attributes for `splice`. Made once per distinct set, not per record."""
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue  # noqa: PLC0415  # as in values.py

    parts: list[bytes] = []
    for key, value in attributes.items():
        if isinstance(value, str):
            encoded = AnyValue(string_value=value)
        else:
            encoded = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=text) for text in value]))
        message = KeyValue(key=key, value=encoded).SerializeToString()
        parts += (varint(len(message)), message)
    return b"".join(parts)


class Patches:
    """Distinct sets of attributes to write, each as `patch` encodes it; an index into them says which. Reusable."""

    def __init__(self, encoded: Sequence[bytes] = ()) -> None:
        together, texts = joined(encoded)
        self.count = len(encoded)
        self.texts = ffi.new(_TEXTS, texts)
        self.bytes = ffi.from_buffer(_BYTES, together)

    def __len__(self) -> int:
        """How many there are."""
        return self.count


NO_PATCHES: Final = Patches()


def splice(
    batch: Scanned,
    patches: Patches = NO_PATCHES,
    *,
    span_patch: NDArray[np.uint32] | None = None,
    scope_patch: NDArray[np.uint32] | None = None,
    resource_patch: NDArray[np.uint32] | None = None,
    span_drop: NDArray[np.uint8] | None = None,
) -> bytes | memoryview:
    """Return the batch's bytes with the edits made; the batch's own buffer when there are none to make.

    Attributes whose key begins with `verifier.` are removed from spans, scopes and resources; see splice.h.

    Args:
        batch: what the scanner made of the bytes.
        patches: what is written.
        span_patch: per span an index into `patches` or NO_PATCH, shape (at least the spans,).
        scope_patch: the same per scope.
        resource_patch: the same per resource.
        span_drop: per span 1 to leave it out, shape (at least the spans,).

    Raises:
        SpliceError: see there.
        ValueError: an array has another type or layout, or is too short.

    """
    counts = batch.counts
    spans, scopes, resources = counts.spans, counts.scopes, counts.resources
    pointers = (
        _rows(span_patch, UINT32, spans),
        _rows(resource_patch, UINT32, resources),
        _rows(scope_patch, UINT32, scopes),
        _rows(span_drop, UINT8, spans),
    )
    edits = ffi.new(_EDITS, (*pointers, patches.texts, patches.bytes, patches.count))
    scratch = ffi.new(_SCRATCH, spans + 2 * scopes + 2 * resources)
    after_spans, after_scopes = scratch + spans, scratch + spans + 2 * scopes
    lengths = ffi.new(_LENGTHS, (scratch, after_spans, after_scopes, after_spans + scopes, after_scopes + resources))

    buffer = batch.buffer
    arguments = (ffi.from_buffer(_BYTES, buffer), len(buffer), counts, batch.native, edits, lengths)
    result_length = ffi.new(_LENGTH)
    _check(lib.otlpv_splice_measure(*arguments, result_length))
    if ffi.buffer(after_scopes, 4 * resources)[:] == _KEPT * resources:
        return buffer
    result: bytes = _new_bytes(None, result_length[0])
    _check(lib.otlpv_splice_write(*arguments, ffi.from_buffer(_BYTES, result), len(result)))
    return result


def _rows(array: NDArray[Any] | None, dtype: np.dtype[Any], rows: int) -> Any:
    return ffi.NULL if array is None else pointer(array, dtype, rows)


def _check(status: int) -> None:
    if status != lib.OTLPV_OK:
        raise SpliceError(f"cannot write the result: {ffi.string(ffi.cast('enum otlpv_status', status))}")
