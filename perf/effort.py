"""How much work a run puts into its figures, and where it says what it is doing."""

import sys
from typing import Final


class Effort:
    """Full by default. A short run measures nothing worth quoting: it shows that every benchmark still works."""

    def __init__(self) -> None:
        self.short = False
        self.load_minutes = 6.0  # how long perf.growth watches memory under load

    def rounds(self, full: int, short: int = 2) -> int:
        """How many rounds to run where a full run takes `full`."""
        return min(full, short) if self.short else full

    def seconds(self, full: float, short: float = 0.3) -> float:
        """How long a window to measure where a full run takes `full`."""
        return min(full, short) if self.short else full

    def say(self, text: str) -> None:
        """Progress, for whoever waits."""
        print(f"    {text}", file=sys.stderr, flush=True)


EFFORT: Final = Effort()
