"""Adversarial histories, a slow oracle that is written from the documents alone, and the comparison of both shells with it."""
