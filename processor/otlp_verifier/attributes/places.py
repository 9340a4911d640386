"""What the kernels over a batch's attributes are handed, by address (machine.memory): tables, and their columns."""

from enum import IntEnum
from typing import Final


class KeyWord(IntEnum):
    """What is known of a key, uint32 each: fields of facts.KeyFacts, then those of collisions.Collisions."""

    FAULTS = 0
    TYPES = 1
    ELEMENTS = 2
    TYPE_FAULT = 3
    WHOLE = 4
    ASKS = 5
    DEPRECATED = 6
    REGISTRY = 7
    FOLD = 8
    ABOVE = 9
    IS_NAMESPACE = 10


class UrlWord(IntEnum):
    """What is known of a schema URL: whose it is (NO_CODE: nobody's), which version."""

    REGISTRY = 0
    VERSION = 1


class InForce(IntEnum):
    """What is known of a resource or scope: whose conventions it declares to follow, which version, by which URL."""

    REGISTRY = 0
    VERSION = 1
    URL = 2  # its code; NO_CODE where nobody's conventions are declared


class OfShape(IntEnum):
    """What is known of a shape of spans, uint32 each."""

    FAULTS = 0  # what the keys and types alone show
    VERSION = 1  # in force, as in FOUND
    COUNTS = 2  # the bits that count: some say nothing of spans that follow newer conventions than are known
    START = 3  # in POSITIONS,
    END = 4  # one past its last


class Place(IntEnum):
    """Tables, in the order in which they are handed over; those with room behind them are one for each domain."""

    ATTRIBUTES_WIDE = 0
    ATTRIBUTES = 1
    NESTED = 2
    KEYS = 3  # uint32 (1, attributes): codes
    KEY_WORDS = 4
    PAIRS = 5  # uint64 (PAIR_COLUMNS, cells): a table of open addressing
    WANTED = 6  # uint32 (3, attributes): rows of attributes that are asked about, the codes of their texts, their cells
    VALUE_FAULTS = 7  # uint32 (1, attributes): of those in WANTED; of all where all strings are looked at
    SEEN = 8  # uint32 (3, keys): stamps of keys, stamps of folds, codes of folds
    URL_WORDS = 9  # UrlWord
    SPANS_WIDE = 10
    SPAN_SHAPES = 11  # relate.shapes.Shapes.of_spans
    SHAPES = 12  # relate.tables.ShapeColumn
    OF_SHAPES = 13  # OfShape
    POSITIONS = 14  # uint32 (1, attributes): where in a shape's spans attributes stand whose values count
    URLS = 15  # uint32 (1, rows) of resources, and of scopes: codes of schema URLs
    IN_FORCE = 17  # InForce, of resources, and of scopes
    RECORDS = 19
    FOUND = 24


PAIR_TAG, PAIR_PAYLOAD, PAIR_FAULTS, PAIR_NEW, PAIR_COLUMNS = range(5)
UNSTATED: Final = 0xFFFFFFFE  # the version where none is stated: newer than all, older than facts.NEVER
