"""The real engine in processes of its own, killed at every write and at any time."""
