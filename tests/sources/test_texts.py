"""Files of plain values and of arrays are read within bounds, and every fault is a sentence that names the file."""

from __future__ import annotations

import io
import time
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.errors import FileFormatError, InputError
from assay.service.spaces import read_space
from assay.sources import read_arrays, write_arrays
from assay.sources.texts import MAX_TOML, read_json, read_toml

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TOML = {
    "deep arrays": (b"[space]\na = " + b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    "deep keys": (b"[space]\n" + b"a." * 100_000 + b"a = 1", "nested too deeply"),
    "a huge number": (b"[space]\na = " + b"9" * 5_000, "too many digits"),
    "a byte 0": (b"[space]\na = 1\x00\n", "is not TOML"),
    "a key twice": (b"[space]\na = 1\na = 2\n", "Cannot overwrite a value"),
    "no UTF-8": (b"[space]\n# caf\xe9\n", "not UTF-8"),
    "half a UTF-16": (b"\xff\xfe[\x00s", "not UTF-8"),
    "too large": (b"#" * (MAX_TOML + 1), "must have at most 1,000,000 bytes"),
    "no table": (b"", "must have a table"),
    "a list": (b"space = [1, 2]", "must have a table"),
}
JSON = {
    "deep": (b'{"a": ' * 100_000, "nested too deeply"),
    "deep arrays": (b"[" * 100_000, "nested too deeply"),
    "a huge number": (b'{"a": ' + b"9" * 5_000 + b"}", "too many digits"),
    "a byte 0": (b'{"a": 1}\x00', "is not JSON"),
    "a key twice": (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
    "NaN": (b'{"a": NaN}', "NaN is no number"),
    "endless": (b'{"a": -Infinity}', "-Infinity is no number"),
    "no UTF-8": (b'{"a": "\xe9"}', "not UTF-8"),
    "a list": (b"[1]", "must hold one JSON object"),
    "empty": (b"", "is not JSON"),
}


@pytest.mark.parametrize("case", TOML)
def test_a_space_that_cannot_be_read(tmp_path: Path, case: str) -> None:
    path, (content, words) = tmp_path / "space.toml", TOML[case]
    path.write_bytes(content)
    begun = time.process_time()
    with pytest.raises(FileFormatError, match=words) as refused:
        read_space(path)
    assert refused.value.field == str(path)
    assert len(str(refused.value)) < 500
    assert time.process_time() - begun < 2.0


@pytest.mark.parametrize("case", JSON)
def test_a_document_that_cannot_be_read(tmp_path: Path, case: str) -> None:
    path, (content, words) = tmp_path / "document.json", JSON[case]
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=words) as refused:
        read_json(path)
    assert refused.value.field == str(path)


def test_a_document_of_many_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    with path.open("wb") as file:
        file.truncate(10**10)  # nothing of it is on the disk
    with pytest.raises(FileFormatError, match="at most 32,000,000 bytes"):
        read_json(path)


def test_what_editors_write_before_a_text_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_text("[space]\na = 'ü'\n", encoding=encoding)
        assert read_toml(path) == {"space": {"a": "ü"}}


def test_what_is_no_file(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "it is a folder"), (tmp_path / "none", "there is no such file")):
        with pytest.raises(InputError, match=words):
            read_json(path)


def test_arrays_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    arrays: dict[str, NDArray[Any]] = {"a": np.arange(5), "b": np.zeros((2, 3)), "c": np.array(1.5)}
    write_arrays(path, arrays)
    found = read_arrays(path)
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def bomb(*, packed: bool) -> bytes:
    """Return an archive whose array is larger than the archive: 8 TB in its header, or 80 MB of packed zeros."""
    head = io.BytesIO()
    length = 10**7 if packed else 10**12
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (length,)})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        archive.writestr("a.npy", head.getvalue() + (bytes(8 * length) if packed else b""))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a file of arrays"),
        (b"PK\x03\x04" + b"x" * 100, "is not a file of arrays"),
        (bomb(packed=False), "larger than the file"),
        (bomb(packed=True), "it is compressed"),
    ],
    ids=["empty", "torn", "header", "packed"],
)
def test_arrays_that_cannot_be_read(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=words):
        read_arrays(path)
