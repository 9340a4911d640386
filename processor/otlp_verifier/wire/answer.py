"""Builds the bytes of a VerifyResponse (bridge/proto/verifier.proto).

On the hot path without message classes: the interpreter's work per answer
grows with the number of distinct annotations, not with that of records.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.contract import verifier_pb2 as contract
from otlp_verifier.wire.varint import varint

ANSWER_BYTES_MAX: Final = 16 << 20  # of the contract: senders receive no more
NONE: Final[NDArray[np.uint32]] = np.empty(0, np.uint32)
_LENGTH_DELIMITED = 2
_UINT32: Final = np.dtype(np.uint32)
_IS_LITTLE: Final = sys.byteorder == "little"


def _number(message: str, field: str) -> int:
    return contract.DESCRIPTOR.message_types_by_name[message].fields_by_name[field].number


def _tag(message: str, field: str, wire_type: int = _LENGTH_DELIMITED) -> bytes:
    return varint(_number(message, field) << 3 | wire_type)


_ID: Final = _tag("VerifyResponse", "id", 0)
_UNCHANGED: Final = _tag("VerifyResponse", "unchanged") + b"\0"
_SPARSE: Final = _tag("VerifyResponse", "sparse")
_ANNOTATIONS: Final = _tag("Sparse", "annotations")
_LISTS: Final = {
    field.name: _tag("Sparse", field.name)
    for field in contract.DESCRIPTOR.message_types_by_name["Sparse"].fields
    if field.name != "annotations"
}


def unchanged(request_id: int) -> bytes:
    """Answer that there is nothing to say."""
    return _ID + varint(request_id) + _UNCHANGED


def annotation(attributes: Mapping[str, str | Sequence[str]]) -> bytes:
    """Encode an Annotation as `sparse` takes it. Made once per distinct annotation, not per record."""
    message = contract.Annotation()
    for key, value in attributes.items():
        attribute = message.attributes.add(key=key)
        if isinstance(value, str):
            attribute.text = value
        else:
            attribute.list.values.extend(value)
            attribute.list.SetInParent()  # an empty list is a value too
    encoded = message.SerializeToString()
    return b"".join((_ANNOTATIONS, varint(len(encoded)), encoded))


def sparse(
    request_id: int,
    annotations: Sequence[bytes] = (),
    *,
    records: NDArray[np.uint32] = NONE,
    record_annotations: NDArray[np.uint32] = NONE,
    resources: NDArray[np.uint32] = NONE,
    resource_annotations: NDArray[np.uint32] = NONE,
    scopes: NDArray[np.uint32] = NONE,
    scope_annotations: NDArray[np.uint32] = NONE,
    strip_records: NDArray[np.uint32] = NONE,
    strip_resources: NDArray[np.uint32] = NONE,
    strip_scopes: NDArray[np.uint32] = NONE,
    drop_records: NDArray[np.uint32] = NONE,
) -> bytes:
    """Answer with changes by position; what each list means stands in verifier.proto.

    Args:
        request_id: of the request that is answered.
        annotations: distinct annotations, as `annotation` encodes them.
        records: positions, strictly ascending, shape (n,); so are the other lists without `_annotations`.
        record_annotations: per position an index into `annotations`, shape (n,).
        resources: as records.
        resource_annotations: as record_annotations.
        scopes: as records.
        scope_annotations: as record_annotations.
        strip_records: records that lose their `verifier.*` attributes.
        strip_resources: as strip_records.
        strip_scopes: as strip_records.
        drop_records: records to leave out.

    Raises:
        ValueError: a list is not of 32-bit numbers, or lists that belong together differ in length.

    """
    for positions, indices in (
        (records, record_annotations),
        (resources, resource_annotations),
        (scopes, scope_annotations),
    ):
        if len(positions) != len(indices):
            raise ValueError(f"{len(positions)} positions, but {len(indices)} annotations for them")
    body = [*annotations]
    for field, numbers in (
        ("records", records),
        ("record_annotations", record_annotations),
        ("resources", resources),
        ("resource_annotations", resource_annotations),
        ("scopes", scopes),
        ("scope_annotations", scope_annotations),
        ("strip_records", strip_records),
        ("strip_resources", strip_resources),
        ("strip_scopes", strip_scopes),
        ("drop_records", drop_records),
    ):
        if numbers is NONE:
            continue
        if numbers.dtype != _UINT32:
            raise ValueError(f"{field} must be uint32, not {numbers.dtype}")
        if numbers.size:
            encoded = numbers.tobytes() if _IS_LITTLE else numbers.astype("<u4").tobytes()
            body += (_LISTS[field], varint(len(encoded)), encoded)
    length = sum(map(len, body))
    return b"".join((_ID, varint(request_id), _SPARSE, varint(length), *body))


def error(
    request_id: int, code: contract.Code, message: str, *, retry_after_ms: int = 0, byte_offset: int = 0
) -> bytes:
    """Answer that a request was not judged; `message` is for people."""
    answer = contract.Error(code=code, message=message, retry_after_ms=retry_after_ms, byte_offset=byte_offset)
    return contract.VerifyResponse(id=request_id, error=answer).SerializeToString()


def welcome(
    verifier_version: str,
    *,
    max_request_bytes: int,
    max_requests_in_flight: int,
    transport: contract.Transport = contract.TRANSPORT_MESSAGE,
    ticket: bytes = b"",
) -> bytes:
    """Answer a stream's `hello`; `ticket` comes with the offer of shared memory."""
    answer = contract.Welcome(
        verifier_version=verifier_version,
        max_request_bytes=max_request_bytes,
        max_requests_in_flight=max_requests_in_flight,
        transport=transport,
        ticket=ticket,
    )
    return contract.VerifyResponse(welcome=answer).SerializeToString()
