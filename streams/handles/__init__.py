"""Manages the handles of a store: their links, the key that hashes them, its rotation, the rules of their forms, and frames under another key."""
