"""Writes verdicts into OTLP bytes: the input copied, with attributes inserted and removed and records dropped."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.memory import joined, pointer
from otlp_verifier.wire.varint import varint

NO_PATCH: Final = 0xFFFFFFFF

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
    parts: list[bytes] = []
    for key, value in attributes.items():
        if isinstance(value, str):
            encoded = AnyValue(string_value=value)
        else:
            encoded = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=text) for text in value]))
        message = KeyValue(key=key, value=encoded).SerializeToString()
        parts += (varint(len(message)), message)
    return b"".join(parts)


def splice(
    batch: Scanned,
    patches: Sequence[bytes] = (),
    *,
    span_patch: NDArray[np.uint32] | None = None,
    scope_patch: NDArray[np.uint32] | None = None,
    resource_patch: NDArray[np.uint32] | None = None,
    span_drop: NDArray[np.uint8] | None = None,
) -> bytes | memoryview:
    """Return the batch's bytes with the edits made; the batch's own buffer when there are none to make.

    Attributes whose key begins with `verifier.` are removed wherever the scanner found some; see splice.h.

    Args:
        batch: what the scanner made of the bytes.
        patches: distinct sets of attributes, as `patch` encodes them.
        span_patch: per span an index into `patches` or NO_PATCH, shape (at least the spans,).
        scope_patch: the same per scope.
        resource_patch: the same per resource.
        span_drop: per span 1 to leave it out, shape (at least the spans,).

    Raises:
        SpliceError: see there.
        ValueError: an array has another type or layout, or is too short.

    """
    counts = batch.counts
    patch_bytes, texts = joined(patches)
    edits = ffi.new("otlpv_edits *")
    edits.span_patch = _rows(span_patch, np.uint32, counts.spans)
    edits.scope_patch = _rows(scope_patch, np.uint32, counts.scopes)
    edits.resource_patch = _rows(resource_patch, np.uint32, counts.resources)
    edits.span_drop = _rows(span_drop, np.uint8, counts.spans)
    edits.patches = pointer(texts, np.uint64)
    edits.patch_bytes = ffi.from_buffer("uint8_t[]", patch_bytes)
    edits.patch_count = len(patches)

    resources = np.empty(2 * counts.resources, np.uint32)
    others = np.empty(counts.spans + 2 * counts.scopes, np.uint32)
    lengths = ffi.new("otlpv_lengths *")
    lengths.resources = pointer(resources, np.uint32)
    lengths.resource_messages = lengths.resources + counts.resources
    lengths.spans = pointer(others, np.uint32)
    lengths.scopes = lengths.spans + counts.spans
    lengths.scope_messages = lengths.scopes + counts.scopes

    buffer = batch.buffer
    arguments = (ffi.from_buffer("uint8_t[]", buffer), len(buffer), counts, batch.native, edits, lengths)
    result_length = ffi.new("uint64_t *")
    _check(lib.otlpv_splice_measure(*arguments, result_length))
    if (resources[: counts.resources] == lib.OTLPV_NO_ROW).all():
        return buffer
    result: bytes = _new_bytes(None, result_length[0])
    _check(lib.otlpv_splice_write(*arguments, ffi.from_buffer("uint8_t[]", result), len(result)))
    return result


def _rows(array: NDArray[Any] | None, dtype: type[np.generic], rows: int) -> Any:
    return ffi.NULL if array is None else pointer(array, dtype, rows)


def _check(status: int) -> None:
    if status != lib.OTLPV_OK:
        raise SpliceError(f"cannot write the result: {ffi.string(ffi.cast('enum otlpv_status', status))}")
