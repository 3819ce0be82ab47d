"""Defines the command worker, which runs Faust's worker with our app."""

import sys

__all__ = ["worker"]


def worker() -> None:
    """Run a worker: intake, identity and journey over Kafka, into the ClickHouse server of JOURNEY_STORE."""
    from streams.app import app  # noqa: PLC0415 - the extra kafka; it reads the settings

    sys.argv = ["journey worker", "--quiet", "worker", "--without-web", "--loglevel", "INFO"]
    app.main()
