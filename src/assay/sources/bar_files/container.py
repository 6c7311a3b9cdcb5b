"""What a file is made of: its bytes, unpacked within bounds, and the kind of table they hold."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from assay.errors import FileFormatError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

TableKind = Literal["text", "json", "parquet", "feather"]

MAX_BYTES = 1 << 30
"""More bytes of content than this are not read: twelve columns of eight years of minutes are half of it."""

MAX_RATIO = 150
"""Content that unpacks to more than this many times its size, beyond `FREE_BYTES`, is a bomb: bars of prices that never
move reach about 40."""

FREE_BYTES = 1 << 26
HEAD_BYTES = 1 << 18
"""Bytes that recognition looks at."""

STDIN = "-"

_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook: save it as CSV"),
    (b"\x89HDF", "an HDF5 file: write it as Parquet or CSV"),
    (b"SQLite format 3", "an SQLite database: export its table as CSV"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "packed by bzip2: unpack it, or pack it as .gz or .zip"),
    (b"\xfd7zXZ", "packed by xz: unpack it, or pack it as .gz or .zip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd: unpack it, or pack it as .gz or .zip"),
    (b"7z\xbc\xaf", "packed by 7-Zip: unpack it, or pack it as .gz or .zip"),
    (b"Rar!", "packed by RAR: unpack it, or pack it as .gz or .zip"),
    (b"\x80\x04", "a Python pickle, which could run code: write it as Parquet or CSV"),
    (b"\x80\x05", "a Python pickle, which could run code: write it as Parquet or CSV"),
)


@dataclass(frozen=True)
class OpenedFile:
    """A file that is open already, such as one that was sent: nothing is opened by its name.

    Attributes
    ----------
    name : str
        What the file is called: for messages, and for what a name says of a market.
    stream : file
        Its bytes, from the beginning.
    """

    name: str
    stream: IO[bytes]


@dataclass(frozen=True)
class Content:
    """The unpacked content of a file.

    Attributes
    ----------
    shown : str
        The file, for messages.
    name : str
        The name that says which market it is: that of the packed file where there is one.
    kind : str
        ``text``, ``json``, ``parquet`` or ``feather``.
    packing : str
        ``gzip``, ``zip`` or nothing.
    head : bytes
        The first bytes, in UTF-8 where the content is text.
    stream : file object
        All bytes from the first on; of text in UTF-8 without a byte order mark. Of Parquet and Feather it can seek.
    complete : bool
        Whether the head is all there is.
    """

    shown: str
    name: str
    kind: TableKind
    packing: str
    head: bytes
    stream: IO[bytes]
    complete: bool


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than the bounds, and tells what packing breaks."""

    def __init__(self, inner: IO[bytes], shown: str, packed_bytes: int | None) -> None:
        self._inner, self._shown, self._packed, self._given = inner, shown, packed_bytes, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        try:
            data = self._inner.read(len(view))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise FileFormatError(self._shown, f"cannot be unpacked: {sentence(error)}") from None
        view[: len(data)] = data
        self._given += len(data)
        check_size(self._shown, self._given, self._packed)
        return len(data)


class _Decoded(io.RawIOBase):
    """A stream of text in another encoding, as UTF-8."""

    def __init__(self, inner: IO[bytes], encoding: str, shown: str) -> None:
        self._inner, self._shown, self._rest = inner, shown, b""
        self._decode = codecs.getincrementaldecoder(encoding)()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        while not self._rest:
            data = self._inner.read(1 << 16)
            try:
                self._rest = self._decode.decode(data, final=not data).encode()
            except UnicodeError as error:
                raise FileFormatError(self._shown, f"is not readable text: {sentence(error)}") from None
            if not data:
                break
        n = min(len(view), len(self._rest))
        view[:n], self._rest = self._rest[:n], self._rest[n:]
        return n


class _Joined(io.RawIOBase):
    """The head that was read, and what follows it."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        if not self._head:
            data = self._rest.read(len(view))
        else:
            data, self._head = self._head[: len(view)], self._head[len(view) :]
        view[: len(data)] = data
        return len(data)


def sentence(error: BaseException) -> str:
    """Return the first line of an error's text, without its last stop."""
    return str(error).strip().split("\n", maxsplit=1)[0].rstrip(".") or type(error).__name__


def check_size(shown: str, size: int, packed: int | None = None) -> None:
    """Refuse content beyond the bounds.

    Parameters
    ----------
    shown : str
        The file, for messages.
    size : int
        Bytes of unpacked content.
    packed : int, optional
        Bytes of the file, where it is packed.
    """
    if size > MAX_BYTES:
        raise FileFormatError(shown, f"must hold at most {MAX_BYTES >> 30} GB of content; split it by years")
    if packed is not None and size > FREE_BYTES and size > MAX_RATIO * packed:
        rule = f"must not unpack to more than {MAX_RATIO} times its size ({packed:,} bytes)"
        raise FileFormatError(shown, rule, f"more than {size:,} bytes")


@contextmanager
def open_content(path: str | Path | OpenedFile) -> Iterator[Content]:
    """Open a file, or standard input where the path is ``-``, unpack it and tell what it is.

    One that is open already stays open.

    Raises
    ------
    InputError
        There is no such file, or it cannot be read.
    FileFormatError
        It is empty, packed wrongly, beyond the bounds, or of a kind that holds no table of bars.
    """
    if isinstance(path, OpenedFile):
        yield _recognised(path.stream, path.name, path.name, "", None)
        return
    file = Path(path)
    if str(path) == STDIN:
        if sys.stdin is None:  # closed by the caller's shell
            raise InputError("standard input", "is closed")
        yield _recognised(cast("IO[bytes]", sys.stdin.buffer), "standard input", "", "", None)
        return
    if file.is_dir():
        raise InputError(str(file), "must be a file, but it is a folder")
    if not file.exists():
        raise InputError(str(file), "there is no such file")
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from None
    with stream:
        yield _recognised(cast("IO[bytes]", stream), str(file), file.name, "", None)


def _recognised(stream: IO[bytes], shown: str, name: str, packing: str, packed: int | None) -> Content:
    """Return the content of a stream; of a packed one what is in it."""
    bounded = io.BufferedReader(_Bounded(stream, shown, packed), HEAD_BYTES)
    head = _read_head(bounded)
    if not head:
        raise FileFormatError(shown, "is empty")
    size = _size(stream)
    if head.startswith(b"\x1f\x8b") and packing != "gzip":
        inner = gzip.GzipFile(fileobj=io.BufferedReader(_Joined(head, bounded)))
        return _recognised(cast("IO[bytes]", inner), shown, _without(name, ".gz"), "gzip", size or len(head))
    if head.startswith(b"PK\x03\x04") and not packing:
        return _of_zip(_seekable(head, bounded, shown), shown, name)
    for magic, kind in ((b"PAR1", "parquet"), (b"ARROW1", "feather"), (b"FEA1", "feather")):
        if head.startswith(magic):
            whole = _seekable(head, bounded, shown)
            return Content(shown, name, cast("TableKind", kind), packing, head, whole, complete=False)
    return _text(head, bounded, shown, name, packing)


def _read_head(stream: IO[bytes]) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (data := stream.read(HEAD_BYTES - len(head))):
        head += data
    return head


def _size(stream: IO[bytes]) -> int | None:
    try:
        return os.fstat(stream.fileno()).st_size
    except (AttributeError, OSError):  # what is unpacked from another stream
        return None


def _without(name: str, suffix: str) -> str:
    return name[: -len(suffix)] if name.lower().endswith(suffix) else name


def _seekable(head: bytes, rest: IO[bytes], shown: str) -> IO[bytes]:
    """Return all of a stream in memory, since its kind is read from the end."""
    parts, size = [head], len(head)
    while data := rest.read(1 << 20):
        parts.append(data)
        size += len(data)
        check_size(shown, size)
    return io.BytesIO(b"".join(parts))


def _of_zip(whole: IO[bytes], shown: str, name: str) -> Content:
    """Return the one table in a zip file."""
    try:
        archive = zipfile.ZipFile(whole)
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileFormatError(shown, f"is not a readable zip file: {sentence(error)}") from None
    if any(entry.filename == "[Content_Types].xml" for entry in entries):
        raise FileFormatError(shown, "is an Excel workbook: save it as CSV")
    data = [entry for entry in entries if _may_hold_bars(entry.filename)]
    if len(data) != 1:
        found = sorted(entry.filename for entry in data or entries)[:5]
        raise FileFormatError(shown, "must hold one file of bars; unpack it and give them one by one", found)
    entry = data[0]
    if entry.flag_bits & 1:
        raise FileFormatError(shown, "is encrypted: unpack it first")
    check_size(shown, entry.file_size, max(entry.compress_size, 1))
    try:
        inner = archive.open(entry)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise FileFormatError(shown, f"cannot be unpacked: {sentence(error)}") from None
    inside = Path(entry.filename).name
    return _recognised(inner, shown, inside or name, "zip", max(entry.compress_size, 1))


def _may_hold_bars(name: str) -> bool:
    base = Path(name).name
    known = (".csv", ".tsv", ".txt", ".dat", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".feather", ".gz")
    if base.lower().startswith(("readme", "license")):
        return False
    return not name.startswith("__MACOSX/") and not base.startswith(".") and base.lower().endswith(known)


def _text(head: bytes, rest: IO[bytes], shown: str, name: str, packing: str) -> Content:
    """Return text as UTF-8 and whether it is JSON."""
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise FileFormatError(shown, f"is {what}")
    stream: IO[bytes] = io.BufferedReader(_Joined(head, rest), HEAD_BYTES)
    encoding = _encoding(head, shown)
    if encoding is not None:
        stream = io.BufferedReader(_Decoded(stream, encoding, shown), HEAD_BYTES)
    head = _read_head(stream)
    start = head.lstrip()[:200]
    if not start:
        raise FileFormatError(shown, "is empty")
    if start[:1] == b"<" and start[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")):
        raise FileFormatError(shown, "is a web page, not a table: the download went wrong")
    kind: TableKind = "json" if start[:1] in b"[{" else "text"
    whole = io.BufferedReader(_Joined(head, stream), HEAD_BYTES)
    return Content(shown, name, kind, packing, head, whole, complete=len(head) < HEAD_BYTES)


def _encoding(head: bytes, shown: str) -> str | None:
    """Return the encoding to decode from; None for UTF-8 without a byte order mark."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    for mark, encoding in marks.items():
        if head.startswith(mark):
            return encoding
    if b"\x00" in head:
        even, odd = head[0:200:2], head[1:200:2]
        for encoding, zeros, letters in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
            if zeros.count(0) > 0.8 * len(zeros) and not letters.count(0):
                return encoding
        raise FileFormatError(shown, "is neither text nor Parquet or Feather: it must be a table of bars")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeError:
        return "cp1252" if not any(byte in head for byte in b"\x81\x8d\x8f\x90\x9d") else "latin-1"
    return None
