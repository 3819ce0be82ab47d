"""Data directories of earlier releases are opened by this one."""
