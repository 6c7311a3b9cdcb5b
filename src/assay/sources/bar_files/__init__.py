"""Bar files as people have them: recognised, read, cleaned and described by one reader."""

from assay.sources.bar_files.container import OpenedFile
from assay.sources.bar_files.options import ReadingOptions
from assay.sources.bar_files.reading import BarFile, read_bar_file, read_bars

__all__ = ["BarFile", "OpenedFile", "ReadingOptions", "read_bar_file", "read_bars"]
