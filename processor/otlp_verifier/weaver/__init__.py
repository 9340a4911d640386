"""Registries of your own, in the YAML that OpenTelemetry's Weaver reads.

`files` finds and reads them, `fields` reads a mapping key by key, `classic` and `definition2` make definitions of the
two dialects, `resolve` follows the references between them and makes registries.
"""

from otlp_verifier.weaver.load import Loaded, load

__all__ = ["Loaded", "load"]
