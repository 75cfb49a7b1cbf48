"""Hook of mkdocs: pages that are next to the code they describe are part of the documentation site."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
BESIDE_CODE = (
    "README.md",
    *(
        f"{folder}/README.md"
        for folder in ("analyzers", "attackers", "benchmarks", "engines", "recognizers", "reports")
    ),
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "engines/deidkit_engines/diffusion/weights/MODEL_CARD.md",
)
"""Paths in the repository, and on the site."""

_LINK = re.compile(r"\[([^\[\]]*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site, at the paths that they have in the repository."""
    for path in BESIDE_CODE:
        files.append(File.generated(config, _place(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links, which are right in the repository, right on the site, where ``docs/`` is the root.

    Of a link to what is not part of the site, such as code, the words stay.
    """
    source = Path(page.file.abs_src_path or "").resolve()
    here = Path(page.file.src_uri).parent

    def linked(match: re.Match[str]) -> str:
        words, link, anchor = match.groups(default="")
        target = (source.parent / link).resolve()
        there = target.is_relative_to(ROOT) and target.exists()
        path = target.relative_to(ROOT).as_posix() if there else link
        place = path.removeprefix("docs/") if path.startswith("docs/") else _place(path)
        if there and files.get_file_from_path(place) is None:
            return words
        return f"[{words}]({Path(*['..'] * len(here.parts), place).as_posix()}{anchor})"

    return _LINK.sub(linked, markdown)


def _place(path: str) -> str:
    return "index.md" if path == "README.md" else path
