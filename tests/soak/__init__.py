"""The same tests with large counts; collected only where JOURNEY_SOAK says how large."""
