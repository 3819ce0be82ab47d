"""Recognises what is not UTF-8 by its first bytes: text in other encodings of Unicode, and compressed data."""

from pathlib import Path

__all__ = ["foreign_form", "text_of"]

_HEAD_BYTES = 12  # a mark, and the characters of JSON behind it that confirm it
_UNIT_BYTES = 4  # by which the zeros of an encoding come again
_LINE = b'\n{"'  # hardly ever in JSON of another encoding

_MARKS = (  # UTF-32 before UTF-16: its mark begins like the other's
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"))
# Of JSON without a mark: which of four bytes, ASCII all of them, are zero (RFC 4627, 3).
_ZEROS: dict[tuple[bool, ...], str] = {
    (True, True, True, False): "UTF-32",
    (False, True, True, True): "UTF-32",
    (True, False, True, False): "UTF-16",
    (False, True, False, True): "UTF-16",
}


def foreign_form(data: bytes) -> str:
    r"""Return what a text that begins like this is instead of UTF-8, "" where nothing tells.

    A damaged first line, such as one with a few zero bytes, is no other encoding, nor is a first line in one where a line behind
    it is an object in UTF-8.

    >>> foreign_form("{}".encode("utf-16")), foreign_form("{}".encode("utf-16-be")), foreign_form(b"{}")
    ('UTF-16', 'UTF-16', '')
    >>> foreign_form(b'\0\0\0{"id": "damaged"}'), foreign_form("{}".encode("utf-16") + b'\n{"id": "b"}')
    ('', '')
    """
    if found := next((name for mark, name in _COMPRESSED if data.startswith(mark)), ""):
        return found
    found = _encoding(data[:_HEAD_BYTES])
    return "" if found and _LINE in data else found


def text_of(path: Path) -> str:
    """Return the text of a file in UTF-8, without a byte order mark, which editors of Windows write.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is in another encoding, which is named where its first bytes show it.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        form = foreign_form(data)
        raise ValueError(
            f"it is {form}: save it as UTF-8" if form else f"it is not UTF-8: {error}"
        ) from error


def _encoding(head: bytes) -> str:
    for mark, name in _MARKS:
        behind = head[len(mark) :]
        if head.startswith(mark) and (len(behind) < _UNIT_BYTES or _by_zeros(behind) == name):
            return name
    return _by_zeros(head)


def _by_zeros(data: bytes) -> str:
    forms = {_form(data[at : at + 4]) for at in range(0, min(len(data) // 4, 2) * 4, 4)}
    return forms.pop() if len(forms) == 1 else ""


def _form(four: bytes) -> str:
    return _ZEROS.get(tuple(byte == 0 for byte in four), "")
