"""A web service as an anonymizer: what it gets, and what its answers do to an audit."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import DeidkitError, Interruption
from deidkit.images import write_image
from deidkit.protocols import Failure
from deidkit.testing import EngineConformance, hand_images

from .vendor import Vendor, ask


@pytest.mark.slow
class TestService(EngineConformance):
    @pytest.fixture
    def spec(self, vendor: Vendor) -> str:
        return f"service:{vendor.address},seeds=true"


def test_a_service_gets_the_picture_and_its_answer_is_taken(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", "s3cret")
    told: list[str] = []
    engine, component = plugins.create("engine", f"service:{vendor.address},token=VENDOR_TOKEN", note=told.append)
    assert "originals are sent to 127.0.0.1" in told[0]
    assert "s3cret" not in json.dumps(component.options)
    image = hand_images()[0]
    ((output,),) = engine.deidentify([image], [0])
    assert np.array_equal(output, 255 - image.pixels)
    assert vendor.asked == [("/anonymize", "Bearer s3cret")]
    with_seeds, _ = plugins.create("engine", f"service:{vendor.address}?mode=a,seeds=true")
    with_seeds.deidentify([image], [4])
    assert vendor.asked[-1] == ("/anonymize?mode=a&seed=4", "")


def test_a_busy_service_is_asked_again_and_a_refusal_is_a_failure(vendor: Vendor) -> None:
    engine, _ = plugins.create("engine", f"service:{vendor.address}")
    vendor.answers = [503, 429]
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert isinstance(output, np.ndarray) and len(vendor.asked) == 3
    vendor.answers = [422]
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert isinstance(output, Failure) and "answered 422" in output.reason
    vendor.damaged = True
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert isinstance(output, Failure) and "picture cannot be used" in output.reason


def test_an_address_where_no_service_answers_stops_the_work(vendor: Vendor) -> None:
    engine, _ = plugins.create("engine", "service:http://127.0.0.1:9/x,timeout=2")
    with pytest.raises(DeidkitError, match="cannot be reached"):
        engine.deidentify(hand_images()[:1], [0])


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 503], ids=["token expired", "service gone"])
def test_a_service_that_stops_serving_interrupts_the_audit_without_failures(
    vendor: Vendor, tmp_path: Path, status: int
) -> None:
    vendor.answers = [200] + [status] * 100
    given = ["audit", "--engine", f"service:{vendor.address.replace('anonymize', 'blur')}", "--recognizer", "compcode"]
    given += ["--dataset", "synthetic:2,pictures=2,width=150,height=200", "--quiet", "--format", "json"]
    given += ["--require", "rejection_rate_percent >= 0 on point", "--db", str(tmp_path / "s.db")]
    stopped = CliRunner().invoke(main, [*given, "--output", str(tmp_path / "out")])
    assert stopped.exit_code == 2
    assert f"answers {status}" in stopped.output and "with --resume" in stopped.output
    assert "originals are sent to 127.0.0.1, unencrypted" in stopped.stderr, "--quiet leaves out progress only"
    vendor.answers = []
    done = CliRunner().invoke(main, [*given, "--resume"])
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["engines"][0]["produced"], report["failures"]) == (4, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (500, "the service answered 500"),
        ("silent", "the service took longer than 1.2 seconds"),
        ("head", "the service took longer than 1.2 seconds"),
        ("body", "the service took longer than 1.2 seconds"),
        ("break", "the service broke off its answer"),
        ("short", "the service broke off its answer"),
    ],
)
def test_what_a_service_fails_at_is_a_failure_of_that_picture(vendor: Vendor, answer: int | str, why: str) -> None:
    endless = "took longer" in why  # all else has the time that a busy machine needs
    timeout = ",timeout=1.2" if endless else ",timeout=60"
    output = ask(vendor, answer, answer, answer, options=timeout)
    assert isinstance(output, Failure) and output.reason == why
    assert len(vendor.asked) == 3, "it was given every try"
    if not endless:
        assert isinstance(ask(vendor, answer, options=timeout), np.ndarray), "and a further try may do"


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 407, 410])
def test_a_refusal_that_is_not_about_the_picture_stops_the_work_at_once(vendor: Vendor, status: int) -> None:
    with pytest.raises(DeidkitError, match=f"127.0.0.1 answers {status}, which is about who asks"):
        ask(vendor, status)
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("status", [400, 413, 415, 422, 500])
def test_a_refusal_of_a_picture_is_a_failure_of_that_picture(vendor: Vendor, status: int) -> None:
    output = ask(vendor, *[status] * 3)
    assert isinstance(output, Failure) and output.reason == f"the service answered {status}"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_service_that_serves_nobody_stops_the_work(vendor: Vendor, status: int) -> None:
    with pytest.raises(DeidkitError, match=f"127.0.0.1 answers {status}, after 3 tries"):
        ask(vendor, status, 500, status)


@pytest.mark.slow
def test_what_deidentify_says_of_a_service_that_is_gone_is_true(vendor: Vendor, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(5):
        write_image(tmp_path / "in" / f"{number}.png", hand_images()[0].pixels[number:])
    command = ["deidentify", str(tmp_path / "in"), str(tmp_path / "out"), "--kind", "roi", "--threads", "1"]
    command += ["--engine", f"service:{vendor.address}"]
    vendor.answers = [*[200] * 4, *[503] * 3]
    stopped = CliRunner().invoke(main, command)
    assert stopped.exit_code == 2
    assert "What is finished is kept: give the same command again" in stopped.output
    assert "1 written, 4 already there" in CliRunner().invoke(main, command).output


@pytest.mark.parametrize("answers", [["silent"], [503]])
def test_a_service_that_is_stopped_is_not_waited_for(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, answers: list[int | str]
) -> None:
    monkeypatch.setattr("deidkit_engines.service.WAITS", (600.0,))
    vendor.answers = answers
    engine, _ = plugins.create("engine", f"service:{vendor.address},timeout=600")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(engine.deidentify, hand_images()[:2], [0])
        while not vendor.asked:
            time.sleep(0.01)
        time.sleep(0.1)
        engine.stop()
        with pytest.raises(Interruption):
            asked.result(100)
    with pytest.raises(Interruption):
        engine.deidentify(hand_images()[:1], [0])
    assert len(vendor.asked) == 1
