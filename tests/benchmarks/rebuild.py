"""What a rebuild of a million interactions costs, table by table: seconds, processor, and the peak memory of the process."""

import os
import subprocess
import sys
from pathlib import Path

INTERACTIONS = 1_000_000

_SCRIPT = """
import resource, sys, time
from pathlib import Path
from streams.recovery.derived_tables import FOLLOWING
from streams.embedded.embedded import Embedded
from streams.recovery.rebuild import Order
from streams.settings import Settings

FILL = '''
    INSERT INTO interactions (event, time, brand, type, source, id, handle, handles, kinds, amount, currency, _partition, _offset)
    SELECT reinterpretAsUInt128(sipHash128(number)), now64(6) - number * 8, ['maison', 'lumiere', 'acme'][number % 3 + 1],
        ['web.page_view', 'web.purchase', 'social.share', 'store.visit', 'social.like', 'web.review'][number % 6 + 1],
        concat('shop/', toString(number % 20)), toString(number),
        sipHash64(intDiv(number, 8)) AS mine, arrayConcat([mine], if(number % 5 = 0, [sipHash64(intDiv(number, 16), 1)], [])),
        arrayConcat(['cookie'], if(number % 5 = 0, ['email'], [])),
        if(number % 6 = 1, toDecimal64(number % 90, 4), NULL), if(number % 6 = 1, 'EUR', ''), 0, intDiv(number, 5000) + 1
    FROM numbers({n})
'''
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
data = Settings(Path(sys.argv[1]))
if sys.argv[3] == "fill":
  with Embedded(data) as embedded:
    embedded.store.client.command(FILL.format(n=sys.argv[2]))
    embedded.store.client.command("INSERT INTO deliveries (topic, received, stored, _offset)"
        " SELECT 'bench', count(), count(), _offset FROM interactions GROUP BY _offset")
  raise SystemExit
with Embedded(data) as embedded:
    print(f"rebuild of {int(sys.argv[2]):,} interactions; the process has {peak():.0f} MB when the directory is open")
    total, cpu = time.perf_counter(), time.process_time()
    for table in FOLLOWING:
        started, used = time.perf_counter(), time.process_time()
        (done,) = embedded.rebuild(Order([table], embedded.clock()))
        print(f"  {table:<15}{time.perf_counter() - started:6.1f} s {time.process_time() - used:6.1f} s CPU"
            f"  {done.after:>10,} rows  peak {peak():.0f} MB")
    print(f"all of it: {time.perf_counter() - total:.1f} s, {time.process_time() - cpu:.1f} s CPU, peak {peak():.0f} MB")
    started, used = time.perf_counter(), time.process_time()
    embedded.look()
    print(f"looking for losses, at every start: {time.perf_counter() - started:.2f} s, {time.process_time() - used:.2f} s CPU")
    assert not embedded.losses.found, str(embedded.losses)
"""


def run(folder: Path, interactions: int = INTERACTIONS) -> None:
    """Fill a directory with interactions alone, and make every table that follows anew, in a process of its own."""
    for step in ("fill", "rebuild"):  # in processes of their own, so that the peak is that of the rebuild
        command = [sys.executable, "-c", _SCRIPT, str(folder / "rebuild"), str(interactions), step]
        subprocess.run(command, check=True, env=os.environ | {"TZ": "UTC"})
