"""Declares what people do, as data: an episode is a short script of steps, and a step may leave one event."""

from dataclasses import dataclass
from typing import Literal

from streams.inputs.simulation.handles import Rule

__all__ = ["EPISODES", "TYPES", "Episode", "Rhythm", "Step"]

Rhythm = Literal["online", "store", "desk", "mail"]
Carried = Literal[
    "post",
    "any_post",
    "page",
    "mail",
    "advert",
    "product",
    "place",
    "amount",
    "stars",
    "nps",
    "sentiment",
    "device",
]


@dataclass(frozen=True)
class Step:
    """A step that may happen in an episode.

    Parameters
    ----------
    type
        The event type.
    who
        The rule by which the person can be recognised here.
    carries
        Fields that the event has besides its handles.
    p
        Chance that it happens.
    days, minutes
        Time since the step before, whether or not that one happened; whole days keep the hour of the day.
    if_done
        An earlier type without which this one cannot happen.
    unless_done
        An earlier type after which this one cannot happen.
    """

    type: str
    who: Rule
    carries: tuple[Carried, ...] = ()
    p: float = 1.0
    days: tuple[int, int] = (0, 0)
    minutes: tuple[float, float] = (0.2, 4.0)
    if_done: str | None = None
    unless_done: str | None = None


@dataclass(frozen=True)
class Episode:
    """A script, and the hours of the day and days of the week at which it is played.

    `mood`, 0 to 1, is everybody's while it is played; without it each person has their own.
    """

    rhythm: Rhythm
    steps: tuple[Step, ...]
    mood: float | None = None


def _impression(p: float) -> Step:
    return Step("social.impression", "feed", ("any_post", "advert"), p=p)


_LOOK = Step("web.product_view", "browse", ("page", "product", "device"))
_CHECK_IN = Step("store.check_in", "counter", ("place",))

EPISODES: dict[str, Episode] = {
    "scroll": Episode("online", (_impression(1), _impression(0.8), _impression(0.6), _impression(0.4))),
    "engage": Episode(
        "online",
        (
            Step("social.impression", "feed", ("post",)),
            Step("social.like", "social", ("post",), p=0.8),
            Step("social.comment", "social", ("post", "sentiment"), p=0.3),
            Step("social.follow", "social", p=0.25),
            Step("web.click", "browse", ("post", "device"), p=0.3),
        ),
    ),
    "unfollow": Episode("online", (Step("social.unfollow", "social"),)),
    "browse": Episode(
        "online",
        (
            Step("web.return_visit", "browse", ("device",), p=0.2),
            Step("web.page_view", "browse", ("page", "device")),
            Step("web.scroll_depth", "browse", ("page",), p=0.4),
            Step("web.search", "browse", p=0.3),
            Step("web.click", "browse", ("page",), p=0.35),
            Step("web.product_view", "browse", ("page", "product", "device"), p=0.5),
            Step("web.page_view", "browse", ("page",), p=0.4),
        ),
    ),
    "shop": Episode(
        "online",
        (
            _LOOK,
            Step("web.add_to_cart", "browse", ("product",), p=0.8),
            Step("web.coupon_redeemed", "checkout", ("advert",), p=0.15, if_done="web.add_to_cart"),
            Step(
                "web.purchase", "checkout", ("product", "amount", "device"), p=0.7, if_done="web.add_to_cart"
            ),
            Step(
                "web.refund", "checkout", ("product", "amount"), p=0.18, days=(3, 20), if_done="web.purchase"
            ),
            Step(
                "web.review", "browse", ("product", "stars", "sentiment"), 0.2, (1, 6), if_done="web.purchase"
            ),
        ),
    ),
    "app": Episode(
        "online",
        (
            Step("app.open", "app", ("device",)),
            Step("app.return_visit", "app", p=0.3),
            Step("app.product_view", "app", ("product", "device"), p=0.6),
            Step("app.purchase", "app", ("product", "amount"), p=0.2, if_done="app.product_view"),
        ),
    ),
    "pass_by": Episode(
        "store",
        (
            Step("store.walk_by", "device", ("place",)),
            Step("store.walk_by", "device", ("place", "product"), p=0.3),
        ),
    ),
    "visit": Episode(
        "store",
        (
            _CHECK_IN,
            Step("store.fitting_room", "counter", ("place", "product"), p=0.3, minutes=(3, 15)),
            Step("store.coupon_redeemed", "till", ("place", "advert"), p=0.1, minutes=(3, 15)),
            Step("store.purchase", "till", ("place", "product", "amount"), p=0.55),
            Step(
                "store.refund",
                "till",
                ("place", "product", "amount"),
                0.07,
                (2, 20),
                if_done="store.purchase",
            ),
        ),
    ),
    "showroom": Episode(  # looked at in the store, bought on the web
        "store",
        (
            _CHECK_IN,
            Step("store.walk_by", "device", ("place", "product"), p=0.5),
            Step("store.fitting_room", "counter", ("place", "product"), p=0.7, minutes=(3, 15)),
            Step("web.product_view", "browse", ("page", "product", "device"), 1, (0, 4), (60, 180)),
            Step("web.purchase", "checkout", ("product", "amount", "device"), p=0.8),
        ),
    ),
    "webroom": Episode(  # looked at on the web, bought in the store
        "store",
        (
            _LOOK,
            Step("store.check_in", "counter", ("place",), 1, (0, 3), (30, 120)),
            Step("store.purchase", "till", ("place", "product", "amount"), p=0.8, minutes=(5, 25)),
        ),
    ),
    "newsletter": Episode(
        "mail",
        (
            Step("campaign.sent", "mail", ("mail",)),
            Step("campaign.delivered", "mail", ("mail",), p=0.98, minutes=(0.05, 1)),
            Step(
                "campaign.opened", "mail", ("mail",), p=0.35, minutes=(1, 600), if_done="campaign.delivered"
            ),
            Step("mail.link_opened", "mail", ("mail",), p=0.3, if_done="campaign.opened"),
            Step(
                "web.click", "mail_click", ("mail", "device"), minutes=(0.01, 0.1), if_done="mail.link_opened"
            ),
            Step("web.unsubscribe", "mail", ("mail",), p=0.05, if_done="campaign.opened"),
        ),
    ),
    "support": Episode(
        "desk",
        (
            Step("support.ticket", "care", ("product", "sentiment")),
            Step("support.first_contact_resolution", "care", p=0.4, minutes=(1, 12)),
            Step("support.resolved", "care", p=0.9, minutes=(20, 240)),
            Step("support.reopened", "care", p=0.1, days=(0, 3), if_done="support.resolved"),
            Step("support.csat", "care", ("stars",), p=0.5, minutes=(5, 90), if_done="support.resolved"),
        ),
    ),
    "complaint": Episode(  # something went wrong; most of those whom it befalls say so to support alone
        "desk",
        (
            Step("support.ticket", "care", ("product", "sentiment")),
            Step("support.resolved", "care", p=0.6, minutes=(60, 2_000)),
            Step("support.reopened", "care", p=0.3, days=(0, 3), if_done="support.resolved"),
            Step("support.unresolved", "care", days=(1, 4), unless_done="support.resolved"),
            Step("support.csat", "care", ("stars",), p=0.25, minutes=(5, 90)),
            Step("social.comment", "social", ("post", "sentiment"), p=0.3, minutes=(5, 600)),
            Step("web.review", "browse", ("product", "stars", "sentiment"), p=0.3, minutes=(5, 600)),
            Step("social.share", "social", ("post", "sentiment"), p=0.06, minutes=(5, 600)),
        ),
        mood=0.12,
    ),
    "share": Episode("online", (Step("social.share", "social", ("post", "sentiment")),)),
    "community": Episode(
        "online",
        (
            Step("community.post", "member", ("product", "sentiment")),
            Step("community.answer", "member", p=0.4, minutes=(2, 60)),
        ),
    ),
    "creation": Episode("online", (Step("social.user_content", "social", ("product", "sentiment")),)),
    "opinion": Episode("online", (Step("web.review", "browse", ("product", "stars", "sentiment")),)),
    "survey": Episode("mail", (Step("mail.nps", "mail", ("nps",), minutes=(5, 600)),)),
    "sign_up": Episode(
        "online",
        (
            Step("web.sign_up", "sign_up", ("device",)),
            Step("web.subscribe", "mail", p=0.7),
            Step("web.profile_completed", "account", p=0.4, minutes=(1, 9)),
        ),
    ),
    "loyalty_join": Episode(
        "store",
        (Step("store.loyalty_join", "card", ("place",)), Step("store.purchase", "till", ("place", "amount"))),
    ),
    "connect": Episode("online", (Step("web.profile_completed", "connect"),)),
    "second_login": Episode("online", (Step("web.login", "second_login", ("device",)),)),
    "app_login": Episode("online", (Step("app.login", "app_login", ("device",)),)),
    "brought_online": Episode(
        "online",
        (
            Step("web.page_view", "browse", ("post", "device")),
            Step("web.product_view", "browse", ("product",), p=0.5),
            Step("web.purchase", "checkout", ("product", "amount"), p=0.3, if_done="web.product_view"),
            Step("social.share", "social", ("post", "sentiment"), p=0.1, minutes=(5, 120)),
        ),
    ),
    "brought_store": Episode(
        "store",
        (
            _CHECK_IN,
            Step("store.purchase", "till", ("place", "product", "amount"), p=0.4, minutes=(5, 25)),
            Step("social.share", "social", ("post", "sentiment"), p=0.1, minutes=(10, 120)),
        ),
    ),
    "referral": Episode("online", (Step("web.referral_converted", "account", ("amount",)),)),
}

TYPES = tuple(sorted({step.type for episode in EPISODES.values() for step in episode.steps}))
