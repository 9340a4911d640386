"""Scanned batches and edits to make on them, for the splicer and for its judges alike."""

from random import Random

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from otlp_verifier.columns import Columns
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.splicer import NO_PATCH, Patches, patch, splice
from tests.reference import splice as reference

PATCHES: tuple[dict[str, str | list[str]], ...] = (
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
ENCODED = Patches([patch(attributes) for attributes in PATCHES])


def loaded(request: bytes | memoryview) -> Columns:
    columns = Columns()
    columns.load(request, Limits(memory_factor=64))
    return columns


class Choice:
    """Random edits for a batch: as arrays for the splicer, as `edits` for the reference."""

    def __init__(self, rng: Random, batch: Columns) -> None:
        self.span_patch = self.choose(rng, batch.spans.rows)
        self.scope_patch = self.choose(rng, batch.scopes.rows)
        self.resource_patch = self.choose(rng, batch.resources.rows)
        self.span_drop = np.array([rng.randrange(3) == 2 for _ in range(batch.spans.rows)], np.uint8)
        self.edits = reference.Edits(
            self.by_row(self.span_patch),
            self.by_row(self.scope_patch),
            self.by_row(self.resource_patch),
            set(np.flatnonzero(self.span_drop).tolist()),
        )

    @staticmethod
    def choose(rng: Random, rows: int) -> NDArray[np.uint32]:
        chosen = [rng.randrange(len(PATCHES)) if rng.randrange(3) == 2 else NO_PATCH for _ in range(rows)]
        return np.array(chosen, np.uint32)

    @staticmethod
    def by_row(patches: NDArray[np.uint32]) -> dict[int, list[bytes]]:
        return {row: KEY_VALUES[which] for row, which in enumerate(patches.tolist()) if which != NO_PATCH}

    def splice(self, batch: Columns, *, drop: bool = True) -> bytes:
        return bytes(
            splice(
                batch,
                ENCODED,
                span_patch=self.span_patch,
                scope_patch=self.scope_patch,
                resource_patch=self.resource_patch,
                span_drop=self.span_drop if drop else None,
            )
        )
