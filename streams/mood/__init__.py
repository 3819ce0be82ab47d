"""Computes the mood of texts, where a brand switches that on: a method for each language, which a package may bring."""
