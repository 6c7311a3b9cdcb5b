"""What a verdict says beside its stage: the market, what else was tried, how usual it is, and what stands today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.cli.output import Output
from assay.cli.training_results import show
from assay.reports import power_table
from assay.service.reporter import Silent
from assay.service.training import train_and_store
from assay.store import Database
from reports.samples import everything, sample
from service.test_ledger_campaign import edge, experiment, unknown_tries

if TYPE_CHECKING:
    from cli.conftest import Assay

FIRST_RELEASE = sorted((Path(__file__).parents[1] / "compatibility" / "documents").glob("*.json"))


def shown(document: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[str]:
    show(Output(), document)
    return capsys.readouterr().out.splitlines()


def test_a_training_stands_beside_its_market_and_its_campaign(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(sample("promoted")[0], capsys)
    verdict = lines.index("Verdict: MATURE")
    (searches,) = (line for line in lines if "searches on bars without direction" in line)
    assert "made from the days that were searched (in sample), found as much" in searches
    assert lines[verdict - 1].startswith("Beside the market, out of sample: buying and holding it gave ")
    assert "(no ledger was asked)" in lines[verdict - 2]
    lines = shown(everything()[0], capsys)
    assert any(line.startswith("p says nothing here: ") for line in lines)
    assert any(line.startswith("19 other experiments on these days (2 of them cannot be repeated)") for line in lines)


def test_a_refusal_says_how_usual_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    document, _ = sample("refused")
    assert not any(line.startswith("That is usual") for line in shown(document, capsys))  # a strategy of one's own
    document["strategy"] = power_table.STRATEGY
    document["evidence"]["search"]["combinations"] = power_table.COMBINATIONS
    lines = shown(document, capsys)
    (why,) = (i for i, line in enumerate(lines) if line.startswith("Why not promoted: "))
    assert lines[why + 1].startswith("That is usual: of simulated histories of 365 days")


@pytest.mark.parametrize("path", FIRST_RELEASE, ids=lambda path: path.stem[:20])
def test_a_document_of_the_first_release_is_shown_as_far_as_it_goes(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(path.read_text())
    if not document["evidence"]["verified"]:
        return
    text = "\n".join(shown(document, capsys))
    assert "Verdict: " in text
    assert "Beside the market" not in text
    assert "ledger" not in text


def test_show_says_what_a_configuration_is_worth_today(
    assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(tmp_path / "assay.db"))
    database = Database.open(tmp_path / "assay.db")
    trained, _ = train_and_store(experiment(), edge(), database, Silent())
    name = trained.document["configId"]
    assert f"{name}: VALIDATION\n" in assay("configurations", "show", name).out
    assert "Today it counts" not in assay("configurations", "show", name).out
    told = assay("configurations", "show", name, "--json").document["standing"]
    assert told == {"stage": "VALIDATION", "p_adjusted": 1 / 40, "experiments": 0, "unknown": 0, "reason": None}
    unknown_tries(database, 3)
    out = assay("configurations", "show", name).out
    assert f"{name}: VALIDATION\n" in out
    assert "Today it counts as PAPER: 3 other experiments have been made on its days by now (3 of them cannot" in out
    told = assay("configurations", "show", name, "--json").document["standing"]
    assert (told["stage"], told["experiments"], told["unknown"]) == ("PAPER", 3, 3)
    assert told["p_adjusted"] == pytest.approx(1 - (1 - 1 / 40) ** 4)
    assert told["reason"].endswith("above 0.05")
    database.close()
