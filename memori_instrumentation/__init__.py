"""Memory for LLM apps, as OpenTelemetry instrumentation."""
