"""Serve ClickHouse's protocols from its library: `python engine.py LIBRARY ARGUMENT …`, as of clickhouse-local."""

import ctypes
import sys


def _main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    words = [b"clickhouse", *(word.encode() for word in sys.argv[2:])]
    library.chdb_query_cmdline.restype = ctypes.c_void_p
    library.chdb_result_error.restype = ctypes.c_char_p
    library.chdb_result_error.argtypes = [ctypes.c_void_p]
    result = library.chdb_query_cmdline(len(words), (ctypes.c_char_p * (len(words) + 1))(*words, None))
    error = library.chdb_result_error(result)
    if error:
        sys.exit(error.decode(errors="replace"))


_main()
