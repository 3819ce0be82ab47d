"""Writes who is in an audience as CSV or Parquet, also with a brand's own numbers, piece by piece."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from streams.audiences.reading import FORMATS, MEMBERS, with_revenue
from streams.handles.readable import ReadableReader
from streams.store.clickhouse import ClickHouse
from streams.text.spreadsheets import inert

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["exported", "number_column"]

_ROWS = 16_384  # whose numbers are looked up at once
_BETWEEN = "; "  # of several numbers in a cell of CSV, as on the page
_NULL = "\\N"  # as ClickHouse writes it
_IN_MEMORY = 2**23
_STRINGS = {"output_format_arrow_string_as_string": 1, "output_format_arrow_low_cardinality_as_dictionary": 0}


def number_column(kind: str) -> str:
    """Return the name of the column with the numbers of a kind, as the page has it."""
    return f"{kind}_number"


def exported(
    store: ClickHouse, brand: str, name: str, fmt: str, readable: ReadableReader | None = None
) -> Iterator[bytes]:
    """Yield all members in one of `FORMATS`, piece by piece; revenue is JSON, amounts by currency.

    Parameters
    ----------
    readable
        Gives a column for each kind of handle that the brand keeps readable: in Parquet lists of text, in CSV the numbers with
        ``; `` between several.

    Raises
    ------
    ReadableError
        A number cannot be given.
    """
    asked = {"brand": brand, "audience": name}
    sql = with_revenue(MEMBERS)
    if readable is None:
        return store.stream(sql, FORMATS[fmt], asked, {})
    return _with_numbers(store, brand, store.stream(sql, "ArrowStream", asked, _STRINGS), fmt, readable)


def _with_numbers(
    store: ClickHouse, brand: str, answer: Iterable[bytes], fmt: str, readable: ReadableReader
) -> Iterator[bytes]:
    """Yield the rows of an answer with numbers. It is kept first: the connection then has another question to answer."""
    kinds = readable.kinds_of(brand)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as kept:
        for piece in answer:
            kept.write(piece)
        kept.seek(0)
        with pa.ipc.open_stream(kept) as rows:
            fields = [*rows.schema, *(pa.field(number_column(kind), pa.list_(pa.string())) for kind in kinds)]
            schema = pa.schema(fields)
            with closing(_FORMS[fmt](schema)) as form:
                for batch in rows:
                    for first in range(0, len(batch), _ROWS):
                        some = batch.slice(first, _ROWS)
                        form.write(_widened(store, brand, some, kinds, readable, schema))
                        yield form.taken()
                form.close()
                yield form.taken()


def _widened(  # noqa: PLR0913, PLR0917 - of one loop
    store: ClickHouse,
    brand: str,
    some: pa.RecordBatch,
    kinds: Iterable[str],
    readable: ReadableReader,
    schema: pa.Schema,
) -> pa.RecordBatch:
    customers = [(brand, int(text, 16)) for text in some.column("customer").to_pylist()]
    found = readable.of(store, set(customers))
    numbers = [
        pa.array([list(found[one].get(kind, ())) for one in customers], pa.list_(pa.string()))
        for kind in kinds
    ]
    return pa.RecordBatch.from_arrays([*some.columns, *numbers], schema=schema)


class _Pieces(io.RawIOBase):
    """A file to write to whose bytes are taken away as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: "ReadableBuffer") -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class _Parquet:
    def __init__(self, schema: pa.Schema) -> None:
        self._pieces = _Pieces()
        self._writer = pq.ParquetWriter(self._pieces, schema, compression="zstd")

    def write(self, rows: pa.RecordBatch) -> None:
        self._writer.write_batch(rows)

    def taken(self) -> bytes:
        return self._pieces.taken()

    def close(self) -> None:
        self._writer.close()


class _Csv:
    """Writes times, and what is not there, as ClickHouse does."""

    def __init__(self, schema: pa.Schema) -> None:
        self._text = io.StringIO()
        self._lines = csv.writer(self._text, lineterminator="\n")
        self._lines.writerow(schema.names)

    def write(self, rows: pa.RecordBatch) -> None:
        self._lines.writerows(zip(*map(_texts, rows.columns), strict=True))

    def taken(self) -> bytes:
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.encode()

    def close(self) -> None:
        """Write nothing more: CSV has no end."""


_FORMS: dict[str, type[_Csv | _Parquet]] = {"csv": _Csv, "parquet": _Parquet}


def _texts(column: pa.Array) -> list[str]:
    if pa.types.is_list(column.type):
        return [inert(_BETWEEN.join(numbers)) for numbers in column.to_pylist()]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp(column.type.unit))
    return [_NULL if text is None else text for text in column.cast(pa.string()).to_pylist()]
