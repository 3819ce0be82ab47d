"""Builds what messages add to a change: the URLs of the alert and of its picture, and the time zone of the brand."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from journey.alerts import Alert

__all__ = ["NO_LINKS", "AlertUrls"]


@dataclass(frozen=True, slots=True)
class AlertUrls:
    """The URLs under the address at which others reach the page, "" for none.

    A picture's address opens that picture and nothing else: it has a key made from the page's token, "" for none.
    `zones` are time zones by brand, with "" for every other brand.
    """

    public_url: str = ""
    token: str = field(default="", repr=False)
    zones: Mapping[str, str] = field(default_factory=dict)

    def of(self, alert: Alert, sequence: int) -> dict[str, str]:
        """Return `link`, `picture` and `zone` of a change, as far as there are any."""
        zone = self.zones.get(alert.brand) or self.zones.get("", "")
        found = {"zone": zone} if zone else {}
        if not self.public_url:
            return found
        base = self.public_url.rstrip("/")
        query = {"brand": alert.brand} | ({} if alert.is_of_rule else {"alert": alert.id})
        found["link"] = f"{base}/view/spikes?{urlencode(query)}"
        if self.token:
            found["picture"] = (
                f"{base}/v1/alerts/{alert.id}/{sequence}.png?key={self.key(alert.id, sequence)}"
            )
        return found

    def key(self, alert: str, sequence: int) -> str:
        """Return what opens the picture of a change."""
        said = f"picture of {alert} {sequence}".encode()
        return hmac.new(self.token.encode(), said, hashlib.sha256).hexdigest()

    def opens(self, given: str, alert: str, sequence: int) -> bool:
        """Return whether a key is that of a picture."""
        return bool(self.token) and hmac.compare_digest(given.encode(), self.key(alert, sequence).encode())


NO_LINKS = AlertUrls()
