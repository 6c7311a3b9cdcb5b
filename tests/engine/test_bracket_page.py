"""The page of brackets: every field has its heading, and every example prints what the page says that it prints."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from assay.engine import Bracket

PAGE = (Path(__file__).parents[2] / "docs" / "brackets.md").read_text()


def test_the_examples_print_what_the_page_says() -> None:
    namespace: dict[str, Any] = {}
    printed = 0
    for code, text in re.findall(
        r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", PAGE, flags=re.DOTALL | re.MULTILINE
    ):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "docs/brackets.md", "exec"), namespace)  # noqa: S102  (the page's own code)
        assert out.getvalue() == text, code
        printed += bool(text)
    assert printed > len(fields(Bracket))


def test_every_field_has_its_heading_and_an_example() -> None:
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    explained = {name: part for part in parts for name in re.findall(r"`(\w+)`", part.split("\n", 1)[0])}
    for field in fields(Bracket):
        assert "```python" in explained[field.name], field.name
        assert f"{field.name}=" in explained[field.name], field.name
