"""What is shown to whoever waits in front of a terminal: a progress bar."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from otlp_verifier.files import Inputs

PATIENCE_S: Final = 1.0
_EVERY_S: Final = 0.1


@contextmanager
def shown_after_a_second(inputs: "Inputs") -> Iterator[None]:
    """Show on standard error how far `inputs` have been read, from a thread of its own; nothing remains of it."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(inputs, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(inputs: "Inputs", done: threading.Event) -> None:
    if done.wait(PATIENCE_S):
        return
    from rich.console import Console  # noqa: PLC0415  # most checks are done by now
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.fields[files]}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[spans]:,} spans"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, files="", spans=0)
        while not done.wait(_EVERY_S):
            files = list(inputs.files)
            bar.update(
                task,
                total=inputs.bytes_total,
                completed=sum(file.bytes for file in files),
                files=f"{len(files):,}/{inputs.files_total:,} files",
                spans=sum(file.spans for file in files),
            )
