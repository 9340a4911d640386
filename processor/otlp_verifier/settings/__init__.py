"""The configuration: one YAML file, checked as a whole before anything starts.

`model` holds the settings and their defaults, `scalars` the kinds of value that
YAML does not have, `source` reads a file and says on which line it is wrong,
`schema` describes the file to editors and to the documentation.
"""

from otlp_verifier.settings.model import Settings, Tuning
from otlp_verifier.settings.schema import json_schema
from otlp_verifier.settings.source import SettingsError, SettingsFile, load

__all__ = ["Settings", "SettingsError", "SettingsFile", "Tuning", "json_schema", "load"]
