"""Runs many detectors abreast, over series whose counts are all known: each to the bit as a Detector, at a tenth of the time."""

from journey.spikes.abreast.detectors import Abreast, Passed
from journey.spikes.abreast.tails import Evidences

__all__ = ["Abreast", "Evidences", "Passed"]
