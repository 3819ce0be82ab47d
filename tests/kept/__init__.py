"""Tests of the kept paths of customers."""
