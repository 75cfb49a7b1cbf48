"""The report in a real browser: wide, narrow, dark, on paper, without scripts, for a screen reader."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from deidkit import plugins
from deidkit.audit_comparison import Side, compare
from deidkit.pipeline import write_reports
from deidkit.result import AuditResult

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPEN = "for (const e of document.querySelectorAll('details')) e.open = true"


@pytest.fixture
def page(browser, result: AuditResult, tmp_path: Path):
    (path,) = write_reports(result, tmp_path, ["html"])
    browser.said(), browser.asked()  # what earlier pages left
    browser.scripts(False)  # as a reader without scripts
    browser.get(path.as_uri())
    browser.scripts(True)
    return browser


def test_it_opens_without_complaint_and_asks_nobody(page) -> None:
    assert page.said() == []
    assert page.asked() == []


@pytest.mark.parametrize("pixels", [360, 390, 768, 1280])
def test_it_never_scrolls_sideways(page, pixels: int) -> None:
    page.width(pixels)
    assert page.sideways() <= pixels
    page.execute_script(OPEN)
    assert page.sideways() <= pixels


@pytest.mark.parametrize("pixels", [360, 1280])
def test_a_comparison_never_scrolls_sideways(page, result: AuditResult, tmp_path: Path, pixels: int) -> None:
    (path,) = plugins.create("report", "html").plugin.write_comparison(compare([Side(result), Side(result)]), tmp_path)
    page.get(path.as_uri())
    page.width(pixels)
    page.execute_script(OPEN)
    assert page.sideways() <= pixels
    assert page.said() == []


def test_a_screenful_tells_the_story(page) -> None:
    page.width(1280)
    lowest = (
        "return Math.max(...[...document.querySelectorAll(arguments[0])].map(e => e.getBoundingClientRect().bottom))"
    )
    assert page.execute_script(lowest, ".banner") < 300
    assert page.execute_script(lowest, ".answers tbody tr:first-child") < 550
    assert page.execute_script(lowest, ".answers") < 900  # which vendor? every engine, without scrolling
    for table in (".answers", ".headline:not(.answers)"):
        rows = page.find_elements("css selector", f"{table} tbody tr")
        assert len(rows) == 4
        assert rows[-1].text.startswith("identity")  # the control, last


@pytest.mark.parametrize("pixels", [390, 1280])
def test_labels_of_a_figure_never_cover_each_other_nor_leave_it(page, pixels: int) -> None:
    page.width(pixels)
    found = page.execute_script("""
        const found = [];
        for (const svg of document.querySelectorAll('figure > svg')) {
          const frame = svg.getBoundingClientRect();
          if (!frame.width) continue;  // folded
          for (const text of svg.querySelectorAll('text')) {
            const b = text.getBoundingClientRect();
            if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1) found.push('outside: ' + text.textContent);
          }
          const boxes = [...svg.querySelectorAll('.label')].map(e => [e.textContent, e.getBoundingClientRect()]);
          for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
            const [a, b] = [boxes[i][1], boxes[j][1]];
            if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
              found.push(boxes[i][0] + ' on ' + boxes[j][0]);
          }
        }
        return found;
    """)
    assert found == []


def test_it_can_be_heard_and_reached_by_keyboard(page) -> None:
    assert page.problems() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(page, scheme: str) -> None:
    page.execute_script(OPEN)
    page.scheme(scheme)
    assert page.weak() == []
    page.scheme("")


def test_it_prints(page) -> None:
    data = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert data.startswith(b"%PDF")
    assert 20_000 < len(data) < 5_000_000


def test_attacks_begin_with_what_they_come_to_and_have_a_row_for_each_tier(page) -> None:
    page.width(1280)
    page.execute_script(OPEN)
    section = page.find_element("id", "attacks")
    first = section.find_element("css selector", "h2 + ul li").text
    assert first.startswith("identity: people are found: restoration, the strongest of 4 attacks, identifies 35.00 %")
    tiers = section.find_elements("css selector", "details:first-of-type table")[1]
    rows = {row.text.split()[0]: row.text for row in tiers.find_elements("css selector", "tbody tr")}
    assert list(rows) == [f"T{number}" for number in range(10)]
    assert "found" in rows["T0"] and "2 unchanged" in rows["T0"]
    assert "not run" in rows["T7"]
    assert "evidence incomplete" in rows["T8"] and "1 metadata" in rows["T8"]
    assert "nothing found" in rows["T9"]
    curve = section.find_elements("css selector", "details:first-of-type table")[2]
    assert curve.text.splitlines()[-1] == "8 61.0 no comparison with another capture"


def test_on_a_narrow_screen_no_number_of_an_attack_is_cut_off(page) -> None:
    page.width(390)
    page.execute_script(OPEN)
    cut = (
        "return [...document.querySelectorAll('#attacks .cards td')].filter(e => e.getBoundingClientRect().right > 390)"
    )
    assert page.execute_script(f"{cut}.length") == 0


def test_on_a_narrow_screen_a_requirement_says_why_over_the_whole_width(page) -> None:
    page.width(390)
    page.execute_script(OPEN)
    widths = page.execute_script(
        "return [...document.querySelectorAll('.checks td:last-child')].map(e => e.getBoundingClientRect())"
        ".map(box => [box.left, box.right, box.width])"
    )
    assert widths
    assert all(left >= 0 and right <= 390 and width > 250 for left, right, width in widths)


def test_on_a_narrow_screen_a_comparison_shows_differences_and_outcomes(
    browser, result: AuditResult, tmp_path: Path
) -> None:
    comparison = compare([Side(result), Side(result)])
    path, *_ = plugins.create("report", "html").plugin.write_comparison(comparison, tmp_path)
    browser.get(Path(path).as_uri())
    browser.width(390)
    browser.execute_script(OPEN)
    ends = browser.execute_script(
        "return [...document.querySelectorAll('[id^=pair-] .cards :is(td, td b)')].map(e => e.getBoundingClientRect().right)"
    )
    assert ends and max(ends) <= 390
