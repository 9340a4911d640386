"""Traces in your tests: receive what an application exports, and fail the test when it breaks a rule.

pytest loads `plugin` by itself, which brings the fixture `otlp_receiver`:

    def test_checkout(otlp_receiver):
        provider.add_span_processor(SimpleSpanProcessor(otlp_receiver.exporter))
        ...
        assert_traces_valid(otlp_receiver)

Without pytest, `Receiver` and `assert_traces_valid` do the same. Nothing is imported before it is used: pytest loads
plugins in every project that has them installed.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otlp_verifier.testing.judging import TracesInvalidError, assert_traces_valid
    from otlp_verifier.testing.receiver import Receiver

__all__ = ["Receiver", "TracesInvalidError", "assert_traces_valid"]

_MODULES = {"Receiver": "receiver", "TracesInvalidError": "judging", "assert_traces_valid": "judging"}


def __getattr__(name: str) -> object:
    """Import what is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
