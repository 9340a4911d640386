"""Telemetry in files: every format that people have, traces put together, verified by the same engine.

    check = Check(["traces.json", "captures/"], verifier)
    for part in check:              # a part is some whole traces; valid until the next one is taken
        for located in part.findings():
            print(located.source, located.finding.message)
    check.inputs.errors             # what could not be read, where, and what was expected

Nothing here raises because of what a file holds: what cannot be read is noted in
`check.inputs` and reading goes on with the next line, request or file.
"""

import importlib
from typing import TYPE_CHECKING

from otlp_verifier.files.notes import Format, InputError, InputFile, InputNotice, Inputs, Notes, Source
from otlp_verifier.files.settings import FileSettings

if TYPE_CHECKING:
    from otlp_verifier.files.check import Check, Checked, Located
    from otlp_verifier.files.view import SpanView, TraceView

__all__ = [
    "Check",
    "Checked",
    "FileSettings",
    "Format",
    "InputError",
    "InputFile",
    "InputNotice",
    "Inputs",
    "Located",
    "Notes",
    "Source",
    "SpanView",
    "TraceView",
]

_WITH_THE_ENGINE = {"Check": "check", "Checked": "check", "Located": "check", "SpanView": "view", "TraceView": "view"}


def __getattr__(name: str) -> object:
    """Import what needs the engine when it is asked for: settings have a section for files, and load no engine."""
    if name not in _WITH_THE_ENGINE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WITH_THE_ENGINE[name]}"), name)
