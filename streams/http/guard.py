"""Authorises viewers: anybody on this machine where the page listens on loopback, else holders of the token."""

import hashlib
import hmac
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.http.cross_site import ANY_NAME, LOOPBACK, Door, why_refused
from streams.settings import CollectorSettings, is_loopback

__all__ = ["SAFE", "Guard", "is_ours"]

COOKIE = "journey-page"  # no name of a metric
_A_MONTH_S = 30 * 86_400
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """An authoriser of requests.

    Parameters
    ----------
    token
        What opens the page; "" where it is open to this machine, by its names alone.
    secure
        Whether browsers come over TLS: then the cookie goes over nothing else.
    """

    def __init__(self, token: str = "", *, secure: bool = False) -> None:
        self._token, self._secure = token, secure
        self._pass = hmac.new(token.encode(), b"journey page", hashlib.sha256).hexdigest() if token else ""

    def refused(self, request: Request, door: Door = Door.OWN) -> Response | None:
        """Return the answer to who may not look, None for who may."""
        names = ANY_NAME if self._token else LOOPBACK
        if why := why_refused(request.method, request.headers, door, names):
            return _said(why, 403)
        if not self._token:
            return None
        if (given := request.query_params.get("token")) is not None and request.method == "GET":
            return self._let_in(request, given)
        if self._known(request):
            return None
        said = "a token is needed: open the address with ?token=… once, or send it as Authorization: Bearer …"
        return _said(said, 401, {"www-authenticate": "Bearer"})

    def refused_change(self, request: Request) -> Response | None:
        """Return the answer to a POST of who may not look, or that another site's page has made (CSRF)."""
        refused = self.refused(request)
        origin = urlsplit(request.headers.get("origin", ""))
        if refused is None and (not origin.netloc or origin.netloc != request.headers.get("host", "")):
            return _said("a change must come from this page", 403)
        return refused

    def _known(self, request: Request) -> bool:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return hmac.compare_digest(bearer.strip().encode(), self._token.encode())
        return hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self._pass.encode())

    def _let_in(self, request: Request, given: str) -> Response:
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return _said("the token is another one", 401)
        rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
        path = "/" + request.url.path.lstrip("/")
        answer = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, 303, headers=SAFE)
        answer.set_cookie(
            COOKIE, self._pass, max_age=_A_MONTH_S, httponly=True, samesite="strict", secure=self._secure
        )
        return answer


def _said(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(
        f"{text}\n", status, media_type="text/plain; charset=utf-8", headers=SAFE | (headers or {})
    )


def is_ours(collector: CollectorSettings) -> bool:
    """Return whether nobody but this machine reaches the port: behind a proxy everybody may seem to be this machine."""
    return is_loopback(collector.host) and not collector.proxies
