"""Expires interactions: keeps a brand's for so many months, and what the earlier ones gave as sums."""
