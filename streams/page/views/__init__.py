"""The views, in the order of the navigation. A new one is a module with a VIEW, and a line here."""

from streams.page.view import View
from streams.page.views import (
    channels,
    content,
    customers,
    flow,
    health,
    journey,
    model,
    spikes,
    targets,
    word_of_mouth,
)

__all__ = ["VIEWS"]

VIEWS: tuple[View, ...] = (
    flow.VIEW,
    journey.VIEW,
    channels.VIEW,
    word_of_mouth.VIEW,
    spikes.VIEW,
    content.VIEW,
    targets.VIEW,
    model.VIEW,
    health.VIEW,
    customers.VIEW,
)
