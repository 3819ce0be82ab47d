"""Whoever is forgotten is nowhere, and nothing personal is ever anywhere."""
