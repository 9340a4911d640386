"""What a rule has to say to whoever has a finding of it, in the same words wherever it is said."""

from collections.abc import Sequence
from typing import Final

EXPECTED: Final = "expected"  # heading of a rule's description, where that does not stand at the head of its findings
SEE: Final = "see"  # heading of a link


def advice(remedy: str, sources: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What to do and where the promise is made, as far as the rule says: a heading and a text for each line.

    Args:
        remedy: the rule's.
        sources: section and link of each; the first is the one that is shown.

    """
    lines = [("what to do", remedy)] if remedy else []
    for section, link in sources[:1]:
        lines += [("promised in", section), (SEE, link)]
    return lines
