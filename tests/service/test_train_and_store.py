"""The one use case behind every way to train: what is stored, what is counted, and who hears of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from assay.cli.results import write_results
from assay.service.reporter import TITLES, Silent
from assay.service.training import train_and_store
from assay.store import BarStore, Database, Registry
from assay.store.ledger import Ledger
from store.documents import BARS, evidence, experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Titles(Silent):
    """Remembers what was begun and how much of it was done."""

    def __init__(self) -> None:
        self.done: dict[str, list[int]] = {}

    @contextmanager
    def progress(self, title: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
        counted = self.done.setdefault(title, [total, done])

        def advance(n: int) -> None:
            counted[1] += n

        yield advance


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "assay.db")
    yield opened
    opened.close()


def test_a_training_is_stored_counted_and_heard_of(database: Database) -> None:
    titles = Titles()
    trained, tried = train_and_store(experiment(), BARS, database, titles, prefix="A: ")
    assert trained.evidence.provenance.experiment_digest == evidence().provenance.experiment_digest
    stored = Registry(database).get(trained.document["configId"])
    assert stored.document == trained.document
    assert Registry(database).figures(stored.config_id) == trained.figures
    (entry,) = Ledger(database).entries()
    assert entry["experiment_digest"] == evidence().provenance.experiment_digest
    assert (tried.experiments, tried.combinations) == (1, entry["combinations"])
    heard = list(titles.done)
    assert heard[:2] == [f"A: {TITLES['search']}", f"A: {TITLES['walk-forward']}"]
    assert f"A: {TITLES['permutations']}" in heard
    assert all(done <= total for total, done in titles.done.values())


def test_nobody_looks_inside_bars_where_no_store_is_given(database: Database) -> None:
    trained, _ = train_and_store(experiment(permutations=0), BARS, database, Silent())
    assert trained.ambiguity is None
    looked, tried = train_and_store(experiment(permutations=0), BARS, database, Silent(), finer=BarStore(database))
    assert looked.ambiguity is not None
    assert looked.ambiguity.finer_timeframe is None  # none is stored
    assert tried.experiments == 1  # the same experiment is counted once


def test_the_files_of_a_training_are_written_after_it(database: Database, tmp_path: Path) -> None:
    trained, _ = train_and_store(experiment(permutations=0), BARS, database, Silent())
    paths = write_results(tmp_path, trained)
    assert list(paths) == ["trades", "equity", "report", "configuration"]
    assert all(path.stat().st_size for path in paths.values())
