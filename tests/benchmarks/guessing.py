"""How fast somebody who has the key of handles can try phone numbers: a stolen copy of a data directory has both."""

import time

from journey.identity.handle_key import HandleKey

__all__ = ["run"]

_NUMBERS = 300_000
_OF_A_PLAN = 10**9  # numbers of nine digits behind a country's code


def run() -> None:
    """Print phone numbers a second that one core tries with this program, and how long a national plan takes."""
    key = HandleKey(bytes(range(32)))
    started_s = time.process_time()
    for number in range(_NUMBERS):
        key.id("phone", f"+336{number:08}")
    rate = _NUMBERS / (time.process_time() - started_s)
    print(
        f"with the key, one core tries {rate:,.0f} phone numbers a second: all {_OF_A_PLAN:,} of a national plan in"
    )
    print(
        f"  {_OF_A_PLAN / rate / 3600:.1f} hours, the 10**8 of a mobile prefix in {10**8 / rate / 60:.0f} minutes"
    )
