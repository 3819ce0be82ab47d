"""Parses and validates receivers of the feed of stages: address, secret, and which changes each of them gets."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streams.alerts.delivery.receivers import check_http
from streams.feed.announcements import CHANNEL, REASON, STAGE, Wanted

__all__ = ["FeedReceiver"]


class FeedReceiver(BaseModel):
    """A webhook that gets changes of stage, or of audiences. `url` and `secret` may be ``$NAME``: the value of that environment variable."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    url: Annotated[str, Field(repr=False, min_length=1)]
    secret: Annotated[str, Field(repr=False)]
    """One or two (rotation) of Standard Webhooks' secrets, whsec_…, apart by a space."""
    headers: Annotated[dict[str, str], Field(repr=False)] = {}
    private: bool = False
    brands: frozenset[str] = frozenset()
    to: frozenset[STAGE] = frozenset()
    left: frozenset[STAGE] = frozenset()
    reasons: frozenset[REASON] = frozenset()
    channels: frozenset[CHANNEL] = frozenset()
    audiences: frozenset[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]] = frozenset()
    """It gets who enters and leaves these, in the place of changes of stage."""
    batch: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Events of one request; above 1 each request has a list of events."""
    begin: Literal["now", "beginning"] = "now"
    """Where a receiver that is new begins."""
    readable: bool = False
    """Whether its events have the customers' readable handles: who writes the file gives the receiver that right."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        check_http(self.url, self.secret, self.headers, private=self.private)
        if self.audiences and (self.to or self.left or self.reasons or self.channels):
            raise ValueError(
                "to, left, reasons and channels are of changes of stage: name another receiver for audiences"
            )
        return self

    @property
    def wanted(self) -> Wanted:
        """Which changes it gets."""
        return Wanted(self.brands, self.to, self.left, self.reasons, self.channels, self.audiences)
