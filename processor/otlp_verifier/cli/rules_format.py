"""`otlp-verifier rules format`."""

from pathlib import Path

import click

from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors


@click.command("format")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Change nothing; end with 1 where something would change.")
@click.pass_context
def command(context: click.Context, files: tuple[Path, ...], check: bool) -> None:
    """Write the rules in FILES in their canonical form.

    In YAML only formulas in literal blocks (rule: |) are rewritten. A formula
    with a comment in it stays as it is. Ends with 2 where a rule cannot be read;
    such a file is not touched.
    """
    from otlp_verifier.rules.formatting import formatted  # noqa: PLC0415  # --help should not load YAML

    errors: list[RuleFileError] = []
    changed = 0
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            made, left = formatted(file, text)
        except RuleFileErrors as found:
            errors.extend(found.errors)
            continue
        except (OSError, UnicodeDecodeError) as error:
            errors.append(RuleFileError(str(file), 0, f"cannot be read: {error}"))
            continue
        for line in left:
            click.echo(line, err=True)
        if made == text:
            continue
        changed += 1
        if not check:
            file.write_text(made, encoding="utf-8")
        click.echo(f"{file}: {'would be ' if check else ''}formatted")
    if errors:
        click.echo(str(RuleFileErrors(errors)), err=True)
        context.exit(2)
    context.exit(1 if check and changed else 0)
