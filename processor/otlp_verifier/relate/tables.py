"""What relating adds to a batch: tables of row numbers, by the names of their columns.

Rules are compiled against these names, which takes no kernel.
"""

from enum import IntEnum


class SpanRelation(IntEnum):
    """Columns of `Relations.spans`, one row per span."""

    PARENT = 0  # row of the parent span, or NO_ROW where the batch has none
    TRACE = 1  # row in `Relations.traces`
    STATE = 2  # SpanState bits


class SpanState(IntEnum):
    """Bits of SpanRelation.STATE."""

    CYCLIC = 1  # on a cycle of two or more parents
    CONFLICT = 2  # another span has the same trace and span id and other content
    DUPLICATE = 4  # every span with these ids has the same content, and there are several
    REPEATED = 8  # of spans with these ids, not the one that stands for them all
    COPY = 16  # DUPLICATE and REPEATED: removed before rows are looked at together


class TraceRelation(IntEnum):
    """Columns of `Relations.traces`, one row per trace id (each span without a valid one is a trace of its own)."""

    FIRST_SPAN = 0  # row of the first span in document order
    SPANS = 1  # how many different span ids; a span without a valid one counts by itself
    ROOTS = 2  # how many of those are a root's: of the spans with that id, one at least has no parent id


class SpanTree(IntEnum):
    """Columns of `Tree.spans`, one row per span."""

    PARENT = 0  # row of the parent in the tree, or NO_ROW
    DEPTH = 1  # of a root 0
    ROOT = 2  # row of the topmost ancestor, of a root its own
    FIRST = 3  # place in preorder; all descendants stand behind it,
    LAST = 4  # up to and with this place
    START_POSITION = 5  # place by (trace, start, depth, span id)
    END_POSITION = 6  # place by (trace, end, depth, span id)


class LinkTarget(IntEnum):
    """Columns of `Tree.links`, one row per link."""

    SPAN = 0  # row of the span that the link points to, or NO_ROW; of several links between two spans the first


class ResourceClock(IntEnum):
    """Columns of `Clocks.resources`, one row per resource."""

    FIRST = 0  # row of the first resource with the same attributes in the same order


class ShapeColumn(IntEnum):
    """Columns of `Shapes.shapes`, one row per shape."""

    SPAN = 0  # row of the first span that has it
    ATTRIBUTE_START = 1  # where the attributes of that span begin
    ATTRIBUTE_COUNT = 2
