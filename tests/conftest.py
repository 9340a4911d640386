"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference material; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("OTLP_VERIFIER_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent (OTLP_VERIFIER_SHARED names another place)")
    return folder
