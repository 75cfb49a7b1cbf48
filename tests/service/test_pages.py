"""The pages in a real browser: wide, narrow, dark, by keyboard, without scripts, and with nothing on the console."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from deidkit_service import tables

from .helpers import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def text(browser, identifier: str) -> str | None:
    """Read in one step, since a page that is being exchanged has no element that stays."""
    script = "return document.getElementById(arguments[0])?.textContent.trim()"
    read: str | None = browser.execute_script(script, identifier)
    return read


def sign_in(browser, address: str, headers: dict[str, str]) -> None:
    browser.delete_all_cookies()
    browser.get(f"{address}/sign-in?to=/benchmarks/palms")
    browser.find_element("name", "token").send_keys(headers["Authorization"].split()[1])
    browser.go(browser.find_element("css selector", "main button"))
    assert browser.current_url == f"{address}/benchmarks/palms"


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
    operator = service.token("Acme", "operator")
    made = [service.hand_in(operator, bytes([n]))["id"] for n in range(4)]
    for identifier, numbers in zip(
        made, [(40.0, 30.0, 50.0, "Mask"), (5.0, 2.0, 10.0, "Resynth <b>2</b>"), (8.0, 4.0, 15.0, "Blur")], strict=False
    ):
        entry(service, identifier, *numbers)
    return service, operator, made


def address_of(service) -> str:
    return str(service.client.base_url).rstrip("/")


@pytest.mark.parametrize("pixels", [360, 768, 1280])
def test_no_page_scrolls_sideways_or_complains(full, browser, pixels: int) -> None:
    service, operator, made = full
    address = address_of(service)
    browser.width(pixels)
    sign_in(browser, address, operator)
    browser.said()
    submissions = (f"/submissions/{made[0]}", f"/submissions/{made[3]}")
    for path in ("/", "/benchmarks/palms", "/benchmarks/palms/compare", *submissions, "/token", "/operator"):
        browser.get(address + path)
        assert browser.sideways() <= pixels, path
        assert browser.problems() == [], path
        assert browser.said() == [], path
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            assert browser.weak() == [], (path, scheme)
    assert [message for message in browser.asked() if address not in message] == [], "no other host"


def rows(browser) -> list[str]:
    return [
        row.text.split("\n")[0]
        for row in browser.find_elements("css selector", "#board tbody tr th")
        if row.is_displayed()
    ]


def test_the_leaderboard_has_ties_and_is_sorted_and_filtered_by_keyboard(full, browser) -> None:
    service, _, _ = full
    browser.width(1280)
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
    assert browser.said() == []


def test_a_submission_is_watched_from_handing_in_to_its_report(
    service, browser, blurred: Callable[[float], bytes], tmp_path: Path
) -> None:
    submitter = service.token("Acme")
    address = address_of(service)
    browser.width(1280)
    sign_in(browser, address, submitter)
    (tmp_path / "copies.zip").write_bytes(blurred(4))
    form = browser.find_element("xpath", "//form[.//input[@value='pictures']]")
    form.find_element("name", "title").send_keys("Blur 4")
    form.find_element("name", "file").send_keys(str(tmp_path / "copies.zip"))
    browser.go(form.find_element("css selector", "button"))
    assert text(browser, "state") == "validating"
    identifier = browser.current_url.rpartition("/")[2]
    browser.execute_script("window.stays = true")
    service.check()
    until(lambda: text(browser, "state") == "queued")
    assert text(browser, "sentence") == "Number 1 in the queue."
    assert browser.execute_script("return window.stays"), "the page was not loaded anew"
    service.audit()
    until(lambda: browser.find_elements("partial link text", "Open the report"))
    browser.go(browser.find_element("partial link text", "Open the report"))
    assert "Blur 4" in browser.find_element("tag name", "body").text
    assert browser.said() == []
    browser.get(f"{address}/submissions/{identifier}")
    browser.go(browser.find_element("xpath", "//button[@value='publish']"))
    browser.delete_all_cookies()
    browser.get(f"{address}/benchmarks/palms")
    assert rows(browser) == ["Blur 4"]
    assert browser.said() == []


def test_submissions_are_chosen_and_compared_by_keyboard(measured, browser) -> None:
    service, address = measured.service, address_of(measured.service)
    browser.width(1280)
    sign_in(browser, address, measured.submitter)
    browser.said()
    browser.go(browser.find_element("link text", "Compare submissions"))
    assert browser.find_elements("id", "answer") == []
    browser.find_element("id", "first").send_keys("Blur 1")
    browser.find_element("css selector", f"[type=checkbox][value='{measured.strong}']").send_keys(" ")
    browser.go(browser.find_element("css selector", "main button"))
    assert "Blur 9 against Blur 1" in browser.find_element("css selector", "#answer .verdicts").text
    assert browser.find_elements("css selector", "figure svg .mark"), "privacy against quality"
    kept = browser.find_elements("css selector", "#first option[selected], [type=checkbox]:checked")
    assert [item.get_attribute("value") for item in kept] == [measured.weak, measured.strong]
    for pixels in (360, 1280):
        browser.width(pixels)
        browser.execute_script("for (const e of document.querySelectorAll('details')) e.open = true")
        assert browser.sideways() <= pixels
        assert browser.problems() == []
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            assert browser.weak() == [], (pixels, scheme)
    assert browser.said() == []
    browser.get(f"{address}/submissions/{measured.weak}")
    link = browser.find_element("link text", "Download the dossier").get_attribute("href")
    assert service.client.get(link, headers=measured.submitter).headers["content-type"] == "application/zip"
    assert browser.problems() == [] and browser.said() == []


def test_pages_work_without_scripts(full, browser) -> None:
    service, operator, made = full
    browser.scripts(False)
    try:
        sign_in(browser, address_of(service), operator)
        browser.get(f"{address_of(service)}/submissions/{made[3]}")
        assert browser.find_elements("css selector", "head noscript"), "it comes again while something happens"
        browser.go(browser.find_element("xpath", "//button[@value='cancel']"))
        assert browser.find_element("id", "state").text == "cancelled"
        delete = browser.find_element("xpath", "//button[@value='delete']")
        assert not delete.is_displayed(), "not with one click"
        browser.find_element("css selector", ".actions summary").click()
        browser.go(delete)
        assert browser.current_url == f"{address_of(service)}/"
    finally:
        browser.scripts(True)


def test_pages_print(full, browser) -> None:
    service, _, _ = full
    browser.get(f"{address_of(service)}/benchmarks/palms")
    data = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert data.startswith(b"%PDF") and len(data) > 10_000
