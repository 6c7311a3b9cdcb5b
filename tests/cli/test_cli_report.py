"""`assay report`: a kept configuration as a page, with and without its figures."""

from __future__ import annotations

import json
import webbrowser
from typing import TYPE_CHECKING

import pytest

from assay.documents.figures import figures
from assay.reports import html
from assay.store import Database, Registry
from store.documents import evidence, trained, variant

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay

NAME = trained()["configId"]
MISSING = "daily equity, trades and the score map are unknown"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(tmp_path / "assay.db"))
    registry = Registry(Database.open(tmp_path / "assay.db"))
    registry.save(trained(), at_ms=1, figures=figures(evidence()))
    registry.save(variant(1), at_ms=1)


def test_a_kept_configuration(assay: Assay, tmp_path: Path) -> None:
    ran = assay("report", NAME)
    assert (ran.code, ran.out, ran.err) == (0, f"{NAME}.html\n", "")
    page = (tmp_path / f"{NAME}.html").read_text()
    assert page == html(trained(), figures(evidence()))
    ran = assay("report", NAME, "--out", tmp_path / "mine.html", "--json")
    assert ran.document == {"configuration": NAME, "report": str(tmp_path / "mine.html"), "figures": True}
    assert (tmp_path / "mine.html").read_text() == page


def test_one_without_figures(assay: Assay, tmp_path: Path) -> None:
    name = variant(1)["configId"]
    ran = assay("report", name)
    assert (ran.code, MISSING in ran.err, "assay train" in ran.err) == (0, True, True)
    assert (tmp_path / f"{name}.html").read_text() == html(variant(1))
    assert assay("report", name, "--json").document["figures"] is False


def test_a_document_of_a_file(assay: Assay, tmp_path: Path) -> None:
    (tmp_path / "some.json").write_text(json.dumps(trained()))
    ran = assay("report", "some.json", "--out", "page.html")
    assert (ran.code, ran.out, MISSING in ran.err) == (0, "page.html\n", True)
    assert (tmp_path / "page.html").read_text() == html(trained())


def test_it_is_shown(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def no_browser(address: str) -> bool:
        shown.append(address)
        return False

    monkeypatch.setattr(webbrowser, "open", no_browser)
    ran = assay("report", NAME, "--open")
    assert (ran.code, "There is no browser" in ran.err) == (0, True)
    assert shown == [(tmp_path / f"{NAME}.html").as_uri()]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nothing",), "configuration: is not in the registry"),
        (("nothing.json",), "nothing.json: there is no such file"),
        (("broken.json",), "broken.json: is not JSON"),
        (("other.json",), "Field required"),
        ((NAME, "--out", "page.pdf"), "--out: must end in .html"),
        ((NAME, "--out", "nowhere/page.html"), "--out: must lie in a folder that exists"),
    ],
)
def test_wrong_input_is_one_sentence(assay: Assay, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text("{}")
    ran = assay("report", *arguments)
    assert (ran.code, sentence in ran.err) == (2, True), ran.err
    assert "Traceback" not in ran.err
    assert not list(tmp_path.glob("*.html"))
