"""What can be wrong with an attribute, as bits of a word."""

from enum import IntFlag
from typing import Final


class Fault(IntFlag):
    """One thing that is wrong with an attribute, or with the schema URL of a record; what each is, `facts` says."""

    UNKNOWN = 1 << 0
    DEPRECATED = 1 << 1
    NOT_STABLE = 1 << 2
    TYPE = 1 << 3
    NUMBER_AS_STRING = 1 << 4
    MIXED_ARRAY = 1 << 5
    ENUM_UNKNOWN = 1 << 6
    ENUM_NEAR_MISS = 1 << 7
    EXTENDS_NAMESPACE = 1 << 8
    RESERVED_OTEL = 1 << 9
    KEY_FORMAT = 1 << 10
    NO_NAMESPACE = 1 << 11
    CONTROL_CHARACTERS = 1 << 12
    HUGE = 1 << 13
    NOT_FINITE = 1 << 14
    CASE_COLLISION = 1 << 15
    NAMESPACE_COLLISION = 1 << 16
    HEADER_SHAPE = 1 << 17
    SCHEMA_VERSION = 1 << 18
    DEPRECATED_LATER = 1 << 19


NAMES: Final = {fault.name.lower().replace("_", "-"): fault for fault in Fault if fault.name}
HUGE_BYTES: Final = 32 << 10  # a string with more is huge
# What nobody can say of telemetry that follows conventions newer than those that are known.
OF_KNOWN_VERSIONS: Final = (
    Fault.UNKNOWN | Fault.ENUM_UNKNOWN | Fault.ENUM_NEAR_MISS | Fault.EXTENDS_NAMESPACE | Fault.RESERVED_OTEL
)
