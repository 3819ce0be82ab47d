"""One data directory, one process."""

from tests.faults.runs import run, start


def test_a_second_process_is_told_which_one_has_the_directory_and_what_to_do(tmp_path):
    data = tmp_path / "data"
    holder = start("hold", data)
    assert holder.stdout.readline() == b"open\n"
    try:
        told = run("try_to_open", data)
    finally:
        holder.communicate(timeout=60)
    assert f"in use by process {holder.pid}" in told
    assert "--data" in told
    assert run("try_to_open", data) == {}
