"""Pages of the site that do not lie in docs/: the project's own, which mkdocs would not find (a hook of mkdocs.yml).

They become project/README.md and so on, and links between both places are bent to where the pages lie in the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PROJECT = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
FOLDER = "project"
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the project's pages to those of docs/."""
    from mkdocs.structure.files import File  # noqa: PLC0415  (only the site needs mkdocs)

    root = Path(config.config_file_path).parent
    for name in PROJECT:
        files.append(File.generated(config, f"{FOLDER}/{name}", abs_src_path=str(root / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Return a page with its links bent."""
    return relinked(markdown, page.file.src_uri)


def relinked(markdown: str, page: str) -> str:
    """Return a page with links to where the pages lie in the site.

    Parameters
    ----------
    markdown : str
    page : str
        Where the page lies in the site: a path below docs/, or below `FOLDER`.
    """
    of_project = posixpath.dirname(page) == FOLDER
    here = "" if of_project else posixpath.join("docs", posixpath.dirname(page))
    begin = FOLDER if of_project else posixpath.dirname(page)

    def bent(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, link[1]))
        if target in PROJECT:
            place = f"{FOLDER}/{target}"
        elif target.startswith("docs/"):
            place = target.removeprefix("docs/")
        else:
            return link[0]
        return f"]({posixpath.relpath(place, begin or '.')}{link[2] or ''})"

    return _LINK.sub(bent, markdown)
