"""Detects spikes in counts online: the moment when many more people speak than usual, with few false alarms.

A detector keeps, for one series, a level with forgetting (Gamma-Poisson), factors for the hours of day and week, and for
each of three spans (the bucket, 15 minutes, an hour) the tail of past surprises. What counts as rare is so learned from
the series itself, which is what holds the rate of false alarms on series that are near silent, over-dispersed or
heavy-tailed; and a spike must be rare over the spans together (the mean of their log-probabilities), so that neither
one odd bucket nor a slow hour alone is one. `python -m tests.benchmarks spikes` compares it with other methods;
what came out, and why this one was kept, is in deploy/docs/guide/spikes.md.
"""

from journey.spikes.abreast import Abreast, Passed
from journey.spikes.detector import HIGHEST, Detector, Reading, SeriesError
from journey.spikes.policy import Policy
from journey.spikes.score import THRESHOLD, Score
from journey.spikes.series import Series

__all__ = [
    "HIGHEST",
    "THRESHOLD",
    "Abreast",
    "Detector",
    "Passed",
    "Policy",
    "Reading",
    "Score",
    "Series",
    "SeriesError",
]
