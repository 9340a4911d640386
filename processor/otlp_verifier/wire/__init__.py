"""The only place that knows protobuf: OTLP bytes to columns, and edits to bytes."""
