"""Figures of speed and memory: `make bench`. Never run as tests."""
