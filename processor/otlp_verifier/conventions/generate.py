"""Write the formulas and messages of OpenTelemetry's conventions into their three rule files.

    python -m otlp_verifier.conventions.generate

`make registry` calls it after the registry. The rest of each file, its texts and examples, is written by hand.
"""

import re
import sys
from collections.abc import Iterator
from typing import Final

from otlp_verifier.conventions.formulas import quoted
from otlp_verifier.conventions.promises import PROMISES, Promise, of_opentelemetry, package_file
from otlp_verifier.registry import opentelemetry
from otlp_verifier.registry.model import Registries

_WRITTEN: Final = re.compile(r"^  rule:[^\n]*\n.*?(?=^  (?!rule:|message:| |-|#)\w)", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Write all three."""
    for promise in PROMISES:
        path = package_file(promise)
        path.write_text(filled(path.read_text(encoding="utf-8"), promise), encoding="utf-8")
        sys.stdout.write(f"wrote {path}\n")


def filled(text: str, promise: Promise) -> str:
    """The text of a rule file with the formulas and messages that its promise has now."""
    registries = opentelemetry.alone()
    lines = list(_lines(promise, registries))
    found, count = _WRITTEN.subn(lambda _: "".join(f"{line}\n" for line in lines), text)
    if count != 1:
        raise ValueError(f"{package_file(promise)}: expected one key `rule:` with a list")
    return found


def _lines(promise: Promise, registries: Registries) -> Iterator[str]:
    formulas = list(of_opentelemetry(promise, registries))
    yield "  rule:  # this and the messages are generated: make registry"
    for each in formulas:
        yield "    - |"
        yield from (f"      {line}" for line in each.text.splitlines())
    yield "  message:"
    yield from (f"    - {quoted(each.message)}" for each in formulas)


if __name__ == "__main__":
    main()
