"""The views, in the order of the navigation. A new one is a module with a VIEW, and a line here."""

from streams.page.view import View
from streams.page.views import customers, flow, health, journey, model

__all__ = ["VIEWS"]

VIEWS: tuple[View, ...] = (flow.VIEW, journey.VIEW, model.VIEW, health.VIEW, customers.VIEW)
