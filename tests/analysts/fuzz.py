"""Presses statements with planted quotes, comments and escapes against the judge, and runs for real what it lets pass.

What may not happen is found by its effect, on an engine with every way open: the content of a file, of the environment or
of a secret table in an answer, a new file, a connection. `python -m tests.analysts.fuzz COUNT SEED` prints what became of
them as JSON; with `blind` after it, the judge is one that overlooks functions, which must be noticed.
"""

import json
import os
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import chdb

from streams.read_only import judge
from streams.read_only.judge import RefusedError
from streams.read_only.statement import Statement, parsed, reach, read_as
from tests.analysts.attacks import ATTACKS

_SECRET = "the-secret-" + "".join(reversed("7f31c0"))  # made here: no statement has it
_BATCH = 400
_LONGEST_S = 5
_PIECES = (
    "'", '"', "`", "''", '""', "``", "\\'", "\\`", '\\"', "\\\\", "\\", "\\n", "\\x27", "\\x60", "\\0", "\n", "\r", "\t", "\x0b",
    "\u00a0", "\u200b", "\u2028", "‘", "’", "“", "”", "„", "′", "＇", "--", "-- \n", "#", "#!", "/*", "*/", "/**/", "$$", "$a$", "$",
    ";", "{", "}", "{x:Identifier}", "{x:String}", "(", ")", ",", " AS ", "(children 1)", "(alias x)", "\n Identifier x", "@@",
    "INTO OUTFILE 'OUT'", "FORMAT CSV", "SETTINGS readonly = 0", "file", "x", "a b", "é", "😀", "SELECT", "0x27", "1e9", "−−", "?", "::", "->",
)  # fmt: skip
_REACHES = (
    "file('FILE')", "arrayMap(file, ['FILE'])", "arrayMap(x -> file(x), ['/proc/self/environ'])", "`file`('FILE')", '"file"(\'FILE\')',
    "(SELECT * FROM file('FILE', 'LineAsString'))", "1 IN (SELECT length(line) FROM file('FILE', 'LineAsString'))", "`fi\\x6ce`('FILE')",
    "arrayFold(file, ['FILE'], '')", "arrayMap(`file`, [{L}])", "1 IN url('http://127.0.0.1:PORT/', 'CSV', 'a String')",
    "(SELECT name FROM write_keys)", "(SELECT name FROM journey.`write_keys`)", "arrayMap((x, y) -> concat(file(x), y), ['FILE'], [{L}])",
    "(SELECT * FROM url('http://127.0.0.1:PORT/', 'CSV', 'a String') LIMIT 1)", "/* {P} */ file(/* {P} */ 'FILE')", "file(concat({L}, 'FILE'))",
)  # fmt: skip
_SOURCES = (
    "file('FILE', 'LineAsString')", "file('FILE')", "url('http://127.0.0.1:PORT/', 'CSV', 'a String')", "write_keys", "journey.write_keys",
    "`write_keys`", "default.`FILE`", "`FILE`", "'FILE'", "filesystem('/etc')", "merge('journey', 'write')", "remote('127.0.0.1:PORT', journey.t)",
    "loop(write_keys)", "view(SELECT * FROM file('FILE', 'LineAsString'))", "s3('http://127.0.0.1:PORT/bucket/a.csv', 'CSV', 'a String')",
    "(SELECT * FROM `file`('FILE', 'LineAsString'))", "sqlite('FILE', 't')", "mysql('127.0.0.1:PORT', 'a', 'b', 'c', 'd')",
)  # fmt: skip
_OUTFILES = ("INTO OUTFILE 'OUT'", "INTO OUTFILE 'OUT' TRUNCATE FORMAT RawBLOB", "INTO OUTFILE 'OUT' APPEND", "INTO OUTFILE 'OUT' AND STDOUT", "into/**/outfile $$OUT$$", "INTO OUTFILE 'OUT.gz' COMPRESSION 'gzip'")  # fmt: skip
_CARRIERS = (
    "SELECT 1 AS {N}, {A} AS {N}", "SELECT {L} AS {N} {O}", "WITH {A} AS {N} SELECT {N}", "SELECT * FROM {T} AS {N} WHERE {L} = {L}",
    "EXPLAIN SELECT {L} AS {N} {O}", "DESCRIBE TABLE {T}", "SELECT {N}.* FROM (SELECT {A} AS {N}) AS {N}", "SELECT {L}, {L} AS {N} FROM t {O}",
    "SELECT {L} /* {P} */, {A} -- {P}", "SELECT {A} AS {N} FROM t GROUP BY {N} HAVING {L} != {L}", "WITH {N} AS (SELECT {A} AS {N}) SELECT * FROM {N}",
    "SELECT x.{N} FROM (SELECT {L} AS {N}) AS x CROSS JOIN {T} AS {N}", "SELECT * APPLY(x -> {A}) FROM t", "SELECT * APPLY file FROM (SELECT 'FILE' AS {N})",
    "SELECT {L} AS {N} UNION ALL SELECT toString({A}) AS {N}", "SELECT a AS {N} FROM t WHERE a IN {T}", "WITH (x -> {A}) AS {N} SELECT {N}({L})",
    "SELECT {L} AS {N} FORMAT CSV SETTINGS {N} = {L}", "SELECT CASE WHEN {L} = {L} THEN {A} END AS {N}", "SELECT sum(a) OVER (PARTITION BY {A} ORDER BY {L}) AS {N} FROM t",
    "SHOW TABLES LIKE {L} {O}", "EXISTS TABLE {N} {O}", "SELECT $a${P}$a$ AS {N}, {A}", "SELECT {L} AS {N}; {P}", "SELECT a FROM t AS {N} WHERE {N}.a = 1 OR {A} = {L}",
    "SELECT map({L}, {A})[{L}] AS {N}", "SELECT * FROM t ARRAY JOIN [{A}] AS {N}", "SELECT {L} AS {N}, (SELECT {A})",
)  # fmt: skip
_WITHOUT_TREE = (
    "create user",
    "grant",
    "show processlist",
    "select 1 parallel",
)  # refused whatever is planted
_WITH_TREE = tuple(one for one in ATTACKS if not one.startswith(_WITHOUT_TREE))
_HARMLESS = ("1", "a", "upper({L})", "length({L})", "arrayMap(x -> upper(x), [{L}])", "(SELECT 1)", "now()")


class Ground:
    """An engine with every way open, and what must not be reached: a file, an empty folder, a port, a table."""

    def __init__(self, folder: Path) -> None:
        os.environ["JOURNEY_PLANTED"] = _SECRET
        self.out = folder / "out"
        self.out.mkdir()
        self.file = folder / "secret"
        self.file.write_text(_SECRET)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0)
        connect: Any = chdb.connect
        self._connection = connect(str(folder / "engine"))
        for sql in (
            "CREATE DATABASE journey ENGINE = Atomic",
            "USE journey",
            "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a",
            "INSERT INTO t VALUES (1), (2)",
            "CREATE TABLE write_keys (name String) ENGINE = MergeTree ORDER BY name",
            f"INSERT INTO write_keys VALUES ('{_SECRET}')",
            f"SET max_execution_time = {_LONGEST_S}",
            "SET max_result_rows = 100000",
            "SET max_memory_usage = 500000000",
            "SET readonly = 1",
        ):
            self._connection.query(sql)
        self.reach = reach(self.ask, "journey")

    def ask(self, sql: str, parameters: Mapping[str, str]) -> list[list[str]]:
        data = self._connection.query(sql, "TSVRaw", params=dict(parameters)).bytes() or b""
        return [line.split("\t") for line in data.decode().split("\n") if line]

    def placed(self, statement: str) -> str:
        """Put the file, the folder and the port where a statement has FILE, OUT and PORT."""
        port = str(self.listener.getsockname()[1])
        return (
            statement.replace("FILE'", f"{self.file}'")
            .replace("`FILE`", f"`{self.file}`")
            .replace("OUT", str(self.out / "x"))
            .replace("PORT", port)
        )

    def parsed(self, batch: list[str]) -> Iterator[tuple[str, str, str]]:
        """Have many parsed at once; those that are no statements are left out, and with them those without a tree."""
        sql = f"""
            SELECT hex(text), hex({read_as("text")}), hex(parseQueryToJSON({read_as("text")}))
            FROM (SELECT formatQuerySingleLineOrNull(unhex(arrayJoin(splitByChar(',', {{batch:String}})))) AS text) WHERE isNotNull(text)"""
        try:
            yield from (
                (text, read, tree)
                for text, read, tree in self.ask(
                    sql, {"batch": ",".join(one.encode().hex() for one in batch)}
                )
            )
        except (RuntimeError, UnicodeDecodeError):  # one has no tree in JSON
            if len(batch) > 1:
                half = len(batch) // 2
                yield from self.parsed(batch[:half])
                yield from self.parsed(batch[half:])

    def harm(self, statement: Statement) -> str:
        """Run what passed; return what it did that it may not, "" for nothing."""
        parameters = dict.fromkeys(statement.judged.parameters, "x")
        try:
            answer = self._connection.query(statement.text, "TSVRaw", params=parameters).bytes() or b""
        except (RuntimeError, UnicodeDecodeError) as error:
            answer = str(error).encode()
        if _SECRET.encode() in answer:
            return "the secret came out"
        if any(self.out.iterdir()):
            for made in self.out.iterdir():
                made.unlink()
            return "a file was made"
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return ""
        return "a connection was made"


class Planter:
    """Makes statements from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def statement(self) -> str:
        """Make one: an attack or none in a carrier, with pieces in every name, literal and comment."""
        chosen = self._random
        text = chosen.choice(_WITH_TREE)
        if chosen.random() > 0.15:
            text = self._filled(chosen.choice(_CARRIERS))
        for _ in range(chosen.choice((0, 0, 0, 0, 1, 2))):
            at = chosen.randrange(len(text) + 1)
            text = text[:at] + chosen.choice(_PIECES) + text[at + chosen.choice((0, 0, 1)) :]
        return text

    def _filled(self, text: str) -> str:
        chosen, harmless = self._random, self._random.random() < 0.3
        holes = {
            "{O}": lambda: "" if harmless else chosen.choice(_OUTFILES),
            "{A}": lambda: chosen.choice(_HARMLESS if harmless else _REACHES),
            "{T}": lambda: "t" if harmless else chosen.choice(_SOURCES),
            "{N}": self._name,
            "{L}": self._literal,
            "{P}": self._pieces,
        }
        for hole, filling in holes.items():
            while hole in text:
                text = text.replace(hole, filling(), 1)
        return text

    def _pieces(self) -> str:
        return "".join(self._random.choices(_PIECES, k=self._random.randrange(4))).replace("{", "{ ")

    def _name(self) -> str:
        if self._random.random() < 0.3:
            return self._random.choice(("a", "b", "file", "t", "x1"))
        return self._between(self._random.choice('`"'))

    def _literal(self) -> str:
        if self._random.random() < 0.15:
            return self._random.choice(("1", "‘x’", f"$a${self._pieces()}$a$", "'FILE'", "'OUT'", "NULL"))
        return self._between("'")

    def _between(self, quote: str) -> str:
        inside = self._pieces()
        if self._random.random() < 0.85:
            inside = inside.replace("\\", "\\\\").replace(
                quote, self._random.choice((f"\\{quote}", quote * 2))
            )
        return f"{quote}{inside}{quote}"


def press(count: int, seed: int) -> dict[str, Any]:
    """Press so many; return how many came to which end, what harmed, and how long parsing and judging took."""
    planter, ends, harmful, judging_s = Planter(seed), Counter[str](), [], 0.0
    with tempfile.TemporaryDirectory(prefix="judge-fuzz-") as folder:
        ground = Ground(Path(folder))
        for begin in range(0, count, _BATCH):
            batch = [ground.placed(planter.statement()) for _ in range(min(_BATCH, count - begin))]
            began, passed = time.perf_counter(), []
            found = list(ground.parsed(batch))
            for one in found:
                try:
                    passed.append(parsed(*one, ground.reach))
                except RefusedError:
                    ends["refused"] += 1
            judging_s += time.perf_counter() - began
            ends["no statement"] += len(batch) - len(found)
            for statement in passed:
                harm = ground.harm(statement)
                ends[harm or "passed"] += 1
                harmful += [f"{harm}: {statement.text}"] if harm else []
    return {"seed": seed, **ends, "harmful": harmful[:20], "us": round(judging_s / count * 1e6)}


def _main() -> None:
    if "blind" in sys.argv[3:]:
        vars(judge)["is_allowed"] = lambda _: True
        vars(judge)["is_refused"] = lambda _: False
    print(json.dumps(press(int(sys.argv[1]), int(sys.argv[2]))), flush=True)
    os._exit(0)  # chDB's threads may still end a query


if __name__ == "__main__":
    _main()
