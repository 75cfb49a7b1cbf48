"""A third party's distribution, built and installed for real beside deidkit."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deidkit.images import write_image
from deidkit.testing import roi_images

SOURCE = Path(__file__).parents[1] / "acme_anonymizer"
COMMAND = Path(sys.executable).with_name("deidkit")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the distribution is installed, as pip does it."""
    source, target = tmp_path_factory.mktemp("acme") / "source", tmp_path_factory.mktemp("site")
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("conftest.py", "__pycache__"))
    with_ours = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *with_ours, "--target", target, source]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def run(site: Path, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command in an environment that has the third party's distribution too."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(list(command), capture_output=True, text=True, env=environment, cwd=cwd)


def python(site: Path, code: str) -> str:
    done = run(site, sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_its_plugins_are_listed_with_their_package(site: Path) -> None:
    found = "; ".join(
        [
            "from deidkit import plugins, registered",
            "print([(e.name, registered.distribution(e)) for e in plugins.installed('engine') if 'acme' in e.name])",
        ]
    )
    assert python(site, found).strip() == str(
        [(name, "acme-anonymizer 1.2") for name in ("acme", "acme-gpu", "acme-next")]
    )


@pytest.mark.slow
def test_its_records_are_listed_beside_ours(site: Path) -> None:
    listed = json.loads(run(site, COMMAND, "models", "list", "--json").stdout)["models"]
    assert {"acme-eyes", "hands"} < {model["name"] for model in listed}
    metrics = run(site, COMMAND, "metrics", "--list").stdout
    assert "How different a copy looks to Acme. (distance; from 0; lower is better; Acme)" in metrics
    assert "[acme|quick|standard|thorough|none]" in run(site, COMMAND, "audit", "--help").stdout


@pytest.mark.slow
def test_it_passes_the_conformance_suites(site: Path, tmp_path: Path) -> None:
    shutil.copytree(SOURCE / "tests", tmp_path / "tests")
    done = run(
        site, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.slow
def test_a_broken_plugin_is_named_in_one_sentence_and_the_others_work(site: Path, tmp_path: Path) -> None:
    hand = tmp_path / "palm.png"
    write_image(hand, roi_images()[0].pixels)
    for engine, sentence in (
        ("acme-next", "Error: engine 'acme-next' of acme-anonymizer 1.2 is broken: "),
        ("acme-gpu", "Error: engine 'acme-gpu' needs 'acme_cuda_runtime'. Install it with: pip install "),
        ("acme:share=7", "Error: engine 'acme': option 'share' must be at most 1, not 7"),
    ):
        done = run(site, COMMAND, "deidentify", hand, tmp_path / "out.png", "--kind", "roi", "--engine", engine)
        assert done.returncode == 2
        assert done.stderr.startswith(sentence)
        assert done.stderr.count("\n") == 1, done.stderr
    done = run(site, COMMAND, "deidentify", hand, tmp_path / "out.png", "--kind", "roi", "--engine", "acme", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["written"] == 1


@pytest.mark.slow
def test_an_audit_takes_its_engine_and_recognizer(site: Path, tmp_path: Path) -> None:
    palms = tmp_path / "palms"
    palms.mkdir()
    for index, image in enumerate(roi_images()):
        write_image(palms / f"{index // 2 + 1:04d}_{index % 2 + 1:04d}.png", image.pixels)
    plan = [
        "--dataset",
        f"numbered:{palms},kind=roi",
        "--engine=acme",
        "--engine=identity",
        "--recognizer=acme-gradient",
        "--attack=acme",
    ]
    how = ["--quiet", "--output=out", "--db=scores.db"]
    done = run(site, COMMAND, "audit", *plan, *how, cwd=tmp_path)
    assert done.returncode == 1 and "6 of 6 shuffled" in done.stdout, "whoever has its key has the originals"
    result = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert result["engines"][0]["component"]["distribution"] == "acme-anonymizer 1.2"
    own = {cell["engine"]: cell["metrics"]["rejection_rate_percent"]["value"] for cell in result["cells"]}
    assert own["identity"] == 0
    assert own["acme"] > 50
    assert [attacker["name"] for attacker in result["attackers"]] == ["ignorant"]
    assert "deidkit models fetch acme-eyes" in result["engines"][0]["quality"]["acme_difference"]["remedy"]
