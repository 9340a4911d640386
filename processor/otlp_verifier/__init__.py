"""otlp-verifier: checks OpenTelemetry data inside a collector pipeline and writes the verdict on it."""
