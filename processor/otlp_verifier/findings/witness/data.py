"""What a witness says, as data; its JSON is what reports carry."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

BYTES_MAX: Final = 4096  # of one witness as JSON
COUNTED_MAX: Final = 8  # spans that a count names
NAME_MAX: Final = 256  # characters
TEXT_MAX: Final = 160
_NAME_LEAST: Final = 24  # characters that a name keeps where room is short

_Count = Annotated[int, Meta(ge=0)]
_Ns = Annotated[str, Meta(pattern="^[0-9]+$", description="Unix nanoseconds, as a string like in OTLP/JSON")]


class WitnessSpan(Struct, frozen=True, kw_only=True):
    """A span that the finding rests on."""

    role: Annotated[str, Meta(description="`subject`, or how the rule came to it: `parent p`, `descendant d`, `once`")]
    span_id: Annotated[str, Meta(pattern="^([0-9a-f]{16})?$")]
    name: str
    service: Annotated[str, Meta(description="service.name of its resource; empty without one")]
    start: _Ns
    end: _Ns


class NearMiss(Struct, frozen=True, kw_only=True):
    """The span that came closest to fulfilling the rule, or the one that broke it."""

    span: Annotated[_Count | None, Meta(description="Index in `spans`; null where there is none at all")]
    how: Annotated[Literal["close", "broke"], Meta(description="It came closest; or without it all would be well")]
    text: Annotated[str, Meta(description="In a few words, for people")]
    slack_ns: Annotated[
        _Count | None, Meta(description="How much too early, late, long or short; null where no time decided")
    ]


class Measure(Struct, frozen=True, kw_only=True):
    """What was counted or added up, and what it was compared with."""

    what: Annotated[str, Meta(description="The term of the rule")]
    value: float | int
    operator: Annotated[str, Meta(description="How the value ought to stand to the bound: `<=`")]
    bound: float | int
    unit: Annotated[Literal["", "ns"], Meta(description="Of both: nothing, or nanoseconds")] = ""


class Witness(Struct, frozen=True, kw_only=True):
    """Why a finding is one: names, ids and times of spans, and no value of an attribute."""

    rechecked: Annotated[bool, Meta(description="A second, independent evaluation came to the same verdict")]
    reason: Annotated[str, Meta(description="Why it was not re-checked; empty where it was")] = ""
    spans: tuple[WitnessSpan, ...]
    left_out: Annotated[int, Meta(ge=0, description="Spans that there was no room for")] = 0
    near_miss: NearMiss | None = None
    measure: Measure | None = None


def bounded(witness: Witness) -> Witness:
    """The same in at most BYTES_MAX: long names are cut, then spans left out, the last first, but the near miss."""
    if _size(witness) <= BYTES_MAX:
        return witness
    spans = tuple(
        msgspec.structs.replace(span, name=_cut(span.name), service=_cut(span.service)) for span in witness.spans
    )
    witness = msgspec.structs.replace(witness, spans=spans)
    near = witness.near_miss
    while _size(witness) > BYTES_MAX and len(witness.spans) > 1:
        last = len(witness.spans) - 1
        gone = last - 1 if near is not None and near.span == last else last
        if gone == 0:
            break
        if near is not None and near.span is not None and near.span > gone:
            near = msgspec.structs.replace(near, span=near.span - 1)
        kept = (*witness.spans[:gone], *witness.spans[gone + 1 :])
        witness = msgspec.structs.replace(witness, spans=kept, near_miss=near, left_out=witness.left_out + 1)
    return witness


def cut(text: str, length_max: int = TEXT_MAX) -> str:
    """A text in at most so many characters."""
    return text if len(text) <= length_max else text[: length_max - 1] + "…"


def _cut(text: str) -> str:
    return cut(text, _NAME_LEAST)


def _size(witness: Witness) -> int:
    return len(msgspec.json.encode(witness))
