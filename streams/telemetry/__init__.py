"""Provides the telemetry of processes: metrics, health, readiness, stalls and logs."""
