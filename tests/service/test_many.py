"""200 submissions and two workers: none lost, none twice; and how long pages take meanwhile, which is printed."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import httpx
import numpy as np
import pytest

from deidkit_service.accounts import create_token
from deidkit_service.home import Home

from .helpers import scores

COUNT = 200

PAGES = ("/", "/benchmarks/palms", "/operator", "/token", "/api/v1/submissions", "/metrics", "/healthz")


@pytest.mark.nightly
def test_none_is_lost_and_none_is_measured_twice(
    folder: Path, start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "service.toml").write_text(f"waiting = {COUNT}\nsubmissions_a_day = {COUNT}\nthreads = 1\n")
    home = Home.at(folder)
    secret = create_token(home.database, "lab", "Lab", "operator", days=None, submissions_a_day=None)[1]
    home.close()
    running = start("--home", folder, "--workers", "2", log=tmp_path / "log")
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=running.address, headers=headers, timeout=120) as client:

        def timed(method: str, path: str, **more: object) -> httpx.Response:
            begun = time.perf_counter()
            answer = client.request(method, path, **more)  # type: ignore[arg-type]
            seconds[f"{method} {path}"].append(time.perf_counter() - begun)
            assert answer.status_code in (200, 201), answer.text
            return answer

        where = "/api/v1/benchmarks/palms/submissions"
        handed_in = []
        for number in range(COUNT):
            params = {"title": f"Scores {number}", "kind": "scores"}
            handed_in.append(
                timed("PUT", where, params=params, content=scores(6, mated=3, impostors=20, seed=number)).json()["id"]
            )
            timed("GET", PAGES[number % len(PAGES)])
        assert len(set(handed_in)) == COUNT
        states: dict[str, str] = {}
        while any(states.get(identifier) not in ("done", "failed", "cancelled") for identifier in handed_in):
            for path in PAGES:
                timed("GET", path)
            listed = client.get("/api/v1/submissions", params={"limit": COUNT}).json()
            states = {item["id"]: item["state"] for item in listed}
    assert Counter(states.values()) == {"done": COUNT} and set(states) == set(handed_in)
    begun = re.findall(r"submission (\w+): attempt (\d+)", (tmp_path / "log").read_text())
    assert Counter(begun) == {(identifier, "1"): 1 for identifier in handed_in}
    with capsys.disabled():
        for what, took in seconds.items():
            middle, worst = np.median(took), max(took)
            print(f"\n{what}: {len(took)} times, median {1000 * middle:.0f} ms, longest {1000 * worst:.0f} ms", end="")
