"""Finds the DID of an account of Bluesky: handles change, DIDs stay."""

import json
import re
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from journey.errors import UserError
from streams.listen.pauses import Pauses

__all__ = ["RESOLVER", "AccountError", "did_of"]

RESOLVER = "https://public.api.bsky.app"
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,240}")
_HANDLE = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,62}")
_OK, _CLIENT, _SERVER, _TOO_MANY = 200, 400, 500, 429


class AccountError(UserError, ValueError):
    """An account that there is not."""


def did_of(account: str, resolver: str, pauses: Pauses) -> str:
    """Return the DID of an account, which may be named by its handle; "" where the process is to stop.

    Raises
    ------
    AccountError
        It is neither, or nobody has that handle.
    """
    if _DID.fullmatch(account):
        return account
    handle = account.removeprefix("@").lower()
    if not _HANDLE.fullmatch(handle):
        raise AccountError(
            f"--account {account}: must be a DID (did:plc:…) or a handle (lumiere.bsky.social)"
        )
    url = f"{resolver}/xrpc/com.atproto.identity.resolveHandle?handle={quote(handle)}"
    while True:
        why = ""
        try:
            answer = urllib3.request("GET", url, timeout=10, retries=False, redirect=False)
            if answer.status == _OK and _DID.fullmatch(did := str(json.loads(answer.data).get("did"))):
                return did
            why = f"answered {answer.status}"
            if _CLIENT <= answer.status < _SERVER and answer.status != _TOO_MANY:
                raise AccountError(f"--account {account}: {resolver} knows no such handle")
        except (HTTPError, ValueError, AttributeError) as error:
            if isinstance(error, AccountError):
                raise
            why = type(error).__name__
        if not pauses.wait(f"{resolver} {why}"):
            return ""
