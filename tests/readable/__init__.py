"""Readable handles: what is kept of them, encrypted, and who gets it back."""
