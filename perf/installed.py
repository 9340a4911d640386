"""The environment of a process that is started to be timed: as where pip has installed the package.

pip compiles every file to bytecode. Where a checkout runs with PYTHONDONTWRITEBYTECODE, as in many containers, each
start would compile some 200 files again, which takes as long as all else in a start.
"""

import os
from pathlib import Path


def environment(folder: Path) -> dict[str, str]:
    """Variables for processes that keep their bytecode below `folder`; the first one compiles it.

    They say so too where they are laid over those of this process: an empty one is as none.
    """
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
