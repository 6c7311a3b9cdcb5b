"""The download that `studies.kills` kills: forty days of candles from an exchange on this machine.

python -m studies.download ADDRESS
"""

from __future__ import annotations

import sys

from assay import DataCollector
from assay.sources.exchanges import RetryPolicy, open_exchange
from sources.exchange_fakes import DAY, NOW, OPEN_NOW, Binance


def main() -> None:
    """Fetch what is missing."""
    fake = Binance({})
    fake.base = sys.argv[1]
    exchange = open_exchange(
        "binance", urls=fake.urls, pace_ms=0, patience=RetryPolicy(tries=3, first_wait_s=0), clock=lambda: NOW / 1000
    )
    with DataCollector([exchange], clock=lambda: NOW / 1000) as collector:
        found = collector.collect(collector.plan("BTC/USDT", "binance", since=OPEN_NOW - 40 * DAY))
    sys.exit(0 if found.trouble is None else 1)


if __name__ == "__main__":
    main()
