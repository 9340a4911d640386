"""What is done about findings: which are written, what makes a trace violated, what is dropped."""

from enum import IntEnum, StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Severity(IntEnum):
    """How bad a finding is; the numbers only order them."""

    INFORMATION = 1
    WARNING = 2
    ERROR = 3


SeverityName = Literal["information", "warning", "error"]


class Completeness(IntEnum):
    """What the sender promises about the traces of a batch (bridge/proto/verifier.proto)."""

    BATCH = 1
    TRACE = 2


class Action(StrEnum):
    """What a policy does with a record that a rule finds in violation."""

    ANNOTATE = "annotate"
    DROP_SPAN = "drop_span"
    DROP_TRACE = "drop_trace"
    IGNORE = "ignore"


class ActionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of a policy; the first whose conditions all hold decides."""

    action: Annotated[Action, Meta(description="What to do with the records found")]
    rules: Annotated[tuple[str, ...], Meta(description="Rule ids; empty: any rule")] = ()
    severity: Annotated[SeverityName | None, Meta(description="Only findings of this severity; absent: any")] = None


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How findings become attributes and drops."""

    annotate: Annotated[
        Literal["violations", "all", "none"],
        Meta(description="`violations`: violating records and violated traces; `all`: every trace's verdict; `none`"),
    ] = "violations"
    violated_from: Annotated[
        SeverityName, Meta(description="The lowest severity that makes a trace's verdict `violated`")
    ] = "warning"
    actions: Annotated[tuple[ActionRule, ...], Meta(description="First match decides; no match annotates")] = ()
