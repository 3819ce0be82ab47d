"""No personal value that comes in stands anywhere afterwards: tables, files, logs, what commands print."""

import os

from streams.embedded.embedded import Embedded
from streams.settings import Settings
from tests.fixtures import commands
from tests.privacy.people import KEY, hers
from tests.privacy.planted import PLANTED, RAW, REFUSED
from tests.privacy.traces import in_files, in_tables


def journey(*words, data):
    program = [commands.JOURNEY, *words, "--data", str(data)]
    setting = {"JOURNEY_HANDLE_KEY": KEY.hex()}
    return commands.run(program, env=os.environ | setting, capture_output=True, timeout=120, check=False)


def test_what_is_planted_in_a_file_is_found_nowhere_after_it_was_loaded(tmp_path):
    source, data = tmp_path / "in" / "events.ndjson", tmp_path / "data"
    source.parent.mkdir()
    source.write_bytes(b"\n".join([*PLANTED, *hers("more")]))
    assert in_files(source.parent, RAW), "what is looked for is there"
    said = [journey("load", str(source), "--json", data=data)]
    assert said[0].returncode == 0, said[0].stderr
    assert b'"dead_letters": %d' % (len(REFUSED) + 4) in said[0].stdout
    said += [
        journey(*words, data=data)
        for words in (("dead-letters", "list", "--limit", "99"), ("dead-letters", "replay"), ("verify",))
    ]
    for done in said:
        assert not [one for one in RAW if one in done.stdout + done.stderr], done.args
    assert in_files(data, RAW) == []
    with Embedded(Settings(data, handle_key=KEY)) as embedded:
        assert in_tables(embedded.store, RAW) == []
