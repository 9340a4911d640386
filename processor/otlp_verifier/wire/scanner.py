"""Bytes of an ExportTraceServiceRequest to columns; see scan.h, which does the work.

`count` says how many rows a request needs, or refuses it; `scan` fills tables
of at least that size; `load` does both. All release the GIL.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.memory import content
from otlp_verifier.wire.seed import SEED

_Native: TypeAlias = Any  # a cffi struct or pointer

# otlpv_status -> what was found, what was expected
_TROUBLES: Final = {
    lib.OTLPV_TRUNCATED: ("runs past the end of its message", "a field that ends where its message ends or before"),
    lib.OTLPV_BAD_VARINT: ("has a varint that does not end", "at most 10 bytes, or 5 for a length"),
    lib.OTLPV_BAD_TAG: ("has no field number", "a number from 1 to 2^31 - 1"),
    lib.OTLPV_BAD_WIRE_TYPE: ("has wire type 6 or 7", "a wire type from 0 to 5"),
    lib.OTLPV_BAD_GROUP: (
        "is a group that was not begun, ends as another one, or is nested too deeply",
        "groups that pair, at most 100 groups and messages within each other, and 8 groups that their message cuts off",
    ),
    lib.OTLPV_CHANGED: ("is not what was counted", "the very bytes that were counted"),
}
# otlpv_message -> its name in the protocol
_MESSAGES: Final = {
    lib.OTLPV_MESSAGE_REQUEST: "ExportTraceServiceRequest",
    lib.OTLPV_MESSAGE_RESOURCE_SPANS: "ResourceSpans",
    lib.OTLPV_MESSAGE_RESOURCE: "Resource",
    lib.OTLPV_MESSAGE_SCOPE_SPANS: "ScopeSpans",
    lib.OTLPV_MESSAGE_SCOPE: "InstrumentationScope",
    lib.OTLPV_MESSAGE_SPAN: "Span",
    lib.OTLPV_MESSAGE_STATUS: "Status",
    lib.OTLPV_MESSAGE_EVENT: "Event",
    lib.OTLPV_MESSAGE_LINK: "Link",
    lib.OTLPV_MESSAGE_KEY_VALUE: "KeyValue",
    lib.OTLPV_MESSAGE_ANY_VALUE: "AnyValue",
    lib.OTLPV_MESSAGE_ENTITY_REF: "EntityRef",
    lib.OTLPV_MESSAGE_ENVELOPE: "VerifyRequest",
}
# otlpv_limit -> the setting in Limits, and what it counts
_LIMITS: Final = {
    lib.OTLPV_LIMIT_BYTES: ("bytes", "bytes"),
    lib.OTLPV_LIMIT_RESOURCES: ("resources", "ResourceSpans"),
    lib.OTLPV_LIMIT_SCOPES: ("scopes", "ScopeSpans"),
    lib.OTLPV_LIMIT_SPANS: ("spans", "spans"),
    lib.OTLPV_LIMIT_EVENTS: ("events", "events"),
    lib.OTLPV_LIMIT_LINKS: ("links", "links"),
    lib.OTLPV_LIMIT_ATTRIBUTES: ("attributes", "attributes"),
    lib.OTLPV_LIMIT_NESTED: ("nested", "elements of arrays and maps"),
    lib.OTLPV_LIMIT_ATTRIBUTES_PER_RECORD: ("attributes_per_record", "attributes of one record"),
    lib.OTLPV_LIMIT_MEMORY: ("memory_factor", "bytes of columns"),
}


def trouble(status: int) -> str:
    """Say of a field what is wrong with it and what was expected; `status` is an otlpv_status."""
    found, expected = _TROUBLES[status]
    return f"{found}; expected {expected}"


class MalformedRequest(ValueError):  # noqa: N818 - it says what the request is; the server's answers name it so
    """The bytes are no ExportTraceServiceRequest.

    Attributes:
        offset: byte in the request where the field begins that cannot be read.
        message: the kind of message that it stands in.
        field: its number, 0 where even that cannot be read.

    """

    def __init__(self, status: int, fault: _Native) -> None:
        self.offset = int(fault.offset)
        self.message = _MESSAGES[fault.message]
        self.field = int(fault.field)
        field = f"field {self.field}" if self.field else "a field"
        super().__init__(f"{field} of {self.message} at byte {self.offset} {trouble(status)}")


class RequestOverLimit(ValueError):  # noqa: N818 - as above
    """The request holds more than a limit allows.

    Attributes:
        limit: the name of the limit, a field of `Limits`.
        value: how many there are, or how many had been counted when that was too many.
        allowed: how many may be.

    """

    def __init__(self, fault: _Native) -> None:
        self.limit, what = _LIMITS[fault.limit]
        self.value = int(fault.value)
        self.allowed = int(fault.allowed)
        super().__init__(f"at least {self.value} {what}; the limit `{self.limit}` allows {self.allowed}")


def load(
    buffer: bytes | memoryview,
    limits: Limits,
    counts: _Native,
    columns: _Native,
    make_room: Callable[[], None],
    *,
    seed: int = SEED,
) -> None:
    """Do what `count` and then `scan` do, in one pass when the tables are large enough as they are.

    Args:
        buffer: the request.
        limits: how much it may hold.
        counts: filled (`otlpv_counts *`).
        columns: filled (`otlpv_columns *`).
        make_room: called between the two passes, if it takes two; it must make the tables as large as `counts` says.
        seed: keys the hashes.

    Raises:
        MalformedRequest: the bytes are not a readable request.
        RequestOverLimit: one of `limits` is passed; `make_room` has not been called.

    """
    source = content(buffer)
    native = _native_limits(limits)
    if lib.otlpv_scan_at_once(source, len(buffer), native, seed, columns, counts) == lib.OTLPV_OK:
        return
    fault = ffi.new("otlpv_fault *")
    _check(lib.otlpv_count(source, len(buffer), native, counts, fault), fault)
    make_room()
    _check(lib.otlpv_scan(source, len(buffer), limits.depth, seed, counts, columns, fault), fault)


def count(buffer: bytes | memoryview, limits: Limits, counts: _Native) -> None:
    """Check structure and limits of a request and write its rows per table to `counts` (`otlpv_counts *`).

    Raises:
        MalformedRequest: the bytes are not a readable request.
        RequestOverLimit: one of `limits` is passed.

    """
    fault = ffi.new("otlpv_fault *")
    status = lib.otlpv_count(content(buffer), len(buffer), _native_limits(limits), counts, fault)
    _check(status, fault)


def scan(buffer: bytes | memoryview, depth: int, counts: _Native, columns: _Native, seed: int = SEED) -> None:
    """Fill `columns` (`otlpv_columns *`) from a request that `count` has counted with the same `depth`.

    Raises:
        MalformedRequest: the bytes have changed since they were counted.

    """
    fault = ffi.new("otlpv_fault *")
    status = lib.otlpv_scan(content(buffer), len(buffer), depth, seed, counts, columns, fault)
    _check(status, fault)


@lru_cache(maxsize=16)
def _native_limits(limits: Limits) -> _Native:
    return ffi.new(
        "otlpv_limits *",
        (
            limits.bytes,
            limits.resources,
            limits.scopes,
            limits.spans,
            limits.events,
            limits.links,
            limits.attributes,
            limits.nested,
            limits.attributes_per_record,
            limits.depth,
            limits.memory_factor,
        ),
    )


def _check(status: int, fault: _Native) -> None:
    if status == lib.OTLPV_OVER_LIMIT:
        raise RequestOverLimit(fault)
    if status != lib.OTLPV_OK:
        raise MalformedRequest(status, fault)
