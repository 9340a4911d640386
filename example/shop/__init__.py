"""A small shop of three services, instrumented with the OpenTelemetry SDK as any other."""
