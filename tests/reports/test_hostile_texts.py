"""Every text of a result that a stranger may have written, in every format: nothing of it runs, links or breaks out."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from deidkit import plugins
from deidkit.pipeline import write_reports
from deidkit.result import AuditResult
from deidkit_reports.csv import CsvReport
from deidkit_reports.junit import JUnitReport
from deidkit_reports.latex import LatexReport
from deidkit_reports.markdown import MarkdownReport

PAYLOAD = (
    "=cmd|' /C calc'!A0 <img src=x onerror=\"window.ran=1\"> </script></style></title><script>window.ran=1</script>"
    "<svg onload=window.ran=1> javascript:window.ran=1 ' onmouseover='window.ran=1 ]]> --> {{ 7 * 7 }} {% raw %}"
    " \\input{/etc/passwd} \\write18{id} ^^5cinput $\\def\\x{}$ %\n# head\n[a](javascript:1) ![b](http://x.example/b)"
    " |x| `y` \x1b[2J\x1b]0;t\x07 \x9b31m \u202egnp.exe\u2066 \x00 \x08\x7f \u2028\ufeff"
)
FIXED = (
    "status",
    "scope",
    "kind",
    "weight",
    "safer",
    "tier",
    "schema_version",
    "file",
    "original",
    "audit_id",
    "metric",
)
"""Members of a record whose values a stranger cannot choose: one of few words, or a name that deidkit makes."""


def poisoned(value: Any, name: str = "") -> Any:
    """A record in which every text ends with the payload, and every name that a plugin may give is one."""
    if isinstance(value, str):
        return value if name in FIXED else value + PAYLOAD
    if isinstance(value, dict):
        own = name in ("options", "weights", "packages", "parameters", "metrics", "quality")
        return {
            key + PAYLOAD if own and isinstance(key, str) and (key == "a_metric_of_tomorrow" or name == "packages")
            else key: poisoned(item, key if isinstance(key, str) else "")
            for key, item in value.items()
        }  # fmt: skip
    return [poisoned(item, name) for item in value] if isinstance(value, list) else value


@pytest.fixture
def hostile(result: AuditResult) -> AuditResult:
    """A result of nothing but hostile texts."""
    return msgspec.convert(poisoned(msgspec.to_builtins(result)), AuditResult, str_keys=True)


def written(writer: Any, result: AuditResult, folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in writer.write(result, folder))


@pytest.mark.browser
@pytest.mark.slow
def test_nothing_runs_in_a_browser(browser, hostile: AuditResult, tmp_path: Path) -> None:
    (path,) = write_reports(hostile, tmp_path, ["html"])
    browser.said(), browser.asked()
    browser.scripts(True)
    browser.get(path.as_uri())
    browser.execute_script("for (const e of document.querySelectorAll('details')) e.open = true")
    assert browser.execute_script("return window.ran") is None
    assert browser.execute_script("return document.querySelectorAll('script, img[src=x], svg[onload]').length") == 0
    assert (
        browser.execute_script("""
        return [...document.querySelectorAll('*')].flatMap(e => [...e.attributes])
          .filter(a => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value)).map(a => a.name + a.value)
    """)
        == []
    )
    assert (
        browser.execute_script("""
        return [...document.querySelectorAll('[href], [src]')].map(e => e.getAttribute('href') || e.getAttribute('src'))
          .filter(target => !/^(#|data:image|gallery\\/)/.test(target))
    """)
        == []
    )
    assert not set("\x1b\x9b\u202e\u2066\x00") & set(path.read_text(encoding="utf-8"))
    assert "7 * 7" in browser.execute_script("return document.body.textContent")
    assert browser.said() == [] and browser.asked() == []


def test_no_cell_is_a_formula(hostile: AuditResult, tmp_path: Path) -> None:
    CsvReport().write(hostile, tmp_path)
    for path in tmp_path.glob("*.csv"):
        rows: Sequence[Sequence[str]] = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
        assert len(rows) > 3
        assert not [cell for row in rows for cell in row if re.match(r"[=+@\t\r]|-[^\d]", cell.lstrip())]


def test_latex_is_given_no_command(hostile: AuditResult, tmp_path: Path) -> None:
    text = written(LatexReport(), hostile, tmp_path)
    assert "textbackslash{}input" in text and text.startswith("% Audit")
    assert not re.findall(r".{20}(?:\\(?:input|write|def)|\^\^|(?<!\\)%(?!\n)).{20}", text[1:])
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl") and c != "\n"]


def test_markdown_shows_and_links_nothing(hostile: AuditResult, tmp_path: Path) -> None:
    text = written(MarkdownReport(), hostile, tmp_path)
    assert not re.search(r"(?<!\\)[<>\[\]`]", text)
    assert not re.search(r"^#+ head", text, re.MULTILINE)
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl") and c != "\n"]


def test_xml_and_json_can_be_read(hostile: AuditResult, tmp_path: Path) -> None:
    root = ElementTree.fromstring(written(JUnitReport(), hostile, tmp_path))
    assert len(root.findall(".//testcase")) > 3
    text = written(plugins.create("report", "json").plugin, hostile, tmp_path)
    assert json.loads(text) and "\x1b" not in text and "\x9b" not in text
