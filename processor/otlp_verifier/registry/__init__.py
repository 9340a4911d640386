"""What attributes and conventions there are: OpenTelemetry's semantic conventions, and registries of your own.

`model` holds the types, `opentelemetry` reads the packaged table, `generate` writes it. Nothing here is imported
before a rule or a check asks for it.
"""
