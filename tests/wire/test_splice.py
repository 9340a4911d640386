"""The splicer against two judges: a slow one on bytes, and protobuf itself on objects."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from otlp_verifier.columns import Columns
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.splicer import NO_PATCH, SpliceError, patch, splice
from tests.reference import splice as reference
from tests.wire.requests import random_request

# The attributes of each patch, and the same as KeyValue messages.
PATCHES = (
    {"verifier.violations": ["span.zero-id", "time.end-before-start"], "verifier.severity": "error"},
    {"verifier.trace.verdict": "violated"},
    {"verifier.violations": [], "verifier.note": "x" * 300},
)


def key_values(attributes: dict[str, str | list[str]]) -> list[bytes]:
    result = []
    for key, value in attributes.items():
        message = KeyValue(key=key)
        if isinstance(value, str):
            message.value.string_value = value
        else:
            message.value.array_value.SetInParent()
            for text in value:
                message.value.array_value.values.add(string_value=text)
        result.append(message.SerializeToString())
    return result


KEY_VALUES = [key_values(attributes) for attributes in PATCHES]
ENCODED = [patch(attributes) for attributes in PATCHES]


def loaded(request: bytes) -> Columns:
    columns = Columns()
    columns.load(request, Limits(memory_factor=64))
    return columns


class Choice:
    """Random edits for a batch, as the splicer and as its judges want them."""

    def __init__(self, rng: Random, spans: int, scopes: int, resources: int) -> None:
        self.span_patch = self.choose(rng, spans, 3)
        self.scope_patch = self.choose(rng, scopes, 3)
        self.resource_patch = self.choose(rng, resources, 3)
        self.span_drop = np.array([rng.randrange(3) == 2 for _ in range(spans)], np.uint8)
        self.edits = reference.Edits(
            self.by_row(self.span_patch),
            self.by_row(self.scope_patch),
            self.by_row(self.resource_patch),
            set(np.flatnonzero(self.span_drop).tolist()),
        )

    @staticmethod
    def choose(rng: Random, rows: int, one_in: int) -> np.ndarray:
        return np.array(
            [rng.randrange(len(PATCHES)) if rng.randrange(one_in) == one_in - 1 else NO_PATCH for _ in range(rows)],
            np.uint32,
        )

    @staticmethod
    def by_row(patches: np.ndarray) -> dict[int, list[bytes]]:
        return {row: KEY_VALUES[which] for row, which in enumerate(patches.tolist()) if which != NO_PATCH}

    def splice(self, columns: Columns, *, drop: bool = True) -> bytes:
        return bytes(
            splice(
                columns,
                ENCODED,
                span_patch=self.span_patch,
                scope_patch=self.scope_patch,
                resource_patch=self.resource_patch,
                span_drop=self.span_drop if drop else None,
            )
        )


def choice_for(rng: Random, columns: Columns) -> Choice:
    return Choice(rng, columns.spans.rows, columns.scopes.rows, columns.resources.rows)


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
                for record in (span, *span.events, *span.links):
                    strip(record.attributes)
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


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_same_bytes_as_the_reference(rng: Random, odd: bool) -> None:
    request = random_request(rng, odd=odd)
    columns = loaded(request)
    choice = choice_for(rng, columns)
    assert choice.splice(columns) == reference.splice(request, choice.edits)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_decodes_to_input_plus_patches_minus_forged_and_dropped(rng: Random) -> None:
    request = random_request(rng, odd=False)
    columns = loaded(request)
    choice = choice_for(rng, columns)
    result = ExportTraceServiceRequest.FromString(choice.splice(columns))
    assert result.SerializeToString(deterministic=True) == edited_objects(request, choice.edits).SerializeToString(
        deterministic=True
    )


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_annotating_own_output_again_changes_nothing(rng: Random, odd: bool) -> None:
    columns = loaded(random_request(rng, odd=odd))
    choice = choice_for(rng, columns)
    once = choice.splice(columns, drop=False)
    assert choice.splice(loaded(once), drop=False) == once


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_what_is_not_forged_passes_through_untouched(rng: Random, odd: bool) -> None:
    clean = bytes(splice(loaded(random_request(rng, odd=odd))))
    columns = loaded(clean)
    assert splice(columns) is columns.buffer


def vectors(shared: Path) -> list[tuple[str, bytes]]:
    entries = json.loads((shared / "wire-vectors.json").read_text())["vectors"]
    return [(entry["name"], bytes.fromhex(entry["hex"])) for entry in entries]


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
        choice = choice_for(Random(name), columns)
        assert choice.splice(columns) == reference.splice(request, choice.edits), name
    assert read > 50
