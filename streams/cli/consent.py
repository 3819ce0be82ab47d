"""The commands consent deny and consent grant: what a customer said holds for later events too."""

import typer

from streams import erasure
from streams.cli.forget import Handle, Reason, erase, told
from streams.cli.options import Data, Json, opened, print_json, say
from streams.cli.read import handle_argument

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command("deny")
def deny(handle: Handle, reason: Reason = "", data: Data = None, as_json: Json = False) -> None:
    """Erase a customer, and take nothing of her handles from now on: events that name one are counted, no more."""
    with opened(data) as shell:
        _, identifier = handle_argument(handle, shell)
        receipt, found = erase(shell, identifier, reason, "denied")
    if as_json:
        print_json({"receipt": receipt, "erased": found})
    else:
        say(f"receipt {receipt}: nothing is taken any more; erased {told(found)}")


@app.command("grant")
def grant(handle: Handle, reason: Reason = "", data: Data = None, as_json: Json = False) -> None:
    """Take events of a handle again, from now on; of each handle by itself."""
    with opened(data) as shell:
        _, identifier = handle_argument(handle, shell)
        was_denied = erasure.is_denied(shell.store, identifier)
        receipt = erase(shell, identifier, reason, "granted")[0] if was_denied else ""
    if as_json:
        print_json({"receipt": receipt, "was_denied": was_denied})
    else:
        say(f"receipt {receipt}: what happens from now on is taken" if was_denied else "it was not denied")
