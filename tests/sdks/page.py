"""docs/sdks.md, read: which packages are tried, and what is known to be found in their traces."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "sdks.md"
ALWAYS: Final = "always"
OPT_IN: Final = "opt-in"
SOMETIMES: Final = "sometimes"

_SECTION: Final = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)
_PACKAGE: Final = re.compile(r"^\| `([^`]+)` \| ([0-9][^ |]*) \|$", re.MULTILINE)
_KNOWN: Final = re.compile(
    r"^\| \[([a-z0-9-]+)\]\(rules/\1\.md\)( \(on by default\))? \| `([^`]+)` \| (always|opt-in|sometimes) \| (.+) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Known:
    """A rule that finds something in what an instrumentation does.

    Attributes:
        rule: its id.
        by_default: " (on by default)", or nothing.
        scope: name of the instrumentation.
        when: ALWAYS, OPT_IN with the stable conventions alone, or SOMETIMES, as the machine has time for it.
        why: what the instrumentation does, and where that is reported.

    """

    rule: str
    by_default: str
    scope: str
    when: str
    why: str


@dataclass(frozen=True)
class Section:
    """What the page says about a language: name of package -> version; what is known."""

    packages: dict[str, str]
    known: list[Known]

    def expected(self, *, opt_in: bool) -> set[tuple[str, str]]:
        """Rules and instrumentations, with the stable conventions or as they come."""
        return {(one.rule, one.scope) for one in self.known if one.when == ALWAYS or (opt_in and one.when == OPT_IN)}

    @property
    def possible(self) -> set[tuple[str, str]]:
        """Those that are found at times."""
        return {(one.rule, one.scope) for one in self.known if one.when == SOMETIMES}


def section(language: str) -> Section:
    """The page's section on `language`."""
    [text] = [match[2] for match in _SECTION.finditer(PAGE.read_text()) if match[1] == language]
    return Section(dict(_PACKAGE.findall(text)), [Known(*row) for row in _KNOWN.findall(text)])
