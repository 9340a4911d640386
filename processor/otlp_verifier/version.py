"""The version of the package: pyproject.toml takes it from here.

Asking the installed distribution for it takes importlib.metadata, which is 40 ms of every start.
"""

from typing import Final

VERSION: Final = "0.1.0"
