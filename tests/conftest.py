"""What all tests share: audits without attacks unless a test asks, the fast tests first, a PostgreSQL server, a browser."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import sqlalchemy

from deidkit.errors import MissingModel
from deidkit.hand.mediapipe import MediaPipe

LATE = ("tests/pipeline", "tests/engines", "tests/reports", "tests/cli", "tests/testing", "tests/networks")
"""Folders whose tests run whole audits, train or open a browser."""


@pytest.fixture(autouse=True)
def without_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard attacks cost more than the audit that most tests are about; those of attacks say ``--attack``."""
    monkeypatch.setenv("DEIDKIT_AUDIT_ATTACK", "none")


Install = Callable[..., Path]


@pytest.fixture(scope="session")
def distribution() -> Install:
    """Makes a third party's distribution of one module in a folder, as pip leaves it: folder, module, code, entry points."""

    def made(site: Path, module: str, code: str, entry_points: str) -> Path:
        (site / f"{module}.py").write_text(code)
        information = site / f"{module}-1.0.dist-info"
        information.mkdir()
        name = module.replace("_", "-")
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(entry_points)
        return site

    return made


@pytest.fixture
def install(
    distribution: Install, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Install:
    """Installs a third party's module for one test: its name, code and entry points."""

    def installed(module: str, code: str, entry_points: str) -> Path:
        site = distribution(tmp_path_factory.mktemp("site"), module, code, entry_points)
        monkeypatch.syspath_prepend(site)
        return site

    return installed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests first, then whole audits, then what is marked slow or needs a browser."""

    def turn(item: pytest.Item) -> tuple[bool, bool]:
        late = any(f"/{folder}/" in item.path.as_posix() for folder in LATE)
        marked = any(item.get_closest_marker(name) for name in ("slow", "nightly", "browser"))
        return marked, late

    items.sort(key=turn)


def postgresql_programs() -> Path | None:
    """Where PostgreSQL's programs are; None where it is not installed."""
    beside = shutil.which("initdb")
    if beside:
        return Path(beside).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a server of our own that listens on a socket in a folder."""
    found = postgresql_programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    user = "postgres" if os.name == "posix" and os.getuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, user)
        data, log = Path(folder) / "data", Path(folder) / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]

        def run(*command: object) -> None:
            subprocess.run([*map(str, command)], check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

        run(found / "initdb", "-D", data, "-A", "trust", "-U", "deidkit", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        run(found / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://deidkit@127.0.0.1:{port}/postgres"
        finally:
            run(found / "pg_ctl", "-D", data, "-m", "immediate", "stop")


@pytest.fixture
def postgresql_database(postgresql_server: str) -> str:
    """URL of an empty database of the test's own."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]>=3.2'")
    name = f"own_{secrets.token_hex(6)}"
    admin = sqlalchemy.create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return postgresql_server.rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="session")
def soft_palms() -> Callable[[Path, int], Path]:
    """Draws palm regions of so many people, two each, into a folder."""

    def drawn(folder: Path, people: int) -> Path:
        folder.mkdir(exist_ok=True)
        for identity in range(people):
            ground = np.random.default_rng(identity).normal(0, 1, (128, 128)).astype(np.float32)
            base = cv2.GaussianBlur(ground, (0, 0), 3)
            for sample in range(2):
                noise = np.random.default_rng([identity, sample]).normal(0, 4, base.shape)
                picture = np.clip(128 + 300 * base + noise, 0, 255).astype(np.uint8)
                cv2.imwrite(str(folder / f"{identity + 1:04d}_{sample + 1:04d}.png"), picture)
        return folder

    return drawn


@pytest.fixture(scope="session")
def analyzer() -> MediaPipe:
    """The real detector of hands with the real weights."""
    made = MediaPipe()
    try:
        made.prepare(print)
    except MissingModel as error:
        pytest.skip(str(error))
    return made


@pytest.fixture(scope="session")
def killed_at_work() -> Callable[..., None]:
    """Runs a command of deidkit's and kills it as soon as so many results of stages lie in its output folder."""

    def killed(arguments: Sequence[str], folder: Path, results: int) -> None:
        command = [sys.executable, "-P", "-m", "deidkit", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 200
        while process.poll() is None and time.monotonic() < deadline:
            if len(list(folder.glob("work-*/*.stage"))) >= results:
                process.kill()
                break
            time.sleep(0.005)
        assert process.wait() == -signal.SIGKILL, "the audit was over before it could be killed"

    return killed


PROBLEMS = """
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
    for (const field of document.querySelectorAll('input:not([type=hidden]), select, progress'))
      if (!field.labels.length) found.push('field without a label: ' + field.outerHTML);
    for (const e of document.querySelectorAll('a, button, input:not([type=hidden]), select, summary, .scroll'))
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
    const words = 'p, td, th, dt, dd, li, pre, small, a, h1, h2, h3, caption, summary, legend, button, label, .missing, .tag';
    for (const e of document.querySelectorAll(words)) {
      if (!e.textContent.trim() || !e.offsetWidth) continue;
      const a = light(rgb(getComputedStyle(e).color)), b = light(ground(e));
      const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
      if (ratio < 4.5) found.add(e.className + ' ' + e.tagName + ' ' + ratio.toFixed(2));
    }
    return [...found];
"""


class Browser:
    """A real browser, and what every page is held against.

    Attributes:
        driver: Selenium's.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    def width(self, pixels: int) -> None:
        size = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": pixels < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def scheme(self, name: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def scripts(self, allowed: bool) -> None:
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})

    def go(self, element: Any) -> None:
        """Press what leads to another page, and wait until that is there: a click returns before."""
        from selenium.webdriver.support.expected_conditions import staleness_of
        from selenium.webdriver.support.wait import WebDriverWait

        before = self.driver.find_element("tag name", "html")
        element.send_keys("\n")
        WebDriverWait(self.driver, 120).until(staleness_of(before))
        WebDriverWait(self.driver, 120).until(lambda driver: driver.find_elements("tag name", "footer"))

    def said(self) -> list[str]:
        """Warnings and errors of the console since the last call."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]

    def asked(self) -> list[str]:
        """Requests over the network since the last call."""
        sent = [e["message"] for e in self.driver.get_log("performance") if "Network.requestWillBeSent" in e["message"]]
        return [message for message in sent if '"url":"http' in message]

    def sideways(self) -> int:
        """Width of the page in pixels; beyond the window's, it scrolls sideways."""
        return int(self.driver.execute_script("return document.documentElement.scrollWidth"))

    def problems(self) -> list[str]:
        """What a screen reader or a keyboard would stumble on."""
        return list(self.driver.execute_script(PROBLEMS))

    def weak(self) -> list[str]:
        """Words that do not stand out from their ground (contrast below 4.5)."""
        return list(self.driver.execute_script(WEAK))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium without a window."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install 'selenium>=4.25'")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("needs Chromium and ChromeDriver on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield Browser(driver)
    driver.quit()
