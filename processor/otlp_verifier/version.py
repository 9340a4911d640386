"""The version of the installed package."""

from importlib import metadata


def version() -> str:
    """What pip installed; `0+source` when the package runs from a source tree that is not installed."""
    try:
        return metadata.version("otlp-verifier")
    except metadata.PackageNotFoundError:
        return "0+source"
