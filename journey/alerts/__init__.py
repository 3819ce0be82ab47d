"""Turns counts of distinct customers into alerts on advocacy: one alert for each real-world event; no I/O.

`BrandWatch` runs a detector for the brand and each scope (channel, place, product, content) of one direction; `advance`
turns what they say into the life of an alert: opened, grown, resolved, reopened. `follow` does so for a figure and a rule.
"""

from journey.alerts.life import SEVERITIES, Alert, Change, Look, acknowledged, advance
from journey.alerts.past import Closed, PastWatch
from journey.alerts.past_together import PastWatches
from journey.alerts.policy import AlertPolicy
from journey.alerts.rule import Figure, Limit, Rule, ended, follow
from journey.alerts.scope import BRAND, Scope
from journey.alerts.watch import MINUTE_US, BrandWatch, Counts, Sight

__all__ = [
    "BRAND",
    "MINUTE_US",
    "SEVERITIES",
    "Alert",
    "AlertPolicy",
    "BrandWatch",
    "Change",
    "Closed",
    "Counts",
    "Figure",
    "Limit",
    "Look",
    "PastWatch",
    "PastWatches",
    "Rule",
    "Scope",
    "Sight",
    "acknowledged",
    "advance",
    "ended",
    "follow",
]
