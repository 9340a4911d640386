"""Files to findings: inputs, assembly and the engine, composed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.files.notes import Inputs, Source
from otlp_verifier.files.settings import FileSettings
from otlp_verifier.files.view import TraceView
from otlp_verifier.findings import Finding
from otlp_verifier.pipeline import Outcome, Verifier


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and where it stands.

    Attributes:
        finding: what is wrong.
        source: of the span that the finding is shown with; of a resource's or scope's first span.
        trace: number of the trace in its part, for Checked.trace; None for findings on resources and scopes.

    """

    finding: Finding
    source: Source
    trace: int | None


class Checked:
    """What came of some whole traces. Valid until its check is asked for the next part.

    Attributes:
        outcome: as of Worker.verify.
        spans: how many were verified.
        findings_by_rule: uint32 (rules,), in the order of verifier.rule_ids.

    """

    outcome: Outcome
    spans: int
    findings_by_rule: NDArray[np.uint32]

    def findings(self, most: int | None = None, most_per_rule: int | None = None) -> list[Located]:
        """Render findings, in the order of rules, then of the input; bounded in all or for each rule."""
        raise NotImplementedError

    def trace(self, number: int, spans_max: int = 1_000) -> TraceView:
        """Make one trace visible, by Located.trace."""
        raise NotImplementedError


class Check:
    """Verifies files. Iterate it, once, for the parts; each is some whole traces.

    Args:
        paths: files, folders (all files in them, at any depth), globs, and `-` for standard input.
        verifier: rules and policies.
        settings: bounds.
        profile: which of the verifier's policies.
        annotate: remember the verdicts for `annotate`, and standard input in a temporary file.
        stdin: what `-` stands for; sys.stdin.buffer when absent.

    Raises:
        KeyError: the verifier has no policy called `profile`.

    Attributes:
        inputs: progress, errors, notices.
        spans: verified so far.
        findings_by_rule: uint64 (rules,), so far.

    """

    def __init__(
        self,
        paths: Sequence[str],
        verifier: Verifier,
        *,
        settings: FileSettings | None = None,
        profile: str = "",
        annotate: bool = False,
        stdin: BinaryIO | None = None,
    ) -> None:
        self.inputs = Inputs()
        self.spans = 0
        self.findings_by_rule: NDArray[np.uint64] = np.zeros(len(verifier.rule_ids), np.uint64)
        self._verifier = verifier
        self._settings = settings or FileSettings()
        self._profile = profile
        self._paths = tuple(paths)
        self._stdin = stdin
        self._annotate = annotate

    def __iter__(self) -> Iterator[Checked]:
        """Read, put together and verify, part after part."""
        raise NotImplementedError

    def annotate(self, out: Path) -> list[Path]:
        """Write the inputs again with the verdicts on them, each in its own format; after the check was iterated.

        One input: `out` is the file. Several: `out` is a folder, with the inputs' paths below it.

        Returns:
            what was written.

        Raises:
            OSError: it cannot be written.
            RuntimeError: the check was not made with `annotate`, or not iterated to its end.

        """
        raise NotImplementedError
