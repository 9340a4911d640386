"""One request, scanned in every way there is, and held against the slow twin and against protobuf."""

import numpy as np
from google.protobuf.message import DecodeError

from otlp_verifier.columns import TABLES, Columns
from otlp_verifier.wire import scanner
from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.seed import SEED
from tests.reference import scan as reference
from tests.reference.scan import Tree
from tests.reference.scan_protobuf import as_protobuf_sees, from_protobuf
from tests.reference.wire import Malformed
from tests.wire.trees import from_columns

# Requests of tests are small and full of empty messages.
WIDE = Limits(depth=100, memory_factor=64, attributes_per_record=2**31)
# What upb refuses and the collector accepts; a group only where it is cut off, but that is not told apart here.
REFUSED_BY_PROTOBUF = {"FIELD_UTF8", "ATTRIBUTE_UTF8", "ODD_TAG", "TOO_DEEP", "GROUP"}
LEVELS_OF_PROTOBUF = 100  # messages within each other


def two_passes(data: bytes, limits: Limits = WIDE, seed: int = SEED) -> Columns:
    """Scan by counting first, into tables that are exactly as large as needed."""
    columns = Columns()
    scanner.count(data, limits, columns.counts)
    for name in TABLES:
        table = getattr(columns, name)
        table.capacity = max(table.rows, 1)
        table.wide = np.full((table.wide.shape[0], table.capacity), 0xAAAA_AAAA_AAAA_AAAA, np.uint64)
        table.narrow = np.full((table.narrow.shape[0], table.capacity), 0xAAAA_AAAA, np.uint32)
        columns._bind(table)
    scanner.scan(data, limits.depth, columns.counts, columns.native, seed)
    columns.buffer = data
    return columns


def one_pass(data: bytes, limits: Limits = WIDE, seed: int = SEED) -> Columns | None:
    """Scan into tables that have room; None when that does not come to an end."""
    columns = Columns()
    for name in TABLES:
        table = getattr(columns, name)
        table.reserve(len(data) // 2 + 1)
        columns._bind(table)
    native = scanner._native_limits(limits)
    source = ffi.from_buffer("uint8_t[]", data)
    status = lib.otlpv_scan_at_once(source, len(data), native, seed, columns.native, columns.counts)
    columns.buffer = data
    return columns if status == lib.OTLPV_OK else None


def same_columns(a: Columns, b: Columns) -> bool:
    """Whether two scans of one request have filled the same rows with the same numbers."""
    return all(
        x.rows == y.rows
        and np.array_equal(x.wide[:, : x.rows], y.wide[:, : y.rows])
        and np.array_equal(x.narrow[:, : x.rows], y.narrow[:, : y.rows])
        for x, y in ((getattr(a, name), getattr(b, name)) for name in TABLES)
    )


def all_defects(tree: list[Tree]) -> set[str]:
    """The defects of every record in a request."""
    found: set[str] = set()
    for record in tree:
        found |= record["defects"]
        for children in ("scopes", "spans", "events", "links"):
            found |= all_defects(record.get(children, []))
    return found


def scanned(data: bytes, limits: Limits = WIDE) -> list[Tree] | None:
    """The request as a tree, None when it is malformed; both ways of scanning must have agreed."""
    once = one_pass(data, limits)
    try:
        columns = two_passes(data, limits)
    except scanner.MalformedRequest:
        assert once is None
        return None
    assert once is not None
    assert same_columns(columns, once)
    return from_columns(columns)


def check(data: bytes, depth: int = 100) -> list[Tree] | None:
    """Hold the scan of `data` against the twin and against protobuf; returns what it made of it."""
    found = scanned(data, Limits(depth=depth, memory_factor=64, attributes_per_record=2**31))
    try:
        expected, deepest = reference.from_wire(data, depth)
    except Malformed:
        expected, deepest = None, 0
    assert found == expected
    try:
        seen = from_protobuf(data)
    except DecodeError:
        seen = None
    if found is None:
        assert seen is None, "protobuf reads what the scanner refuses"
    elif seen is None:
        told = bool(all_defects(found) & REFUSED_BY_PROTOBUF)
        assert told or deepest > LEVELS_OF_PROTOBUF or not found, "a record must tell why protobuf refuses it"
    elif "TOO_DEEP" not in all_defects(found):
        assert as_protobuf_sees(found) == seen
    return found
