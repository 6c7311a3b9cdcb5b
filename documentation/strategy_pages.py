"""The pages of the strategies: tables of the registry, signal rates on recorded bars, pictures of real trades.

Tables always; rates and pictures where the folder of recorded bars is there. Prose stands outside the marks and is not
touched. A strategy without a page gets one, with its tables and its docstring, to be written on.
"""

from __future__ import annotations

from inspect import getdoc, getmodule
from typing import TYPE_CHECKING

from benchmarks.report import marks, placed, say

from assay.errors import StrategyError
from assay.sources import read_bars
from documentation.candles import svg
from documentation.examples import clearest, outcome, picture, when
from documentation.strategy_rates import ends, rate_table
from documentation.strategy_tables import index_table, page_name, parameter_table, rule_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from assay.market import Bars
    from assay.strategies import Strategy

PICTURED = ("BTC", "ETH", "SOL", "XRP")
"""Coins among whose trades a clear picture is sought."""

PARTS = {
    "pictures": "What it looks like",
    "rules": "The rules as the engine reads them",
    "parameters": "Parameters",
    "rates": "How often it signals",
}
"""Made parts of a page, by their marks, under the titles of a new page."""


def draw(strategy: Strategy, markets: Iterable[Bars], folder: Path) -> str:
    """Write the pictures of a strategy; return the Markdown that shows them."""
    held = list(markets)
    parts = []
    for won, said in ((True, "One that worked"), (False, "One that did not")):
        if (example := clearest(strategy, held, won=won)) is None:
            continue
        file = f"{page_name(strategy.name).removesuffix('.md')}-{'won' if won else 'lost'}.svg"
        text = f"{said}: {when(example)}, {outcome(example)}. {example.anatomy.legend}".rstrip()
        (folder / file).write_text(svg(picture(example, won=won), text))
        parts.append(f"![{said}: {strategy.name} on {when(example)}]({file})\n\n*{text}*")
    return "\n\n".join(parts) + "\n"


def registry_blocks(strategy: Strategy) -> dict[str, str]:
    """Return what a page says by the registry alone."""
    return {"rules": rule_list(strategy), "parameters": parameter_table(strategy)}


def new_page(strategy: Strategy) -> str:
    """Return a page to be written on, for a strategy that has none."""
    told = getdoc(getmodule(type(strategy))) or getdoc(strategy) or ""
    parts = [f"# {strategy.name}", told]
    for name, title in PARTS.items():
        parts += [f"## {title}", *marks(name)]
    return "\n\n".join(parts) + "\n"


def filled(page: str, blocks: Mapping[str, str], where: str) -> str:
    """Return a page with every block between its marks."""
    for name, text in blocks.items():
        if not all(mark in page for mark in marks(name)):
            raise StrategyError(where, f"lacks the marks {' and '.join(marks(name))}")
        page = placed(page, text, name)
    return page


def pages(
    docs: Path, strategies: list[Strategy], more: Mapping[str, Mapping[str, str]] | None = None
) -> dict[Path, str]:
    """Return the text that every page should have, by its file.

    Parameters
    ----------
    more : mapping, optional
        Further blocks by the strategy's name: those that need recorded bars.
    """
    index = docs / "README.md"
    made = {index: filled(index.read_text(), {"index": index_table(strategies)}, index.name)}
    for strategy in strategies:
        path = docs / page_name(strategy.name)
        page = path.read_text() if path.exists() else new_page(strategy)
        made[path] = filled(page, registry_blocks(strategy) | dict((more or {}).get(strategy.name, {})), path.name)
    return made


def blocks_of_bars(docs: Path, data: Path, strategies: list[Strategy]) -> dict[str, dict[str, str]]:
    """Return the blocks that need recorded bars, by the strategy's name; write the pictures that they show.

    Nothing where the folder lacks the markets whose trades are drawn.
    """
    markets = {path.name: read_bars(path) for path in sorted(data.glob("*_5m.parquet"))}
    clear = [bars for name, bars in markets.items() if name in {f"BINANCE_{c}USDT_5m.parquet" for c in PICTURED}]
    if not clear:
        say(f"no bars of {', '.join(PICTURED)} in {data.name}: rates and pictures stay as they are")
        return {}
    found: dict[str, dict[str, str]] = {}
    for strategy in strategies:
        say(f"{strategy.name}: {len(markets)} markets")
        rates = f"{rate_table(strategy, markets.values())}\n{ends(strategy, clear)}"
        found[strategy.name] = {"rates": rates, "pictures": draw(strategy, clear, docs)}
    return found
