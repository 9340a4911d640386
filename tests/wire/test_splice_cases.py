"""What the splicer promises, one case each, on requests that can be read in the test."""

from collections.abc import Iterator

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from otlp_verifier.wire import _native
from otlp_verifier.wire.splicer import NO_PATCH, Patches, SpliceError, patch, splice
from tests.reference.splice import attribute, varint
from tests.wire.batches import loaded

ffi, lib = _native.ffi, _native.lib

VERDICT = patch({"verifier.trace.verdict": "violated"})
VERDICTS = Patches([VERDICT])
VERDICT_KEY_VALUE = KeyValue(key="verifier.trace.verdict", value={"string_value": "violated"}).SerializeToString()


def field(number: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def key_value(key: str) -> bytes:
    return field(1, key.encode()) + field(2, field(1, b"v"))


def request(*resource_spans: bytes) -> bytes:
    return b"".join(field(1, each) for each in resource_spans)


def only(*rows: int | None) -> np.ndarray:
    return np.array([NO_PATCH if row is None else row for row in rows], np.uint32)


def test_absent_resource_and_scope_are_created_in_front() -> None:
    batch = loaded(request(field(3, b"url") + field(2, field(3, b"url2"))))
    result = splice(batch, VERDICTS, resource_patch=only(0), scope_patch=only(0))
    resource, scope = (field(1, attribute(number, VERDICT_KEY_VALUE)) for number in (1, 3))
    assert result == request(resource + field(3, b"url") + field(2, scope + field(3, b"url2")))


def test_of_several_resources_the_last_gets_the_patch() -> None:
    first, last = field(1, field(1, key_value("a"))), field(1, field(1, key_value("b")))
    result = splice(loaded(request(first + last)), VERDICTS, resource_patch=only(0))
    patched = field(1, field(1, key_value("b")), attribute(1, VERDICT_KEY_VALUE))
    assert result == request(first + patched)


def test_of_several_scopes_the_last_gets_the_patch() -> None:
    first, last = field(1, field(1, b"name")), field(1, field(2, b"version"))
    result = splice(loaded(request(field(2, first + last))), VERDICTS, scope_patch=only(0))
    patched = field(1, field(2, b"version"), attribute(3, VERDICT_KEY_VALUE))
    assert result == request(field(2, first + patched))


def test_forged_attributes_go_where_verdicts_are_written() -> None:
    """From spans, scopes and resources; events and links keep theirs."""

    def batch_with(forged: bytes) -> bytes:
        def owner(number: int, forged: bytes = forged) -> bytes:
            return (field(number, forged) if forged else b"") + field(number, key_value("kept"))

        event, link = (owner(number, key_value("verifier.severity")) for number in (3, 4))
        span = owner(9) + field(11, event) + field(13, link) + field(5, b"name")
        return request(field(1, owner(1)) + field(2, field(1, owner(3)), field(2, span)))

    clean = batch_with(b"")
    assert splice(loaded(batch_with(key_value("verifier.severity")))) == clean
    assert splice(batch := loaded(clean)) is batch.buffer


def test_only_top_level_keys_are_forged() -> None:
    nested = field(1, b"map") + field(2, field(6, field(1, key_value("verifier.severity"))))
    batch = loaded(request(field(2, field(2, field(9, nested), field(9, key_value("verifiers"))))))
    assert splice(batch) is batch.buffer


def test_the_last_of_two_keys_decides_what_is_forged() -> None:
    """As in protobuf: the last of a repeated singular field counts."""
    harmless = field(1, b"verifier.x") + field(1, b"a")
    forged = field(1, b"a") + field(1, b"verifier.x")
    spans = [field(2, field(2, field(9, each))) for each in (harmless, forged)]
    assert splice(loaded(request(*spans))) == request(spans[0], field(2, field(2)))


def test_patch_stands_in_front_of_a_group_that_is_cut_off() -> None:
    """Behind it the patch would be part of the group, or of nothing."""
    name, group = field(5, b"name"), b"\x9b\x06" + field(1, b"inside")
    result = splice(loaded(request(field(2, field(2, name, group)))), VERDICTS, span_patch=only(0))
    assert result == request(field(2, field(2, name, attribute(9, VERDICT_KEY_VALUE), group)))


def test_a_group_within_a_span_does_not_move_the_patch() -> None:
    group, name = b"\x9b\x06\x9c\x06", field(5, b"name")
    result = splice(loaded(request(field(2, field(2, group, name)))), VERDICTS, span_patch=only(0))
    assert result == request(field(2, field(2, group, name, attribute(9, VERDICT_KEY_VALUE))))


@pytest.mark.parametrize("length", [0, 50, 80, 127, 128, 16_320, 16_340, 16_383, 2_097_100, 2_097_151])
def test_length_prefixes_grow_with_the_body(length: int) -> None:
    """Around 2^7, 2^14 and 2^21 bytes, where the prefixes of span, scope and resource each need one byte more."""
    name = field(5, bytes(length))
    result = splice(loaded(request(field(2, field(2, name)))), VERDICTS, span_patch=only(0))
    assert result == request(field(2, field(2, name, attribute(9, VERDICT_KEY_VALUE))))


def test_odd_length_prefixes_stay_where_nothing_changes() -> None:
    odd = b"\x12\x83\x80\x00" + b"\x2a\x01n"  # a span of three bytes, its length in three bytes
    changed = field(2, field(5, b"m"))
    result = splice(loaded(request(field(2, odd, changed, odd))), VERDICTS, span_patch=only(None, 0, None))
    assert result == request(field(2, odd, field(2, field(5, b"m"), attribute(9, VERDICT_KEY_VALUE)), odd))


def test_dropped_spans_take_the_emptied_scope_and_resource_with_them() -> None:
    span, empty_scope = field(2, field(5, b"name")), field(2, field(3, b"came empty"))
    unknown = field(7, b"unknown")
    batch = loaded(
        unknown
        + request(
            field(1) + field(2, span, span) + empty_scope,  # loses both spans
            field(2, span, span) + field(2, span) + empty_scope,  # loses one, and one scope its only one
            empty_scope,  # came without spans
        )
    )
    result = splice(batch, span_drop=np.array([1, 1, 0, 1, 1], np.uint8))
    assert result == unknown + request(field(2, span) + empty_scope, empty_scope)


def test_everything_dropped_is_the_empty_request() -> None:
    batch = loaded(request(field(2, field(2))))
    assert splice(batch, VERDICTS, resource_patch=only(0), span_drop=np.ones(1, np.uint8)) == b""


def test_nothing_to_say_gives_the_very_buffer_back() -> None:
    batch = loaded(memoryview(request(field(2, field(2, field(5, b"\xff"))))))
    nothing = np.full(1, NO_PATCH, np.uint32)
    assert splice(batch) is batch.buffer
    result = splice(
        batch,
        VERDICTS,
        span_patch=nothing,
        scope_patch=nothing,
        resource_patch=nothing,
        span_drop=np.zeros(1, np.uint8),
    )
    assert result is batch.buffer
    assert splice(batch, Patches([b""]), span_patch=only(0)) is batch.buffer, "an empty patch is none"
    assert splice(loaded(b"")) == b""


@pytest.mark.parametrize("broken", [b"\x05abc", b"\x80", b"\xff" * 6])
def test_a_patch_must_be_whole_messages(broken: bytes) -> None:
    batch = loaded(request(field(2, field(2))))
    for edits in ({"span_patch": only(0)}, {"scope_patch": only(0)}, {"resource_patch": only(0)}):
        with pytest.raises(SpliceError, match=r"OTLPV_TRUNCATED|OTLPV_BAD_VARINT"):
            splice(batch, Patches([broken]), **edits)


def test_arrays_must_be_as_c_takes_for_granted() -> None:
    batch = loaded(request(field(2, field(2), field(2))))
    for wrong in (only(0), np.zeros(2, np.int64), np.zeros(4, np.uint32)[::2]):
        with pytest.raises(ValueError, match=r"needed are 2 uint32|not C-contiguous"):
            splice(batch, VERDICTS, span_patch=wrong)


def test_a_patch_that_does_not_exist_is_none() -> None:
    batch = loaded(request(field(2, field(2))))
    assert splice(batch, VERDICTS, span_patch=only(1)) is batch.buffer


SMALL = request(
    field(1, field(1, key_value("verifier.a")))
    + field(2, field(1, field(1, b"scope")), field(2, field(9, key_value("verifier.b")), field(11, field(2, b"event"))))
    + field(2, field(2, field(5, b"dropped")), field(2, b"\x9b\x06\x9c\x06"))
)


def damaged() -> Iterator[bytes]:
    """SMALL with one byte changed: every byte, to values that change tags and lengths most."""
    for at in range(len(SMALL)):
        for value in (0x00, 0x01, 0x0A, 0x12, 0x7F, 0x80, 0xFF, SMALL[at] ^ 1, SMALL[at] + 1 & 0xFF):
            yield SMALL[:at] + bytes([value]) + SMALL[at + 1 :]


def edits_for_small() -> tuple[object, list[object]]:
    keep = [only(0, None, 0), only(0, 0), only(0), np.array([0, 1, 0], np.uint8), np.array([len(VERDICT)], np.uint64)]
    edits = ffi.new("otlpv_edits *")
    for name, kind, array in zip(
        ("span_patch", "scope_patch", "resource_patch", "span_drop", "patches"),
        ("uint32_t[]", "uint32_t[]", "uint32_t[]", "uint8_t[]", "uint64_t[]"),
        keep,
        strict=True,
    ):
        setattr(edits, name, ffi.from_buffer(kind, array))
    edits.patch_bytes = ffi.from_buffer("uint8_t[]", VERDICT)
    edits.patch_count = 1
    return edits, keep


@pytest.mark.parametrize("changed_before", ["measuring", "writing"])
def test_bytes_that_change_under_it_cannot_make_it_leave_its_memory(changed_before: str) -> None:
    """A sender that shares memory with us may write at any time. The result stands between canaries."""
    edits, _keep = edits_for_small()
    batch = loaded(SMALL)
    scratch = ffi.new("uint32_t[16]")
    lengths = ffi.new("otlpv_lengths *", [scratch, scratch + 3, scratch + 5, scratch + 6, scratch + 8])
    result_length = ffi.new("uint64_t *")
    statuses = set()
    for changed in damaged():
        source = bytearray(changed if changed_before == "measuring" else SMALL)
        arguments = (ffi.from_buffer("uint8_t[]", source), len(source), batch.counts, batch.native, edits, lengths)
        status = lib.otlpv_splice_measure(*arguments, result_length)
        if status == lib.OTLPV_OK:
            source[:] = changed
            length = result_length[0]
            room = bytearray(b"\xa5" * (length + 16))
            result = ffi.from_buffer("uint8_t[]", room)
            status = lib.otlpv_splice_write(*arguments, result + 8, length)
            assert room[:8] == room[-8:] == b"\xa5" * 8
        statuses.add(status)
    assert {lib.OTLPV_OK, lib.OTLPV_CHANGED, lib.OTLPV_TRUNCATED} <= statuses


def test_changed_bytes_are_an_error_that_says_so() -> None:
    source = bytearray(request(field(2, field(2, field(5, b"name")))))
    batch = loaded(memoryview(source))
    source[4] = 0x1A  # the span's tag: now a schema URL
    with pytest.raises(SpliceError, match="OTLPV_CHANGED"):
        splice(batch, VERDICTS, span_patch=only(0))


def test_output_of_a_large_batch_decodes_to_the_same_spans() -> None:
    spans = b"".join(field(2, field(2, varint(row)), field(5, b"name" * (row % 50))) for row in range(5000))
    source = request(field(2, spans))
    patched = np.where(np.arange(5000) % 100 == 7, 0, NO_PATCH).astype(np.uint32)
    result = splice(loaded(source), VERDICTS, span_patch=patched)
    before, after = (ExportTraceServiceRequest.FromString(bytes(each)) for each in (source, result))
    for row, (old, new) in enumerate(
        zip(before.resource_spans[0].scope_spans[0].spans, after.resource_spans[0].scope_spans[0].spans, strict=True)
    ):
        added = [KeyValue.FromString(VERDICT_KEY_VALUE)] if row % 100 == 7 else []
        assert list(new.attributes) == list(old.attributes) + added
        del new.attributes[:], old.attributes[:]
        assert old == new
