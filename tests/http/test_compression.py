"""Compressed bodies: unpacked as whole, no further than a limit, in time that grows with their bytes alone."""

import contextlib
import gzip
import time
import zlib

import pytest
import zstandard

from streams.http.compression import MOST_MEMBERS, CompressionError, EncodingError, TooLargeError, unpacked

MOST = 512_000
TEXT = b"".join(b'{"id":"%d"}\n' % number for number in range(30_000))
PACK = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}
SKIPPED = b"\x50\x2a\x4d\x18"  # a frame of zstd that says nothing


@pytest.mark.parametrize("encoding", PACK)
def test_what_was_packed_comes_out_also_in_several_members(encoding):
    pack = PACK[encoding]
    assert unpacked(pack(TEXT), encoding, MOST) == TEXT
    parts = [TEXT[at : at + 10_000] for at in range(0, len(TEXT), 10_000)]
    assert unpacked(b"".join(map(pack, parts)), f" {encoding.upper()} ", MOST) == TEXT


@pytest.mark.parametrize("encoding", PACK)
def test_members_are_counted(encoding):
    empty = PACK[encoding](b"")
    assert unpacked(empty * MOST_MEMBERS, encoding, MOST) == b""
    with pytest.raises(TooLargeError, match=f"more than {MOST_MEMBERS} compressed members"):
        unpacked(empty * (MOST_MEMBERS + 1), encoding, MOST)


@pytest.mark.parametrize("encoding", PACK)
def test_no_more_is_made_than_is_allowed(encoding):
    assert len(unpacked(PACK[encoding](b" " * MOST), encoding, MOST)) == MOST
    with pytest.raises(TooLargeError):
        unpacked(PACK[encoding](b" " * (MOST + 1)), encoding, MOST)
    with pytest.raises(TooLargeError):
        unpacked(PACK[encoding](b" " * 100_000_000), encoding, MOST)


@pytest.mark.parametrize("encoding", PACK)
def test_what_is_cut_short_or_damaged_is_refused(encoding):
    whole = PACK[encoding](TEXT)
    for body in (whole[:-1], whole[: len(whole) // 2], b"x" + whole, whole + b"x", b"x" * 100):
        with pytest.raises(CompressionError):
            unpacked(body, encoding, MOST)


def test_other_encodings_are_told_apart_and_none_is_as_it_came():
    assert unpacked(b"x", "identity", MOST) == unpacked(b"x", "", MOST) == b"x"
    for encoding in ("br", "gzip, gzip", "x"):
        with pytest.raises(EncodingError):
            unpacked(b"", encoding, MOST)


def test_windows_of_zstd_are_bounded():
    def packed(log):
        parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=log)
        stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        return stream.compress(TEXT) + stream.flush()

    assert unpacked(packed(23), "zstd", MOST) == TEXT
    with pytest.raises(CompressionError):
        unpacked(packed(24), "zstd", MOST)


def test_frames_that_say_nothing_are_skipped_and_counted():
    said = SKIPPED + (400_000).to_bytes(4, "little") + b"x" * 400_000 + zstandard.compress(b"said")
    assert unpacked(said, "zstd", MOST) == b"said"
    with pytest.raises(TooLargeError):
        unpacked((SKIPPED + bytes(4)) * 60_000, "zstd", MOST)


@pytest.mark.parametrize(
    ("made", "encoding"),
    [
        (lambda: zlib.compress(b"") * 63_987, "deflate"),
        (lambda: gzip.compress(b"") * 25_600, "gzip"),
        (lambda: zstandard.compress(b"") * 50_000, "zstd"),
        (lambda: b"\x78\x01" + b"\x00\x00\x00\xff\xff" * 100_000, "deflate"),
        (lambda: b"\x28\xb5\x2f\xfd\x00\x68" + b"\x00\x00\x00" * 160_000 + b"\x01\x00\x00", "zstd"),
        (lambda: zlib.compress(b" " * 200_000_000, 9), "deflate"),
    ],
    ids=[
        "streams of zlib",
        "files of gzip",
        "frames of zstd",
        "empty blocks",
        "empty blocks of zstd",
        "bomb",
    ],
)
def test_no_half_megabyte_takes_long(made, encoding):
    """A thousandth of what it took when each member copied the rest; the processor's time, as others run too."""
    body = made()
    began_s = time.process_time()
    with contextlib.suppress(CompressionError):
        unpacked(body, encoding, MOST)
    assert time.process_time() - began_s < 0.3
