"""Authorises viewers: anybody on this machine where the page listens on loopback, else holders of a token, and whom a proxy signs in."""

import hashlib
import hmac
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.http.cross_site import ANY_NAME, LOOPBACK, Door, why_refused
from streams.http.page_tokens import PageTokens
from streams.http.proxy_sign_in import ProxySignIn
from streams.http.viewer import EVERYBODY, Viewer
from streams.settings import CollectorSettings, Settings, is_loopback

__all__ = ["SAFE", "Guard", "guard_of"]

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
    tokens
        Named tokens of some brands, each of which opens the page for its brands; None for none.
    secure
        Whether browsers come over TLS: then the cookie goes over nothing else.
    proxy
        Signs people in by the headers of a proxy in front, whatever token they have; None for no such proxy.
    """

    def __init__(
        self,
        token: str = "",
        *,
        secure: bool = False,
        tokens: PageTokens | None = None,
        proxy: ProxySignIn | None = None,
    ) -> None:
        self._token, self._secure, self._tokens, self._proxy = token, secure, tokens, proxy
        self._pass = hmac.new(token.encode(), b"journey page", hashlib.sha256).hexdigest() if token else ""

    def refused(self, request: Request, door: Door = Door.OWN) -> Response | None:
        """Return the answer to who may not look, None for who may."""
        names = ANY_NAME if self._is_closed else LOOPBACK
        if why := why_refused(request.method, request.headers, door, names):
            return _said(why, 403)
        if not self._is_closed:
            return None
        if (given := request.query_params.get("token")) is not None and request.method == "GET":
            rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
            path = "/" + request.url.path.lstrip("/")
            return self.let_in(given, f"{path}?{urlencode(rest)}" if rest else path)
        if self.viewer(request) is not None:
            return None
        if why := self.unknown(request):
            return _said(why, 403)
        said = "a token is needed: open the address with ?token=… once, or send it as Authorization: Bearer …"
        return _said(said, 401, {"www-authenticate": "Bearer"})

    def refused_change(self, request: Request) -> Response | None:
        """Return the answer to a POST of who may not look, or that another site's page has made (CSRF)."""
        return self.refused(request) or self.foreign(request)

    def foreign(self, request: Request) -> Response | None:
        """Return the answer to a POST that another site's page has made (CSRF), None for one of this page."""
        names = ANY_NAME if self._is_closed else LOOPBACK
        if why := why_refused(request.method, request.headers, Door.OWN, names):
            return _said(why, 403)
        origin = urlsplit(request.headers.get("origin", ""))
        if not origin.netloc or origin.netloc != request.headers.get("host", ""):
            return _said("a change must come from this page", 403)
        return None

    @property
    def _is_closed(self) -> bool:
        return bool(self._token) or self._tokens is not None or self._proxy is not None

    def unknown(self, request: Request) -> str:
        """Say in words why whom a proxy in front has signed in may see nothing; "" where it signed in nobody, or who may look."""
        if self._proxy is None or not self._proxy.speaks(request) or self._proxy.viewer(request) is not None:
            return ""
        return self._proxy.why(request)

    def viewer(self, request: Request) -> Viewer | None:
        """Return who asks: by our proxy's header, which wins, by a token in the header or in the cookie; None for nobody who may look."""
        if not self._is_closed:
            return EVERYBODY
        if self._proxy is not None and self._proxy.speaks(request):
            return self._proxy.viewer(request)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._of_token(bearer.strip())
        cookie = request.cookies.get(COOKIE, "")
        if self._pass and hmac.compare_digest(cookie.encode(), self._pass.encode()):
            return EVERYBODY
        return self._tokens.find(cookie) if self._tokens is not None and cookie else None

    def _of_token(self, token: str) -> Viewer | None:
        if self._token and hmac.compare_digest(token.encode(), self._token.encode()):
            return EVERYBODY
        return self._tokens.find(token) if self._tokens is not None and token else None

    def let_in(self, token: str, there: str) -> Response:
        """Return the answer to who shows a token: to the address, with a cookie; 401 where it is nobody's."""
        viewer = self._of_token(token)
        if viewer is None:
            return _said("the token is another one", 401)
        answer = RedirectResponse("/" + there.lstrip("/\\"), 303, headers=SAFE)
        kept = self._pass if viewer is EVERYBODY else token
        answer.set_cookie(
            COOKIE, kept, max_age=_A_MONTH_S, httponly=True, samesite="strict", secure=self._secure
        )
        return answer

    def let_out(self) -> Response:
        """Return the answer that forgets who asked."""
        answer = RedirectResponse("/", 303, headers=SAFE)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=self._secure)
        return answer


def _said(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(
        f"{text}\n", status, media_type="text/plain; charset=utf-8", headers=SAFE | (headers or {})
    )


def guard_of(settings: Settings) -> Guard | None:
    """Return the guard of a page; None where everybody who reaches the port would be let in: then a token must be set.

    Raises
    ------
    TokensError
        The file of named tokens cannot be read.
    """
    is_open = not (settings.page_token or settings.page_tokens)
    if is_open and not _is_ours(settings.collector):
        return None
    tokens = PageTokens(settings.page_tokens) if settings.page_tokens else None
    proxy = ProxySignIn(settings.page_proxy, tokens) if settings.page_proxy and tokens else None
    secure = proxy is not None or not _is_ours(settings.collector)
    return Guard(settings.page_token, secure=secure, tokens=tokens, proxy=proxy)


def _is_ours(collector: CollectorSettings) -> bool:
    """Return whether nobody but this machine reaches the port: behind a proxy everybody may seem to be this machine."""
    return is_loopback(collector.host) and not collector.proxies
