"""Write everything in docs/ that is made from the code and the recorded bars.

    python -m documentation [--data DIR] [--docs docs]

Tables and the schema always; what needs recorded bars where the folder of them is there, else it stays as it is.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.report import say

from assay.strategies import STRATEGIES
from documentation import dirty_markets
from documentation.strategy_pages import blocks_of_bars, pages
from documentation.tables import Part, filled, made_tables

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared"))


def write(made: dict[Path, str]) -> None:
    """Write the files whose text is another one, and name them."""
    for path, text in made.items():
        if not path.exists() or path.read_text() != text:
            say(f"{path.name} is new")
            path.write_text(text)


def main(given: list[str] | None = None) -> int:
    """Write all pages, tables and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="folder of EXCHANGE_SYMBOL_5m.parquet")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    options = parser.parse_args(given)
    write(made_tables(options.docs))
    strategies, folder = [kind() for kind in STRATEGIES.values()], options.docs / "strategies"
    write(pages(folder, strategies, blocks_of_bars(folder, options.data, strategies)))
    if all((options.data / f"{name}.parquet").exists() for name in dirty_markets.FILES):
        write(filled(options.docs, [Part("data.md", "dirty markets", lambda: dirty_markets.table(options.data))]))
    else:
        say(f"not all dirty markets are in {options.data.name}: their table stays as it is")
    return 0


if __name__ == "__main__":
    sys.exit(main())
