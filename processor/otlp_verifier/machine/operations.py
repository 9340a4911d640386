"""What the machine can do: its operations, tables and phases, as numbers.

A program is an int32 array of shape (instructions, 5): operation, destination, a,
b, c. There are two files of registers: *words* (uint64 lanes, read as unsigned,
signed, float or row number by the operation) and *flags* (uint8 lanes, 0 or 1).
Destinations and operands are register numbers unless the table below says
otherwise. Every operation works on one block of at most BLOCK rows.
"""

from enum import IntEnum
from typing import Final

BLOCK: Final = 1024
# Rows from one register to the next. Not a power of two: registers a multiple of 4 KiB apart share the sets of the
# first cache, and loads wait for stores to the same place in another one (13 % of a run of 1,700 instructions).
WORD_STRIDE: Final = BLOCK + 24
FLAG_STRIDE: Final = BLOCK + 192


class Op(IntEnum):
    """One operation. w: word register, f: flag register, k: index of a constant, #: a plain number."""

    # Rows and columns
    ROW = 0  # w = number of the row
    WIDE = 1  # w = wide[#a][#b, row]
    NARROW = 2  # w = narrow[#a][#b, row]
    WIDE_AT = 3  # w = wide[#a][#b, w(c)], 0 where w(c) is NO_ROW
    NARROW_AT = 4  # w = narrow[#a][#b, w(c)], 0 where w(c) is NO_ROW
    ROW_AT = 5  # as NARROW_AT, but NO_ROW where w(c) is
    CONSTANT = 6  # w = constant k(a)
    FLAG_CONSTANT = 7  # f = #a
    PRESENT = 8  # f = w(a) is not NO_ROW
    MARKED = 9  # f = marks[#a][#b, row]
    # Comparisons of two words
    EQUAL = 10
    LESS_UNSIGNED = 11
    AT_MOST_UNSIGNED = 12
    LESS_SIGNED = 13
    AT_MOST_SIGNED = 14
    EQUAL_FLOAT = 15
    LESS_FLOAT = 16
    AT_MOST_FLOAT = 17
    # Comparisons of a word with a constant: w(a) ? k(b)
    EQUAL_K = 20
    LESS_UNSIGNED_K = 21
    AT_MOST_UNSIGNED_K = 22
    LESS_SIGNED_K = 23
    AT_MOST_SIGNED_K = 24
    EQUAL_FLOAT_K = 25
    LESS_FLOAT_K = 26
    AT_MOST_FLOAT_K = 27
    BITS_K = 28  # f = w(a) & k(b) != 0
    GREATER_FLOAT_K = 29  # not the negation of AT_MOST_FLOAT_K: NaN is neither
    AT_LEAST_FLOAT_K = 30
    # Comparisons of a column, which is not loaded first: half as wide, they take a third of the time
    NARROW_EQUAL_K = 31  # f = narrow[#a][#b, row] is k(c), which has 32 bits
    NARROW_BITS_K = 32  # f = narrow[#a][#b, row] & k(c) != 0, which has 32 bits
    NARROW_PRESENT = 33  # f = narrow[#a][#b, row] is not NO_ROW
    # Logic on flags
    AND = 40
    OR = 41
    NOT = 42
    AND_NOT = 43  # f(a) and not f(b)
    # Arithmetic on words
    ADD = 50  # signed, wraps as Go's int64 does
    SUBTRACT = 51
    MULTIPLY = 52
    DIVIDE = 53  # signed, towards zero; 0 where b is 0 (the compiler adds the presence)
    TIME_MINUS_TIME = 54  # signed nanoseconds, kept within int64
    TIME_PLUS = 55  # unsigned time + signed duration, kept within uint64
    TIME_MINUS = 56
    ADD_FLOAT = 57
    SUBTRACT_FLOAT = 58
    MULTIPLY_FLOAT = 59
    DIVIDE_FLOAT = 60
    TO_FLOAT = 61  # signed to float
    MASK_K = 62  # w(a) & k(b)
    SHIFT_RIGHT = 63  # w(a) >> #b
    SIGN_32 = 64  # the low 32 bits, sign extended
    SELECT = 65  # w(b) where f(a), else w(c)
    KEY = 66  # one word for a value of type w(a), payload w(b), dictionary code w(c): equal for equal values
    MIX = 67  # one word for two: equal for equal pairs
    SMALLER = 68  # of two unsigned
    LARGER = 69
    # Strings, by dictionary code
    HOLDS = 75  # f = predicate #a is true of the string with code w(b); false for NO_ROW
    NARROW_HOLDS = 77  # the same of the code narrow[#b][#c, row]
    # Attribute values
    VALUE_KEY = 76  # w = KEY of the attribute in row w(a) whose string has code w(b); k(c) where it equals nothing
    # Flags of other rows
    MARKED_AT = 78  # f = marks[#a][#b, narrow[#c][0, row]], of a domain #a whose rows all have that mark
    # What need not be done: where f(b) is set in no row of the block, the next #a instructions are not run
    SKIP = 79
    # Results
    REPORT = 80  # rule #a is violated in the rows where f(b)
    STORE = 81  # wide[#a][#b, row] = w(c)
    MARK = 82  # marks[#a][#b, row] = f(c)


class Domain(IntEnum):
    """What a phase runs over; `RESOURCE` to `LINK` number their wire tables too.

    SHAPE: spans that are alike in all that depends on their kind and on the keys and types of their attributes
    (relate.shapes). No rule is about one: what rules ask of spans is answered for each shape where it can be.
    """

    RESOURCE = 0
    SCOPE = 1
    SPAN = 2
    EVENT = 3
    LINK = 4
    TRACE = 5
    SHAPE = 6


class WideTable(IntEnum):
    """Tables of 64-bit columns. RESULTS: what jobs found; SCRATCH: what they read; one table per domain each.

    MADE: per function, by dictionary code, a word for what the function makes of a string or value.
    """

    RESOURCES = 0
    SCOPES = 1
    SPANS = 2
    EVENTS = 3
    LINKS = 4
    ATTRIBUTES = 5
    RESULTS = 6
    SCRATCH = 13
    MADE = 20


WIDE_TABLES: Final = 21
# Tables of 8-bit columns, one per domain each: flags that jobs read, and from MARK_RESULTS on those that they found.
MARK_TABLES: Final = 14
MARK_RESULTS: Final = 7


class NarrowTable(IntEnum):
    """Tables of 32-bit columns. KEYS: per key that rules name, the attribute row; CODES: per text, its dictionary code.

    SENSITIVE: which classes of sensitive data a record holds, as bits. FAULTS: what is wrong with its attributes, as
    bits, and the version of the conventions in force. `KEYS + domain`, `CODES + domain`, `SENSITIVE + domain` and
    `FAULTS + domain` is the table of one domain.

    SPAN_SHAPES: each span's shape. SHAPES: relate.tables.ShapeColumn. SHAPE_KEYS: as KEYS, of each shape's first span.
    """

    RESOURCES = 0
    SCOPES = 1
    SPANS = 2
    EVENTS = 3
    LINKS = 4
    ATTRIBUTES = 5
    SPAN_RELATIONS = 6
    TRACES = 7
    KEYS = 8
    CODES = 13
    SPAN_TREE = 18
    LINK_TARGETS = 19
    RESOURCE_CLOCKS = 20
    SENSITIVE = 21
    FAULTS = 26
    SPAN_SHAPES = 31
    SHAPES = 32
    SHAPE_KEYS = 33


NARROW_TABLES: Final = 34
