"""How much work a run puts into its figures, and where it says what it is doing."""

import sys
from typing import Final


class Effort:
    """Full by default. A short run measures nothing worth quoting: it shows that every benchmark still works."""

    def __init__(self) -> None:
        self.short = False

    def rounds(self, full: int) -> int:
        """How many rounds to run where a full run takes `full`."""
        return min(full, 2) if self.short else full

    def seconds(self, full: float) -> float:
        """How long a window to measure where a full run takes `full`."""
        return min(full, 0.3) if self.short else full

    def say(self, text: str) -> None:
        """Progress, for whoever waits."""
        print(f"    {text}", file=sys.stderr, flush=True)


EFFORT: Final = Effort()
