"""Run a command that ends with its parent: `python leash.py COMMAND …`; standard input is the parent's pipe.

The command takes this process, so that its id is the one that the parent knows. A watcher stays beside it and kills
it when the pipe's other end closes, however the parent ended, and also while the command is stopped.
"""

import os
import select
import signal
import sys


def _watch(server: int) -> None:
    poll = select.poll()
    poll.register(server, select.POLLIN)
    poll.register(0, 0)  # POLLHUP is always reported
    poll.poll()
    signal.pidfd_send_signal(server, signal.SIGKILL)


def _main() -> None:
    server = os.pidfd_open(os.getpid())
    if os.fork() == 0:
        try:
            _watch(server)
        except ProcessLookupError:
            pass
        finally:
            os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 — the command of a test


_main()
