"""The splicer against two judges: a slow one on bytes, and protobuf itself on objects."""

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import Columns
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.splicer import splice
from tests.reference import splice as reference
from tests.strategies import RANDOMS
from tests.wire.batches import Choice, loaded
from tests.wire.requests import random_request

pytestmark = pytest.mark.many


def edited_objects(request: bytes, edits: reference.Edits) -> ExportTraceServiceRequest:
    """What the result must decode to, by way of protobuf's own objects."""
    message = ExportTraceServiceRequest.FromString(request)

    def strip(attributes) -> None:
        for i in reversed(range(len(attributes))):
            if attributes[i].key.startswith("verifier."):
                del attributes[i]

    def add(attributes, patch: list[bytes]) -> None:
        for key_value in patch:
            attributes.add().MergeFromString(key_value)

    span_row = scope_row = 0
    for resource_row, resource_spans in enumerate(message.resource_spans):
        strip(resource_spans.resource.attributes)
        add(resource_spans.resource.attributes, edits.resources.get(resource_row, []))
        for scope_spans in resource_spans.scope_spans:
            strip(scope_spans.scope.attributes)
            add(scope_spans.scope.attributes, edits.scopes.get(scope_row, []))
            scope_row += 1
            for span in scope_spans.spans:
                strip(span.attributes)
                add(span.attributes, edits.spans.get(span_row, []))
                span_row += 1
    remove_dropped(message, edits)
    return message


def remove_dropped(message: ExportTraceServiceRequest, edits: reference.Edits) -> None:
    span_row = 0
    for resource_spans in message.resource_spans:
        spans_of_resource = 0
        for scope_spans in resource_spans.scope_spans:
            keep = [span for row, span in enumerate(scope_spans.spans, span_row) if row not in edits.drops]
            spans_of_scope = len(scope_spans.spans)
            span_row += spans_of_scope
            spans_of_resource += spans_of_scope
            copies = [type(span).FromString(span.SerializeToString()) for span in keep]
            del scope_spans.spans[:]
            scope_spans.spans.extend(copies)
            scope_spans.schema_url += "\0emptied" if spans_of_scope and not copies else ""
        left = sum(len(scope_spans.spans) for scope_spans in resource_spans.scope_spans)
        resource_spans.schema_url += "\0emptied" if spans_of_resource and not left else ""
    for resource_spans in message.resource_spans:
        remove_marked(resource_spans.scope_spans)
    remove_marked(message.resource_spans)


def remove_marked(containers) -> None:
    for i in reversed(range(len(containers))):
        if containers[i].schema_url.endswith("\0emptied"):
            del containers[i]


@settings(max_examples=600, deadline=None)
@given(RANDOMS, st.booleans())
def test_same_bytes_as_the_reference(rng: Random, odd: bool) -> None:
    request = random_request(rng, odd=odd)
    columns = loaded(request)
    choice = Choice(rng, columns)
    assert choice.splice(columns) == reference.splice(request, choice.edits)


@settings(max_examples=600, deadline=None)
@given(RANDOMS)
def test_decodes_to_input_plus_patches_minus_forged_and_dropped(rng: Random) -> None:
    request = random_request(rng, odd=False)
    columns = loaded(request)
    choice = Choice(rng, columns)
    result = ExportTraceServiceRequest.FromString(choice.splice(columns))
    assert result.SerializeToString(deterministic=True) == edited_objects(request, choice.edits).SerializeToString(
        deterministic=True
    )


@settings(max_examples=600, deadline=None)
@given(RANDOMS, st.booleans())
def test_annotating_own_output_again_changes_nothing(rng: Random, odd: bool) -> None:
    columns = loaded(random_request(rng, odd=odd))
    choice = Choice(rng, columns)
    once = choice.splice(columns, drop=False)
    assert choice.splice(loaded(once), drop=False) == once


@settings(max_examples=200, deadline=None)
@given(RANDOMS, st.booleans())
def test_what_is_not_forged_passes_through_untouched(rng: Random, odd: bool) -> None:
    clean = bytes(splice(loaded(random_request(rng, odd=odd))))
    columns = loaded(clean)
    assert splice(columns) is columns.buffer


def damaged(rng: Random, request: bytes) -> bytes:
    """A few bytes changed, removed or inserted, tags of groups among them."""
    result = bytearray(request)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(result) + 1)
        way = rng.randrange(3)
        if way == 0:
            del result[at : at + rng.randrange(1, 4)]
        elif way == 1:
            result[at:at] = rng.choice((b"\x12", b"\x4a", b"\x5a", b"\x6a", b"\x80", b"\x9b\x06", b"\x9c\x06", b"\x13"))
        else:
            result[at : at + 1] = bytes([rng.randrange(256)])
    return bytes(result)


@settings(max_examples=800, deadline=None)
@given(RANDOMS, st.booleans())
def test_damaged_requests_that_can_still_be_read(rng: Random, odd: bool) -> None:
    request = damaged(rng, random_request(rng, odd=odd))
    try:
        columns = loaded(request)
    except ValueError:
        return  # what is refused, and how, is the scanner's business
    choice = Choice(rng, columns)
    assert choice.splice(columns) == reference.splice(request, choice.edits)


def vectors(shared: Path) -> list[tuple[str, bytes]]:
    entries = json.loads((shared / "wire-vectors.json").read_text())["vectors"]
    return [(entry["name"], bytes.fromhex(entry["hex"])) for entry in entries if "hex" in entry]


def test_wire_vectors_survive(shared: Path) -> None:
    read = 0
    for name, request in vectors(shared):
        columns = Columns()
        try:
            columns.load(request, Limits(memory_factor=64))
        except ValueError:
            continue  # which of them are refused is the scanner's business
        read += 1
        assert splice(columns) is columns.buffer, name
        choice = Choice(Random(name), columns)
        assert choice.splice(columns) == reference.splice(request, choice.edits), name
    assert read > 50
