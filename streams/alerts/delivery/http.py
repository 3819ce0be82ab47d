"""Sends one POST to a receiver: to the checked address only, without redirects, within limits of time and size."""

from collections.abc import Mapping

import urllib3
from urllib3.exceptions import HTTPError

from streams.alerts.delivery.addresses import Target, resolve
from streams.text.printable import visible_line

__all__ = ["DeliveryRefusedError", "NotDeliveredError", "post"]

_LIMIT = urllib3.Timeout(connect=5, read=15)
_READ = 2_000  # bytes of an answer that are looked at
_OK, _MULTIPLE = 200, 300
# These may pass: what is wrong with the key, the route or the load may be mended; anything else of 4xx is the message.
_MAY_PASS = {401, 403, 404, 407, 408, 421, 425, 429}
_CLIENT, _SERVER = 400, 500


class NotDeliveredError(RuntimeError):
    """A delivery that failed and is to be retried. `after_s` is the receiver's Retry-After, if it gave one."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


class DeliveryRefusedError(RuntimeError):
    """A delivery that the receiver refuses for good."""


def post(target: Target, body: bytes, headers: Mapping[str, str], *, private: bool) -> None:
    """Send once; the name is looked up, checked, and the very address that was found is connected to.

    Raises
    ------
    AddressError
        The name leads where nothing may be sent.
    NotDeliveredError, RefusedError
        No answer, or none of 2xx; a redirect is refused, since it could lead anywhere.
    """
    url, port = target
    host = url.hostname or ""
    address = resolve(host, port, private=private)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    named = f"[{host}]" if ":" in host else host
    try:
        with _pool(url.scheme, host, address, port) as pool:
            answer = pool.urlopen(
                "POST",
                path,
                body=body,
                headers={
                    "host": f"{named}:{port}" if url.port else named,
                    "user-agent": "journey-alerts",
                    **headers,
                },
                redirect=False,
                retries=False,
                preload_content=False,
            )
            text = answer.read(_READ, decode_content=False).decode("utf-8", "replace")
            status, after = answer.status, answer.headers.get("retry-after", "")
            answer.close()
    except (HTTPError, OSError) as error:
        raise NotDeliveredError(type(error).__name__) from error
    _judge(status, text, after)


def _pool(scheme: str, host: str, address: str, port: int) -> urllib3.HTTPConnectionPool:
    if scheme == "https":
        return urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=_LIMIT,
            server_hostname=host,
            assert_hostname=host,
            cert_reqs="CERT_REQUIRED",
        )
    return urllib3.HTTPConnectionPool(address, port, timeout=_LIMIT)


def _judge(status: int, text: str, after: str) -> None:
    if _OK <= status < _MULTIPLE:
        return
    said = f"HTTP {status}: {visible_line(' '.join(text.split())[:200])}"
    if status < _CLIENT or (status < _SERVER and status not in _MAY_PASS):
        raise DeliveryRefusedError(said)
    raise NotDeliveredError(said, float(after) if after.isdecimal() else 0.0)
