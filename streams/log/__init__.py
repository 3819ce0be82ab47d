"""Holds the log: frames, batches of frames, messages between workers, the local log, sinks and lag."""
