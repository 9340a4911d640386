"""Telemetry in files: every format that people have, traces put together, verified by the same engine.

    check = Check(["traces.json", "captures/"], verifier)
    for part in check:              # a part is some whole traces; valid until the next one is taken
        for located in part.findings():
            print(located.source, located.finding.message)
    check.inputs.errors             # what could not be read, where, and what was expected

Nothing here raises because of what a file holds: what cannot be read is noted in
`check.inputs` and reading goes on with the next line, request or file.
"""

from otlp_verifier.files.check import Check, Checked, Located
from otlp_verifier.files.notes import Format, InputError, InputFile, InputNotice, Inputs, Notes, Source
from otlp_verifier.files.settings import FileSettings
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
