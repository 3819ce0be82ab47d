"""Activates a changed A-Path model from the page: it is begun, and goes on where it takes longer than somebody waits."""

import logging
import threading
from collections.abc import Callable

from journey.errors import UserError

__all__ = ["Activate", "Activation", "ActivationError"]


class ActivationError(UserError, ValueError):
    """An error of a model that was not activated; the one before stays active."""


Activate = Callable[[str], None]
"""Activates a model file for all brands, and returns when it is in force. Raises UserError."""

_PATIENCE_S = 8.0  # that whoever asks waits
_log = logging.getLogger(__name__)


class Activation:
    """One model at a time that is being activated.

    Parameters
    ----------
    activate
        Does it; None where no model can be activated.
    """

    def __init__(self, activate: Activate | None) -> None:
        self._activate = activate
        self._lock = threading.Lock()
        self._failed = ""
        self.at_work = False

    @property
    def failed(self) -> str:
        """Why the latest was not activated, "" where it was."""
        return self._failed

    def begin(self, text: str) -> bool:
        """Begin, and wait a moment; return whether it is in force already.

        Raises
        ------
        ActivationError
            None can be activated, another is, or it failed at once.
        """
        if self._activate is None:
            raise ActivationError("models are activated with journey model apply here")
        with self._lock:
            if self.at_work:
                raise ActivationError("another model is being activated: try again when it is in force")
            self.at_work, self._failed = True, ""
        working = threading.Thread(target=self._run, args=(text,), name="page-activates", daemon=True)
        working.start()
        working.join(_PATIENCE_S)
        if self._failed:
            raise ActivationError(self._failed)
        return not working.is_alive()

    def _run(self, text: str) -> None:
        assert self._activate is not None  # noqa: S101 - begun
        try:
            self._activate(text)
        except UserError as error:
            self._failed = str(error)
        except Exception:  # noqa: BLE001 - whatever it is, whoever asked is told
            _log.exception("a model could not be activated; the one before stays active")
            self._failed = (
                "the model could not be activated, and the one before stays active; the log says why"
            )
        finally:
            self.at_work = False
