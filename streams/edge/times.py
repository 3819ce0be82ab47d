"""Parses the times of events, all of a frame at once: texts to microseconds."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["parsed"]

# What RFC 3339 allows and the contract takes, without what is rare: other centuries, more digits, small letters.
_PLAIN = (
    r"^(19|20|21)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$"
)
_TYPE = pa.timestamp("us", "UTC")


def parsed(texts: pa.StringArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return microseconds since 1970, and which of them hold; of the others, nothing is known."""
    plain = pc.match_substring_regex(texts, _PLAIN)
    if plain.false_count:
        texts = pc.if_else(plain, texts, None)
    try:
        times = texts.cast(_TYPE)
    except pa.ArrowInvalid:  # a day that its month does not have
        times = pa.array([_parsed(text) for text in texts], _TYPE)
    return times.cast(pa.int64()).fill_null(0).to_numpy(), times.is_valid().to_numpy(
        zero_copy_only=False
    ).copy()


def _parsed(text: pa.StringScalar) -> pa.Scalar:
    try:
        return text.cast(_TYPE).as_py()
    except pa.ArrowInvalid:
        return None
