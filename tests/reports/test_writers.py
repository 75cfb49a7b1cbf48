"""Report writers: every number arrives, none is invented, and no foreign text is run."""

from __future__ import annotations

import csv
import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from deidkit.audit import write_reports
from deidkit.errors import DeidkitError, PluginError
from deidkit.result import AuditResult, GalleryItem

BANNED = re.compile(
    r"\banonymous\b|\banonymi[sz]ed\b|gdpr[- ]compliant|\bcertified\b|\bguarante|\birreversib|100 % safe|conforms to iso",
    re.IGNORECASE,
)
"""Words that turn evidence into a promise."""


class Text(HTMLParser):
    """The words of a page without its style."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def page_of(result: AuditResult, folder: Path) -> tuple[str, Text]:
    (path,) = write_reports(result, folder, ["html"])
    page = path.read_text(encoding="utf-8")
    text = Text()
    text.feed(page)
    return page, text


def test_json_is_the_result(result: AuditResult, tmp_path: Path) -> None:
    (path,) = write_reports(result, tmp_path, ["json"])
    assert msgspec.json.decode(path.read_bytes(), type=AuditResult) == result
    assert b"NaN" not in path.read_bytes()


def test_csv_has_a_row_for_every_estimate_and_no_formula(result: AuditResult, tmp_path: Path) -> None:
    risky = dataclasses.replace(result.cells[0], engine="=HYPERLINK(1)")
    (path,) = write_reports(dataclasses.replace(result, cells=[risky, *result.cells[1:]]), tmp_path, ["csv"])
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    estimates = sum(len(r.metrics) for r in result.recognizers) + sum(len(c.metrics) for c in result.cells)
    estimates += sum(len(e.quality) + len(e.usability) for e in result.engines)
    assert len(rows) == estimates
    assert {row["engine"] for row in rows if "HYPERLINK" in row["engine"]} == {"'=HYPERLINK(1)"}
    by_name = {(r["scope"], r["engine"], r["recognizer"], r["metric"]): r for r in rows}
    found = by_name["copies", "pixelate", "mtcc (preset=B)", "deid_ratio_percent"]
    assert (float(found["value"]), float(found["low"]), found["comparisons"]) == (50.0, 47.0, "120")
    missing = by_name["copies", "pixelate", "mtcc (preset=B)", "copy_linkage_eer_percent"]
    assert (missing["value"], missing["reason"]) == ("", "There are too few.")


def test_latex_has_the_published_layout_and_compiles_where_it_can(result: AuditResult, tmp_path: Path) -> None:
    (path,) = write_reports(result, tmp_path, ["latex"])
    text = path.read_text(encoding="utf-8")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3
    assert r"RR & DIR & Acc. & RR & DIR & Acc. \\" in text
    assert "pixelate & 40.00 & 50.00 & 70.00" in text
    assert r"--\textsuperscript{1}" in text
    assert re.search(r"(?<!\\)[&%_#$](?=script)", text) is None
    if shutil.which("pdflatex"):
        (tmp_path / "paper.tex").write_text(
            r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{report}\end{document}"
        )
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"], cwd=tmp_path, capture_output=True
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_the_page_holds_every_number_and_every_reason(result: AuditResult, tmp_path: Path) -> None:
    _, text = page_of(result, tmp_path)
    words = " ".join(" ".join(text.words).split())
    assert "FAIL" in words
    assert "De-identification Ratio" in words
    assert "a metric of tomorrow" in words
    assert "1.250" in words
    assert "\u22121.00 pp" in words
    assert "There are too few." in words
    assert "cd" * 32 in words
    assert "ab" * 32 in words
    for hollow in ("nan", "None", "undefined", "inf "):
        assert not re.search(rf"(?<![\w-]){hollow}(?![\w-])", words), hollow


def test_no_foreign_text_is_run_and_nothing_is_fetched(result: AuditResult, tmp_path: Path) -> None:
    page, text = page_of(result, tmp_path)
    assert "script" not in text.tags
    assert "<script>alert" not in page
    assert "{{ 7 * 7 }}" in "".join(text.words)  # shown, not computed
    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)
    assert "url(" not in page


def test_our_own_words_promise_nothing(result: AuditResult, tmp_path: Path) -> None:
    _, text = page_of(result, tmp_path)
    assert BANNED.search(" ".join(text.words)) is None


def test_a_picture_outside_of_the_folder_is_not_read_and_a_missing_one_is_said(
    result: AuditResult, tmp_path: Path
) -> None:
    inside = tmp_path / "report"
    inside.mkdir()
    (tmp_path / "secret.webp").write_bytes(b"secret")
    items = [GalleryItem(file="../secret.webp", caption="a"), GalleryItem(file="gallery/gone.webp", caption="b")]
    engines = [dataclasses.replace(engine, gallery=items) for engine in result.engines]
    page, text = page_of(dataclasses.replace(result, engines=engines), inside)
    assert "c2VjcmV0" not in page
    assert "2 of 2 samples are not shown" in " ".join(" ".join(text.words).split())


def test_the_page_stays_small_whatever_the_gallery(result: AuditResult, tmp_path: Path) -> None:
    (tmp_path / "gallery" / "large.webp").write_bytes(b"x" * 900_000)
    items = [GalleryItem(file="gallery/large.webp", caption=str(number)) for number in range(50)]
    engines = [dataclasses.replace(engine, gallery=items) for engine in result.engines]
    page, _ = page_of(dataclasses.replace(result, engines=engines), tmp_path)
    assert len(page) < 5_000_000


def test_an_audit_without_cells_or_engines_of_note_still_gives_a_page(result: AuditResult, tmp_path: Path) -> None:
    controls = [engine for engine in result.engines if engine.component.control]
    page_of(dataclasses.replace(result, engines=controls, cells=[], failures=[], notes=[]), tmp_path)
    page_of(dataclasses.replace(result, engines=[], cells=[]), tmp_path)


def test_a_format_nobody_writes_and_a_folder_that_cannot_be_written_are_named(
    result: AuditResult, tmp_path: Path
) -> None:
    with pytest.raises(PluginError, match=r"no report is named 'htm'\. Did you mean 'html'"):
        write_reports(result, tmp_path, ["htm"])
    with pytest.raises(DeidkitError, match="deidkit report 20261123-120000-abcd"):
        write_reports(result, tmp_path / "nowhere", ["json"])
