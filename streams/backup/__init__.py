"""Backs up a data directory as of one instant, and restores it: images, manifests, copies."""
