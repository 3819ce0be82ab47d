"""Lists the views in the order of the navigation. A new one is a module with a VIEW, and a line here."""

from streams.page.view import View
from streams.page.views import (
    audience,
    audiences,
    channels,
    compare,
    connect,
    content,
    customers,
    flow,
    health,
    journey,
    lapses,
    model,
    questions,
    spikes,
    support,
    targets,
    word_of_mouth,
)

__all__ = ["ANSWERS", "VIEWS"]

VIEWS: tuple[View, ...] = (
    flow.VIEW,
    journey.VIEW,
    lapses.VIEW,
    audiences.VIEW,
    audience.VIEW,
    compare.VIEW,
    channels.VIEW,
    word_of_mouth.VIEW,
    spikes.VIEW,
    support.VIEW,
    content.VIEW,
    targets.VIEW,
    questions.VIEW,
    model.VIEW,
    health.VIEW,
    connect.VIEW,
    customers.VIEW,
)
ANSWERS = questions.ANSWERS
"""Views that the questions lead to; the navigation has none of them."""
