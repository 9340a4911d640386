"""Findings for people: from row numbers to a sentence with the record's own values in it.

`batch` reads single values from the columns, `template` turns a rule's message into
places to fill, `wording` writes a value as text, `renderer` puts a finding together.
"""

from otlp_verifier.findings.renderer import Finding, Renderer

__all__ = ["Finding", "Renderer"]
