"""Holds the fences that decide who may write to a partition, and the leases of commands that run one at a time."""
