"""Defines the commands consent deny and consent grant, which apply to a customer's later events too."""

import typer

from streams.cli.forget import Handle, Reason, erase, summary
from streams.cli.options import Data, Json, OfBrand, print_json, say
from streams.cli.shells import opened
from streams.erasure import statements
from streams.handles.named_handles import named

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command("deny")
def deny(
    handle: Handle, brand: OfBrand = None, reason: Reason = "", data: Data = None, as_json: Json = False
) -> None:
    """Erase a customer, and keep no event of their handles from now on: events that name one are counted, no more."""
    with opened(data) as shell:
        ids = [each for one in named(handle, shell, brand) for each in one.ids]
        receipt, found = erase(shell, ids, reason, "denied")
    if as_json:
        print_json({"receipt": receipt, "erased": found})
    else:
        say(f"receipt {receipt}: nothing is taken any more; erased {summary(found)}")


@app.command("grant")
def grant(
    handle: Handle, brand: OfBrand = None, reason: Reason = "", data: Data = None, as_json: Json = False
) -> None:
    """Store events of a handle again, from now on; of each handle by itself."""
    with opened(data) as shell:
        ids = [each for one in named(handle, shell, brand) for each in one.ids]
        was_denied = statements.is_denied(shell.store, *ids)
        receipt = erase(shell, ids, reason, "granted")[0] if was_denied else ""
    if as_json:
        print_json({"receipt": receipt, "was_denied": was_denied})
    else:
        say(f"receipt {receipt}: what happens from now on is taken" if was_denied else "it was not denied")
