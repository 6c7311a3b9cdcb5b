"""Where bars come from: files and frames, recognised by one table of column names, and exchanges.

Nothing is imported before it is used, so `import assay.sources` costs neither pandas nor pyarrow nor ccxt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.sources.arrays import read_arrays
    from assay.sources.bar_files import BarFile, OpenedFile, ReadingOptions, read_bar_file, read_bars
    from assay.sources.exchanges import Exchange, Fetched, Finding, Page, RetryPolicy, open_exchange
    from assay.sources.files import table_csv, write_arrays, write_bars, write_table, write_text
    from assay.sources.frames import bars_from_frame, frame_from_bars

__all__ = [
    "BarFile",
    "Exchange",
    "Fetched",
    "Finding",
    "OpenedFile",
    "Page",
    "ReadingOptions",
    "RetryPolicy",
    "bars_from_frame",
    "frame_from_bars",
    "open_exchange",
    "read_arrays",
    "read_bar_file",
    "read_bars",
    "table_csv",
    "write_arrays",
    "write_bars",
    "write_table",
    "write_text",
]

_HOME = {
    "BarFile": "bar_files",
    "Exchange": "exchanges",
    "Fetched": "exchanges",
    "Finding": "exchanges",
    "OpenedFile": "bar_files",
    "Page": "exchanges",
    "ReadingOptions": "bar_files",
    "RetryPolicy": "exchanges",
    "bars_from_frame": "frames",
    "frame_from_bars": "frames",
    "open_exchange": "exchanges",
    "read_arrays": "arrays",
    "read_bar_file": "bar_files",
    "read_bars": "bar_files",
    "table_csv": "files",
    "write_arrays": "files",
    "write_bars": "files",
    "write_table": "files",
    "write_text": "files",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
