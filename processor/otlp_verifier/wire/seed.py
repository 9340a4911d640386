"""The key of every hash in this process.

Drawn anew for each process, so that nobody outside can prepare strings that all
fall into one cell of a table. Rows hashed by the scanner are looked up by
tables built elsewhere, which is why there is one seed and not one per table.
"""

import os
from typing import Final

SEED: Final = int.from_bytes(os.urandom(8), "little")
