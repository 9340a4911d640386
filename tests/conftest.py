"""What all tests share."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import coverage
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from otlp_verifier import kernels
from otlp_verifier.kernels.library import REBUILD, stale

ROOT = Path(__file__).parents[1]

# Machines differ in speed, so no example has a deadline. HYPOTHESIS_PROFILE=thorough looks longer; CI looks at the same
# examples every time, so that a change fails on what it changed and not on what another seed would have found before.
for _profile, _examples, _is_fixed in (("default", 60, False), ("ci", 60, True), ("thorough", 3_000, False)):
    settings.register_profile(
        _profile,
        max_examples=_examples,
        derandomize=_is_fixed,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_sessionstart() -> None:
    """Kernels that were changed are not tested by running the old ones."""
    if not kernels.UNCOMPILED and (changed := stale()):
        raise pytest.UsageError(f"kernels are not what was compiled: {', '.join(changed)}; {REBUILD}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged goes from one process to another as UTF-8, which some tests log no text of."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference material; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("OTLP_VERIFIER_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent (OTLP_VERIFIER_SHARED names another place)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _kernels_wrap_silently() -> Iterator[None]:
    """Uncompiled, kernels are made of numpy's scalars, which warn where machine numbers wrap or divide."""
    if kernels.UNCOMPILED:
        with np.errstate(all="ignore"):
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def _look_away(request: pytest.FixtureRequest) -> Iterator[None]:
    """Coverage looks away from tests that ask the same code thousands of times: its tracer doubles their time.

    Those are marked `many`. Kernels that run uncompiled do so to be looked at.
    """
    tracer = coverage.Coverage.current()
    is_many = request.node.get_closest_marker("many") is not None
    if tracer is None or not is_many or kernels.UNCOMPILED:
        yield
        return
    tracer.stop()
    yield
    tracer.start()
