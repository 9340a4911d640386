"""Write docs/cli.md from the commands themselves: `python docs/cli_reference.py`, or `make docs-site`."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from otlp_verifier.cli import main as command_line

PAGE = Path(__file__).parent / "cli.md"
NAME = "otlp-verifier"
HEAD = """\
<!-- generated from the commands by docs/cli_reference.py; do not edit -->
# Command line

Every command says this itself with `--help`. [Checking files](check.md) explains `check` and `diff` by what they are
for, [the rule language](language.md) the commands of `rules`, [the configuration](configuration.md) what `serve` reads.
"""


def page() -> str:
    """The whole page."""
    context = click.Context(command_line, info_name=NAME)
    return "\n".join([HEAD, *_sections(command_line, context)])


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _sections(inner, click.Context(inner, info_name=name, parent=context))
        return
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"## {context.command_path}\n\n```text\n{usage}\n```\n"
    yield from _paragraphs(command.help or "")
    records = [record for param in command.params if (record := param.get_help_record(context))]
    rows = [f"| `{_cell(option)}` | {_cell(text)} |" for option, text in records if text]
    if rows:
        yield "\n".join(["| option | what it does |", "| --- | --- |", *rows]) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    """A help text, in which a backspace, click's mark, stands in front of what is kept as it is written."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield f"```text\n{paragraph[2:]}\n```\n"
        else:
            yield f"{paragraph}\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
