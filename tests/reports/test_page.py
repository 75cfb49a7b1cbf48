"""The report in a real browser: wide, narrow, dark, on paper, without scripts, for a screen reader."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deidkit import plugins
from deidkit.contrasts import Side, compare
from deidkit.pipeline import write_reports
from deidkit.result import AuditResult

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install 'deidkit[test]'")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and ChromeDriver on the path"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, result: AuditResult, tmp_path: Path):
    (path,) = write_reports(result, tmp_path, ["html"])
    browser.get_log("browser")
    browser.get_log("performance")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})  # as a reader without scripts
    browser.get(path.as_uri())
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    return browser


def width(page, pixels: int) -> None:
    size = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": pixels < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.slow
def test_it_opens_without_complaint_and_asks_nobody(page) -> None:
    assert [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    asked = [
        entry["message"] for entry in page.get_log("performance") if "Network.requestWillBeSent" in entry["message"]
    ]
    assert [message for message in asked if '"url":"http' in message] == []


@pytest.mark.parametrize("pixels", [360, 390, 768, 1280])
def test_it_never_scrolls_sideways(page, pixels: int) -> None:
    width(page, pixels)
    assert page.execute_script("return document.documentElement.scrollWidth") <= pixels
    page.execute_script("for (const e of document.querySelectorAll('details')) e.open = true")
    assert page.execute_script("return document.documentElement.scrollWidth") <= pixels


@pytest.mark.parametrize("pixels", [360, 1280])
def test_a_comparison_never_scrolls_sideways(page, result: AuditResult, tmp_path: Path, pixels: int) -> None:
    (path,) = plugins.create("report", "html").plugin.write_comparison(compare([Side(result), Side(result)]), tmp_path)
    page.get(path.as_uri())
    width(page, pixels)
    page.execute_script("for (const e of document.querySelectorAll('details')) e.open = true")
    assert page.execute_script("return document.documentElement.scrollWidth") <= pixels
    assert [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def test_a_screenful_tells_the_story(page) -> None:
    width(page, 1280)
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
    width(page, pixels)
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


def test_tables_figures_and_headings_can_be_heard(page) -> None:
    problems = page.execute_script("""
        const found = [];
        for (const table of document.querySelectorAll('table')) {
          if (!table.caption || !table.caption.textContent.trim()) found.push('table without caption');
          for (const th of table.querySelectorAll('th')) if (!th.scope) found.push('th without scope: ' + th.textContent);
        }
        for (const svg of document.querySelectorAll('svg'))
          if (svg.getAttribute('aria-hidden') !== 'true') {
            const named = (svg.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id));
            if (named.length !== 2 || !named.every(e => e && e.textContent.trim())) found.push('svg without a name');
            if (svg.getAttribute('role') !== 'img') found.push('svg without a role');
          }
        const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
        for (const id of ids) if (ids.filter(other => other === id).length > 1) found.push('twice the id ' + id);
        for (const img of document.querySelectorAll('img')) if (!img.alt) found.push('img without alt');
        let level = 0;
        for (const h of document.querySelectorAll('h1,h2,h3,h4')) {
          const now = Number(h.tagName[1]);
          if (now > level + 1) found.push('heading jumps to ' + h.textContent);
          level = now;
        }
        for (const name of ['main', 'nav', 'header', 'footer']) if (!document.querySelector(name)) found.push('no ' + name);
        if (!document.documentElement.lang) found.push('no language');
        for (const a of document.querySelectorAll('a')) {
          const target = a.getAttribute('href');
          if (target.startsWith('#') && !document.querySelector(target)) found.push('dead link ' + target);
        }
        return found;
    """)
    assert problems == []


def test_everything_scrollable_and_foldable_is_reached_by_keyboard(page) -> None:
    unreachable = page.execute_script(
        "return [...document.querySelectorAll('.scroll, summary, a')].filter(e => e.tabIndex < 0).length"
    )
    assert unreachable == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(page, scheme: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    weak = page.execute_script("""
        const light = c => { const v = c.map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; });
                             return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
        const rgb = s => s.match(/[\\d.]+/g).map(Number);
        const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                              if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
        const found = new Set();
        for (const e of document.querySelectorAll('p, td, th, dt, dd, small, a, h1, h2, h3, caption, summary, .missing, .tag')) {
          const a = light(rgb(getComputedStyle(e).color)), b = light(ground(e));
          const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
          if (ratio < 4.5) found.add(e.className + ' ' + e.tagName + ' ' + ratio.toFixed(2));
        }
        return [...found];
    """)
    assert weak == []
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.slow
def test_it_prints(page) -> None:
    data = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert data.startswith(b"%PDF")
    assert 20_000 < len(data) < 5_000_000
