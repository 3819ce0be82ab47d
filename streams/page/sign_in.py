"""The form by which people sign in with a token, and out again."""

from starlette.requests import Request
from starlette.responses import Response

from streams.http.guard import Guard
from streams.page import render
from streams.page.form import labelled
from streams.page.markup import tag, together
from streams.page.posted import posted
from streams.page.replies import failure, html, message
from streams.page.scope import ScopeError

__all__ = ["SignIn"]

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_SHORT = 2_000  # characters of an address to go back to


class SignIn:
    """The routes of signing in and out."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def instead(self, request: Request, refused: Response) -> Response:
        """Return the form in the place of an answer to a browser that has no token, words for whom a proxy signed in; else that answer."""
        if "text/html" not in request.headers.get("accept", ""):
            return refused
        if refused.status_code == _FORBIDDEN and (why := self._guard.unknown(request)):
            return message("You may not see this page", f"{why[0].upper()}{why[1:]}.", _FORBIDDEN)
        if refused.status_code != _UNAUTHORIZED:
            return refused
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        given = "token" in request.query_params
        return _form("/" if given else there, wrong=given)

    async def answer(self, request: Request) -> Response:
        """Let in who shows a token."""
        if (refused := self._guard.foreign(request)) is not None:
            return refused
        try:
            form = await posted(request)
        except ScopeError as error:
            return failure(error)
        there = form.get("back", "/")
        answer = self._guard.let_in(form.get("token", "").strip(), there)
        return _form(there, wrong=True) if answer.status_code == _UNAUTHORIZED else answer

    async def out(self, request: Request) -> Response:
        """Forget who asked."""
        return self._guard.foreign(request) or self._guard.let_out()


def _form(there: str, *, wrong: bool) -> Response:
    token = tag(
        "input", type="password", name="token", id="token", required=True, autocomplete="current-password", autofocus=True
    )  # fmt: skip
    form = tag(
        "form",
        labelled("token", "Token", token),
        tag("input", type="hidden", name="back", value=there if len(there) <= _SHORT else "/"),
        tag("button", "Sign in"),
        method="post",
        action="/sign-in",
        class_="target",
        aria_label="Sign in",
    )
    said = (
        tag(
            "p",
            "This token opens nothing: it is another one, or it was withdrawn.",
            class_="failed",
            role="alert",
        )
        if wrong
        else None
    )
    lead = tag("p", "A token opens this page; whoever runs it gives you one.", class_="lead")
    return html(render.plain("Sign in", together([tag("h1", "Sign in"), lead, said, form])), _UNAUTHORIZED)
