"""Signs people in by the headers of a proxy in front, which has asked them who they are: of named proxies alone."""

import unicodedata

from starlette.requests import Request

from streams.http.page_tokens import PageTokens, is_name
from streams.http.peers import is_of
from streams.http.viewer import Viewer
from streams.settings.page_proxy import PageProxySettings

__all__ = ["ProxySignIn"]

_MOST_GROUPS = 1_000


class ProxySignIn:
    """The headers of a proxy, and what the people whom it signs in may.

    Parameters
    ----------
    rights
        Says what each of them may.
    """

    def __init__(self, settings: PageProxySettings, rights: PageTokens) -> None:
        self._settings, self._rights = settings, rights

    def speaks(self, request: Request) -> bool:
        """Return whether one of our proxies says who asks; of anybody else the header is nothing."""
        address = request.client.host if request.client else ""
        if not is_of(address, self._settings.addresses):
            return False
        return any(value.strip() for value in request.headers.getlist(self._settings.user))

    def viewer(self, request: Request) -> Viewer | None:
        """Return who asks, where a proxy of ours says so; None where they may see nothing, or it is not clear who it is."""
        if not self.speaks(request):
            return None
        name, groups = self._one(request, self._settings.user), self._groups(request)
        if name is None or groups is None or not is_name(name) or "," in name:
            return None
        return self._rights.person(name, groups)

    def why(self, request: Request) -> str:
        """Say in words why whom a proxy of ours names may see nothing."""
        name = self._one(request, self._settings.user)
        if name is None or not is_name(name) or "," in name or self._groups(request) is None:
            return (
                "the proxy in front does not say clearly who you are: its headers must name one person, once"
            )
        return (
            f"you are signed in as {name}, who may see nothing here; whoever runs this page can change that"
        )

    def _groups(self, request: Request) -> frozenset[str] | None:
        """Return the groups, None where they are not clear."""
        if not self._settings.groups or self._settings.groups.lower() not in request.headers:
            return frozenset()
        said = self._one(request, self._settings.groups)
        if said is None:
            return None
        return frozenset(
            filter(None, (each.strip() for each in said.split(",", _MOST_GROUPS)[:_MOST_GROUPS]))
        )

    @staticmethod
    def _one(request: Request, header: str) -> str | None:
        """Return the text of a header that is there once, in UTF-8; None for another: it may be of who asks the proxy."""
        values = request.headers.getlist(header)
        if len(values) != 1:
            return None
        try:
            return unicodedata.normalize("NFC", values[0].encode("latin-1").decode("utf-8").strip())
        except UnicodeError:
            return None
