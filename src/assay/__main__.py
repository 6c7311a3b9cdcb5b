"""`python -m assay` is `assay`: the command begins here, with as little as possible.

Most of a command's first second is imports. Ctrl-C would end in the middle of one, with a traceback; so the first thing
of all is to let it end the process silently.
"""

import os
import sys
from importlib import import_module

from assay.cli.first import ends_at_once


def run() -> int:
    """Run the command of this process and return its exit code."""
    ends_at_once()
    code: int = import_module("assay.cli.process").run(sys.argv[1:])
    return code


def _forget_current_folder() -> None:
    """Look for no modules in the current folder, where ``-m`` has Python look first: data may lie there."""
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109  (before pathlib)
        del sys.path[0]


if __name__ == "__main__":
    _forget_current_folder()
    sys.exit(run())
