"""The verdicts of a run, by the place of the records that they are written on: few bytes for each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import NO_ROW
from otlp_verifier.wire.origin import COPY, Origins
from otlp_verifier.wire.partition import Gathered
from otlp_verifier.worker import Outcome, Worker

Kind = Literal["resources", "scopes", "spans"]
Attributes = Mapping[str, str | Sequence[str]]

KINDS: Final[tuple[Kind, ...]] = ("resources", "scopes", "spans")
_PLACE: Final = np.dtype([("file", "<u4"), ("request", "<u4"), ("offset", "<u8"), ("pattern", "<u4")])


class Written(NamedTuple):
    """What is written on records of one kind in some requests of a file.

    Attributes:
        offsets: uint64 (records,), ascending.
        patterns: uint32 (records,), numbers of Verdicts.patterns.

    """

    offsets: NDArray[np.uint64]
    patterns: NDArray[np.uint32]

    def by_row(self, origins: Origins) -> NDArray[np.uint32]:
        """The pattern of each record, NO_ROW where nothing is written; their origins are in the order of the file."""
        patterns = np.full(len(origins), NO_ROW, np.uint32)
        if len(self.offsets):
            at = np.minimum(np.searchsorted(self.offsets, origins["offset"]), len(self.offsets) - 1)
            found = self.offsets[at] == origins["offset"]
            patterns[found] = self.patterns[at[found]]
        return patterns


class Verdicts:
    """Collects what is to be written.

    Attributes:
        patterns: distinct sets of attributes.

    """

    def __init__(self) -> None:
        self.patterns: list[Attributes] = []
        self._numbers: dict[bytes, int] = {}
        self._places: dict[Kind, list[NDArray[np.void]]] = {kind: [] for kind in KINDS}
        self._sorted: dict[Kind, NDArray[np.void]] = {}

    def add(self, outcome: Outcome, gathered: Gathered, worker: Worker) -> None:
        """Remember the verdict on some whole traces."""
        verdict = outcome.verdict
        numbers = np.array([self._number(pattern, worker) for pattern in verdict.patterns], np.uint32)
        for kind in KINDS:
            origins = getattr(gathered, kind)
            of_row = getattr(verdict, kind)[: len(origins)]
            rows = np.flatnonzero((of_row != NO_ROW) & ((origins["request"] & COPY) == 0))
            if len(rows):
                places = np.empty(len(rows), _PLACE)
                for field in ("file", "request", "offset"):
                    places[field] = origins[field][rows]
                places["pattern"] = numbers[of_row[rows]]
                self._places[kind].append(places)

    def within(self, kind: Kind, file: int, first_request: int, last_request: int) -> Written:
        """What is written in some requests of a file; only when all have been added."""
        if kind not in self._sorted:
            places = np.concatenate([np.empty(0, _PLACE), *self._places.pop(kind)])
            self._sorted[kind] = places[np.lexsort((places["offset"], places["request"], places["file"]))]
        places = self._sorted[kind]
        start, end = np.searchsorted(places["file"], (file, file + 1))
        of_file = places[start:end]
        start, end = np.searchsorted(of_file["request"], (first_request, last_request + 1))
        return Written(of_file["offset"][start:end], of_file["pattern"][start:end])

    def _number(self, pattern: NDArray[np.uint64], worker: Worker) -> int:
        key = pattern.tobytes()
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.patterns)
            self.patterns.append(worker.annotator.attributes(pattern))
        return number


def plain(attributes: Attributes) -> dict[str, Any]:
    """The attributes as values for a format that has no arrays: these become JSON in a string."""
    return {
        key: value if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"
        for key, value in attributes.items()
    }


def _quoted(text: str) -> str:
    return f'"{text}"'
