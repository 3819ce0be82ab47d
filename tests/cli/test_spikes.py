"""journey spikes score: counts in, one score a row out."""

import subprocess
import sys

import numpy as np
import pytest

from tests import nab
from tests.fixtures import commands


@pytest.fixture
def file(tmp_path):
    def written(rows, name="counts.csv", head="timestamp,value"):
        path = tmp_path / name
        path.write_text("\n".join([head, *rows]) + "\n")
        return path

    return written


def minutes(counts, width=5):
    begin = np.datetime64("2026-10-01T00:00:00")
    times = begin + np.arange(len(counts)) * np.timedelta64(width, "m")
    return [f"{str(time).replace('T', ' ')},{count}" for time, count in zip(times, counts, strict=True)]


def burst():
    counts = np.random.default_rng(1).poisson(4, 3 * 288)
    counts[700:706] += 60
    return minutes(counts)


def scores(text):
    head, *rows = text.splitlines()
    assert head == "timestamp,anomaly_score"
    return [(time, float(score)) for time, score in (row.split(",") for row in rows)]


def test_every_row_has_its_score_and_a_burst_is_alerted_once(journey, file):
    rows = burst()
    found = scores(journey("spikes", "score", str(file(rows))))
    assert [time for time, _ in found] == [row.split(",")[0] for row in rows]
    assert all(0 <= score <= 1 for _, score in found)
    assert [i for i, (_, score) in enumerate(found) if score >= 0.5] == [700]


def test_the_threshold_is_told_and_not_among_the_scores(journey, file):
    out = journey("spikes", "score", str(file(burst())))
    assert "threshold: 0.5" in journey.errors
    assert "threshold" not in out
    assert "0.5" in journey("spikes", "score", "--help")


def test_a_file_cut_off_anywhere_scores_the_same_up_to_there(journey, file):
    rows = burst()
    whole = scores(journey("spikes", "score", str(file(rows))))
    for length in (0, 1, 5, 11, 12, 13, 300, 701, 703):
        assert scores(journey("spikes", "score", str(file(rows[:length], "cut.csv")))) == whole[:length]


def test_out_writes_a_file_that_appears_when_it_is_whole(journey, file, tmp_path):
    path, out = file(burst()), tmp_path / "scores.csv"
    assert journey("spikes", "score", str(path), "--out", str(out)) == ""
    assert out.read_text() == journey("spikes", "score", str(path))
    out.unlink()
    journey("spikes", "score", str(file(["2026-10-01 00:00:00,x"])), "--out", str(out), code=2)
    assert [path.name for path in tmp_path.iterdir() if "scores" in path.name] == []


def test_iso_times_and_a_told_width_say_the_same(journey, file):
    rows = burst()
    iso = [row.replace(" ", "T").replace(",", "+00:00,") for row in rows]
    plain = scores(journey("spikes", "score", str(file(rows))))
    told = scores(journey("spikes", "score", str(file(iso)), "--bucket", "300"))
    assert [score for _, score in plain] == [score for _, score in told]
    assert told[0][0] == "2026-10-01T00:00:00+00:00"


def test_fewer_allowed_alarms_are_fewer(journey, file):
    counts = np.random.default_rng(2).poisson(4 * np.random.default_rng(3).gamma(0.5, 2, 20 * 288))
    path = str(file(minutes(counts)))
    few, many = (
        sum(score >= 0.5 for _, score in scores(journey("spikes", "score", path, "--alarms-per-month", n)))
        for n in ("0.1", "200")
    )
    assert few < many


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["2026-10-01 00:00:00,1", "2026-10-01 00:05:00,x"], "line 3: 'x' is no count"),
        (["2026-10-01 00:00:00,-1"], "line 2: '-1' is no count"),
        (["2026-10-01 00:00:00,nan"], "line 2: 'nan' is no count"),
        (["2026-10-01 00:00:00,1e999"], "line 2: '1e999' is no count"),
        (["2026-10-01 00:00:00,"], "line 2: '' is no count"),
        (["yesterday,1"], "line 2: 'yesterday' is no time"),
        (["0000-01-01 00:00:00,1"], "line 2: '0000-01-01 00:00:00' is no time"),
        (["2026-10-01 00:00:00"], "line 2: must have 2 fields"),
        (["2026-10-01 00:00:00,1,2"], "line 2: must have 2 fields"),
        (["2026-10-01 00:05:00,1", "2026-10-01 00:05:00,1"], "line 3: a bucket that does not start after"),
        (
            ["2026-10-01 00:05:00,1", "", "2026-10-01 00:00:00,1"],
            "line 4: a bucket that does not start after",
        ),
    ],
)
def test_a_bad_row_is_told_with_its_line(journey, file, rows, told):
    journey("spikes", "score", str(file(rows)), code=2)
    assert told in journey.errors
    assert "Traceback" not in journey.errors


@pytest.mark.parametrize("head", ["time,value", "timestamp", "value,timestamp", "2026-10-01 00:00:00,1"])
def test_a_file_without_its_header_is_refused(journey, file, head):
    journey("spikes", "score", str(file([], head=head)), code=2)
    assert "line 1: must be timestamp,value" in journey.errors


def test_an_empty_file_and_one_that_is_no_text_are_refused(journey, tmp_path):
    path = tmp_path / "counts.csv"
    path.write_bytes(b"")
    journey("spikes", "score", str(path), code=2)
    assert "empty" in journey.errors
    path.write_bytes(b"timestamp,value\n2026-10-01 00:00:00,\xff\n")
    journey("spikes", "score", str(path), code=2)
    assert "not UTF-8" in journey.errors


def test_a_missing_file_is_told(journey, tmp_path):
    journey("spikes", "score", str(tmp_path / "none.csv"), code=2)
    assert "none.csv" in journey.errors


@pytest.mark.parametrize(
    "words", [("--alarms-per-month", "0"), ("--bucket", "0"), ("--bucket", "-5"), ("--bucket", "nan")]
)
def test_an_option_that_cannot_be_is_refused(journey, file, words):
    journey("spikes", "score", str(file(burst())), *words, code=2)
    assert words[0] in journey.errors


def test_it_is_a_filter_between_pipes(file):
    text = file(burst()).read_text()
    program = [commands.JOURNEY, "spikes", "score", "-"]
    done = commands.run(program, input=text, capture_output=True, text=True, check=True)
    assert len(scores(done.stdout)) == 3 * 288


@pytest.mark.skipif(not nab.NAMES, reason="the benchmark's series are not beside the repository")
def test_the_benchmarks_own_scorer_gives_more_than_the_best_that_is_published(journey, tmp_path):
    files = []
    for name in nab.NAMES:
        files.append(tmp_path / nab.path(name).name)
        journey("spikes", "score", str(nab.path(name)), "--out", str(files[-1]))
    done = subprocess.run(
        [sys.executable, nab.SCORER, "0.5", *files], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 84.5
