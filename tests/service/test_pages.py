"""The pages in a real browser: wide, narrow, dark, by keyboard, without scripts, and with nothing on the console."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deidkit_service import tables

from .helpers import until

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install 'selenium>=4.25'")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and ChromeDriver on the path"),
]

PROBLEMS = """
    const found = [];
    for (const table of document.querySelectorAll('table')) {
      if (!table.caption || !table.caption.textContent.trim()) found.push('table without caption');
      for (const th of table.querySelectorAll('th')) if (!th.scope) found.push('th without scope: ' + th.textContent);
    }
    const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
    for (const id of ids) if (ids.filter(other => other === id).length > 1) found.push('twice the id ' + id);
    let level = 0;
    for (const h of document.querySelectorAll('h1,h2,h3,h4')) {
      const now = Number(h.tagName[1]);
      if (now > level + 1) found.push('heading jumps to ' + h.textContent);
      level = now;
    }
    for (const name of ['main', 'nav', 'header', 'footer']) if (!document.querySelector(name)) found.push('no ' + name);
    for (const field of document.querySelectorAll('input:not([type=hidden]), select, progress'))
      if (!field.labels.length) found.push('field without a label: ' + field.outerHTML);
    for (const e of document.querySelectorAll('a, button, input:not([type=hidden]), select, .scroll'))
      if (e.tabIndex < 0) found.push('not reached by keyboard: ' + e.outerHTML);
    return found;
"""

WEAK = """
    const light = c => { const v = c.map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; });
                         return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
    const rgb = s => s.match(/[\\d.]+/g).map(Number);
    const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                          if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
    const found = new Set();
    for (const e of document.querySelectorAll('p, td, th, small, a, h1, h2, h3, caption, li, pre, button, label, .tag')) {
      if (!e.textContent.trim() || !e.offsetWidth) continue;
      const a = light(rgb(getComputedStyle(e).color)), b = light(ground(e));
      const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
      if (ratio < 4.5) found.add(e.className + ' ' + e.tagName + ' ' + ratio.toFixed(2));
    }
    return [...found];
"""


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


def width(browser, pixels: int) -> None:
    size = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": pixels < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def said(browser) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def text(browser, identifier: str) -> str | None:
    """Read in one step, since a page that is being exchanged has no element that stays."""
    script = "return document.getElementById(arguments[0])?.textContent.trim()"
    read: str | None = browser.execute_script(script, identifier)
    return read


def sign_in(browser, address: str, headers: dict[str, str]) -> None:
    browser.delete_all_cookies()
    browser.get(f"{address}/sign-in?to=/benchmarks/palms")
    browser.find_element("name", "token").send_keys(headers["Authorization"].split()[1])
    browser.find_element("css selector", "main button").click()
    until(lambda: browser.current_url == f"{address}/benchmarks/palms")


def entry(service, identifier: str, value: float, low: float, high: float, title: str) -> None:
    """A finished submission with made-up numbers."""
    with service.home.database.writing() as session:
        row = session.get_one(tables.Submission, identifier)
        row.state, row.finished, row.title, row.verdict = "done", service.home.database.now(session), title, "FAIL"
        row.published = True
        number = {"value": value, "low": low, "high": high, "unit": "percent", "by": "compcode"}
        row.numbers = {"rank_1_percent": number, "deid_ratio_percent": {**number, "value": 100 - value}}


@pytest.fixture
def full(service) -> tuple[object, dict[str, str], list[str]]:
    """A service with a leaderboard and one submission that waits."""
    alice = service.token("Acme", "operator")
    made = [service.hand_in(alice, bytes([n]))["id"] for n in range(4)]
    for identifier, numbers in zip(
        made, [(40.0, 30.0, 50.0, "Mask"), (5.0, 2.0, 10.0, "Resynth <b>2</b>"), (8.0, 4.0, 15.0, "Blur")], strict=False
    ):
        entry(service, identifier, *numbers)
    return service, alice, made


def address_of(service) -> str:
    return str(service.client.base_url).rstrip("/")


@pytest.mark.parametrize("pixels", [360, 768, 1280])
def test_no_page_scrolls_sideways_or_complains(full, browser, pixels: int) -> None:
    service, alice, made = full
    address = address_of(service)
    width(browser, pixels)
    sign_in(browser, address, alice)
    said(browser)
    for path in ("/", "/benchmarks/palms", f"/submissions/{made[0]}", f"/submissions/{made[3]}", "/token", "/operator"):
        browser.get(address + path)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= pixels, path
        assert browser.execute_script(PROBLEMS) == [], path
        assert said(browser) == [], path
        for scheme in ("light", "dark"):
            browser.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            )
            assert browser.execute_script(WEAK) == [], (path, scheme)
    asked = [e["message"] for e in browser.get_log("performance") if "Network.requestWillBeSent" in e["message"]]
    assert [message for message in asked if '"url":"http' in message and address not in message] == [], "no other host"


def rows(browser) -> list[str]:
    return [
        row.text.split("\n")[0]
        for row in browser.find_elements("css selector", "#board tbody tr th")
        if row.is_displayed()
    ]


def test_the_leaderboard_has_ties_and_is_sorted_and_filtered_by_keyboard(full, browser) -> None:
    service, _, _ = full
    width(browser, 1280)
    browser.delete_all_cookies()
    browser.get(f"{address_of(service)}/benchmarks/palms")
    assert rows(browser) == ["Resynth <b>2</b>", "Blur", "Mask"]
    ranks = [cell.text for cell in browser.find_elements("css selector", "#board tbody tr td:first-child b")]
    assert ranks == ["1=", "1=", "3"]
    heading = browser.find_element("css selector", "#board thead th:nth-child(3) button")
    heading.send_keys("\n")
    heading.send_keys("\n")
    assert rows(browser) == ["Mask", "Blur", "Resynth <b>2</b>"]
    assert (
        browser.find_element("css selector", "#board thead th:nth-child(3)").get_attribute("aria-sort") == "descending"
    )
    browser.find_element("id", "filter").send_keys("blu")
    assert rows(browser) == ["Blur"]
    assert said(browser) == []


def test_a_submission_is_watched_from_handing_in_to_its_report(
    service, browser, blurred: Callable[[float], bytes], tmp_path: Path
) -> None:
    alice = service.token("Acme")
    address = address_of(service)
    width(browser, 1280)
    sign_in(browser, address, alice)
    (tmp_path / "copies.zip").write_bytes(blurred(4))
    form = browser.find_element("xpath", "//form[.//input[@value='pictures']]")
    form.find_element("name", "title").send_keys("Blur 4")
    form.find_element("name", "file").send_keys(str(tmp_path / "copies.zip"))
    form.find_element("css selector", "button").click()
    until(lambda: text(browser, "state") == "validating")
    browser.execute_script("window.stays = true")
    service.check()
    until(lambda: text(browser, "state") == "queued")
    assert text(browser, "sentence") == "Number 1 in the queue."
    assert browser.execute_script("return window.stays"), "the page was not loaded anew"
    service.audit()
    until(lambda: browser.find_elements("partial link text", "Open the report"))
    browser.find_element("partial link text", "Open the report").click()
    until(lambda: browser.current_url.endswith("/report.html"))
    assert "Blur 4" in browser.find_element("tag name", "body").text
    assert said(browser) == []
    browser.back()
    browser.find_element("xpath", "//button[@value='publish']").click()
    until(lambda: browser.find_elements("xpath", "//button[@value='withdraw']"))
    browser.delete_all_cookies()
    browser.get(f"{address}/benchmarks/palms")
    assert rows(browser) == ["Blur 4"]
    assert said(browser) == []


def test_pages_work_without_scripts(full, browser) -> None:
    service, alice, made = full
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        sign_in(browser, address_of(service), alice)
        browser.get(f"{address_of(service)}/submissions/{made[3]}")
        browser.find_element("xpath", "//button[@value='cancel']").click()
        until(lambda: browser.find_elements("xpath", "//*[@id='state' and normalize-space()='cancelled']"))
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_pages_print(full, browser) -> None:
    import base64

    service, _, _ = full
    browser.get(f"{address_of(service)}/benchmarks/palms")
    data = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert data.startswith(b"%PDF") and len(data) > 10_000
