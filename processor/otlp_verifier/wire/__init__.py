"""The only place that knows protobuf: OTLP bytes to columns, and edits to bytes."""

try:
    from otlp_verifier.wire import _native
except ImportError as error:
    raise ImportError(
        f"the native module of otlp-verifier does not load ({error}): it is compiled when the package is installed; "
        "in a checkout run `make setup`, elsewhere `pip install .` with a C compiler"
    ) from error

__all__ = ["_native"]
