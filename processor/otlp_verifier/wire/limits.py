"""How much one request may hold. Every limit has a default and can be set in the configuration."""

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1, le=2**32 - 1)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits on one OTLP request; a request beyond any of them is refused whole and counted.

    Bytes alone do not protect: 4 MiB of empty spans take 350 MiB in protobuf's own objects.
    """

    bytes: Annotated[int, Meta(ge=1, le=2**32 - 1, description="Length of the OTLP request, uncompressed")] = 64 << 20
    resources: Annotated[Count, Meta(description="ResourceSpans in a request")] = 65_536
    scopes: Annotated[Count, Meta(description="ScopeSpans in a request")] = 65_536
    spans: Annotated[Count, Meta(description="Spans in a request")] = 131_072
    events: Annotated[Count, Meta(description="Span events in a request")] = 524_288
    links: Annotated[Count, Meta(description="Span links in a request")] = 524_288
    attributes: Annotated[Count, Meta(description="Attributes in a request, of all records")] = 2_097_152
    nested: Annotated[Count, Meta(description="Elements of array and map values in a request")] = 2_097_152
    attributes_per_record: Annotated[Count, Meta(description="Attributes of one span, event, link, ...")] = 1_024
    depth: Annotated[int, Meta(ge=1, le=100, description="Levels of nested values that are looked into")] = 32
    memory_factor: Annotated[
        int, Meta(ge=1, le=64, description="Columns may take this times the request's bytes, plus 1 MiB")
    ] = 8
