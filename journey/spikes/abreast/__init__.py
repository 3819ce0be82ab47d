"""Runs many detectors abreast, over series whose counts are all known: each to the bit as a Detector, in a fraction of the time."""

from journey.spikes.abreast.detectors import Abreast, Passed
from journey.spikes.abreast.tails import Evidences

__all__ = ["Abreast", "Evidences", "Passed"]
