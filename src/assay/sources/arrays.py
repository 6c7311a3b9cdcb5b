"""Named arrays in .npz files, read within the size that the file itself has."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import FileFormatError, InputError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray


def read_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read what `assay.sources.write_arrays` wrote; nothing in the file is run, and nothing is unpacked.

    Raises
    ------
    InputError
        When it cannot be read.
    FileFormatError
        When the file is not such a file, or would take more room in memory than on the disk.
    """
    file = Path(path)
    try:
        with zipfile.ZipFile(file) as packed:
            if any(one.compress_type != zipfile.ZIP_STORED for one in packed.infolist()):
                raise FileFormatError(str(file), "is not a file of arrays: it is compressed")
            for one in packed.infolist():
                with packed.open(one) as member:
                    _check_room(file, member, one.file_size)
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror or error}") from None
    except _UNREADABLE as error:
        raise FileFormatError(str(file), f"is not a file of arrays: {error}") from None


_UNREADABLE = (ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


def _check_room(file: Path, member: Any, size: int) -> None:
    """Refuse an array whose header promises more than its file holds: NumPy would make room for it first."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    room = dtype.itemsize
    for length in shape:
        room *= int(length)
    if room > size:
        raise FileFormatError(str(file), "is not a file of arrays: one of them is larger than the file", room)
