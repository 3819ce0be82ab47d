"""Addresses that messages carry: where an alert is shown, and its picture for receivers that fetch one, such as Slack."""

import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import urlencode

from journey.alerts import Alert

__all__ = ["NO_LINKS", "Links"]


@dataclass(frozen=True, slots=True)
class Links:
    """Made from the address under which others reach the page, "" for none.

    A picture's address opens that picture and nothing else: it has a key made from the page's token, "" for none.
    """

    public_url: str = ""
    token: str = field(default="", repr=False)

    def of(self, alert: Alert, sequence: int) -> dict[str, str]:
        """Return `link` and `picture` of a change, as far as there are any."""
        if not self.public_url:
            return {}
        base = self.public_url.rstrip("/")
        query = {"brand": alert.brand} | ({} if alert.is_of_rule else {"alert": alert.id})
        found = {"link": f"{base}/view/spikes?{urlencode(query)}"}
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
        """Tell whether a key is that of a picture."""
        return bool(self.token) and hmac.compare_digest(given.encode(), self.key(alert, sequence).encode())


NO_LINKS = Links()
