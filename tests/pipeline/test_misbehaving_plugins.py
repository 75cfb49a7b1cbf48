"""No verdict passes on evidence that a plugin left incomplete, and nothing that a plugin says reaches a report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.errors import PluginError
from deidkit.pipeline import AuditPlan, Execution, run_audit
from deidkit.progress import Silent

from .misbehaving import audit, result_of

pytestmark = pytest.mark.usefixtures("odd")


LEAVING = """
import sys
from dataclasses import dataclass
from deidkit.protocols import option

def leave():
    sys.exit(0)

@dataclass(frozen=True)
class Engine:
    at: str = option("", "Where it ends the process", primary=True)
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def prepare(self, note):
        if self.at == "prepare":
            leave()

    def expect(self, samples):
        if self.at == "expect":
            leave()

    def input_digest(self, sample):
        if self.at == "input_digest":
            leave()
        return ""

    def coverage(self, samples):
        if self.at == "coverage":
            leave()
        return []

    def deidentify(self, images, seeds):
        return [[255 - image.pixels] for image in images]

class Analyzer:
    version = "1"

    def detect(self, image):
        leave()

class Measure:
    version, metric = "1", "other"

    def measure(self, original, copies):
        leave()

    def estimate(self, measured, samples, subjects, settings):
        leave()

class Writer:
    version = "1"

    def write(self, result, folder):
        leave()
"""


@pytest.fixture
def leaving(install: Callable[..., Path]) -> None:
    """Plugins of several kinds that end the process with exit code 0."""
    groups = "[deidkit.engines]\nleaving = leaving:Engine\nimporting = leaving_import:Engine\n"
    for kind, name in (("hand_analyzers", "Analyzer"), ("quality_measures", "Measure"), ("reports", "Writer")):
        groups += f"[deidkit.{kind}]\nleaving = leaving:{name}\n"
    site = install("leaving", LEAVING, groups)
    (site / "leaving_import.py").write_text("import sys\nsys.exit(0)\n")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["raise", "exit", "none", "small"])
def test_nothing_passes_on_evidence_with_gaps_of_a_plugins_making(palms: Path, elsewhere: Path, mode: str) -> None:
    rule = ("--require", "rejection_rate_percent >= 0 on point", "--work", "kept")
    for output in ("first", "second"):  # the second finds every batch done
        result = audit(palms, f"odd:{mode}", *rule, "--output", output)
        assert result.exit_code == 2, result.output
        assert "incomplete evidence: engine 'odd'" in result.output
        verdict = result_of(elsewhere / output)["verdict"]
        assert verdict["status"] == "INCONCLUSIVE"
        assert "evidence is incomplete" in verdict["sentence"]
        assert "made" in result.output and "of 36 copies" in result.output


@pytest.mark.slow
def test_what_an_exception_says_is_shown_once_and_kept_nowhere(palms: Path, elsewhere: Path) -> None:
    given = ("--recognizer", "reader", "--require", "rejection_rate_percent >= 0 on point", "--db", "s.db")
    result = audit(palms, "odd:names", *given, "--work", "kept", "--format", "html", "--output", "out")
    assert result.exit_code == 2, result.output
    assert "anne-smith" not in result.stdout
    assert result.stderr.count("engine 'odd' raised FileNotFoundError: ") == 1
    assert result.stderr.count("recognizer 'reader' raised OSError: anne-smith does not fit: ") == 1
    assert result.stderr.count("anne-smith") == 2, "one line for each plugin and kind of exception"
    raised = ("engine 'odd' raised FileNotFoundError", "recognizer 'reader' raised OSError.")
    assert result_of(elsewhere / "out")["verdict"]["sentence"].endswith("; ".join(raised))
    assert any("the engine raised FileNotFoundError" in f["reason"] for f in result_of(elsewhere / "out")["failures"])
    kept = [file for name in ("out", "kept", "s.db") for file in (Path(name), *Path(name).rglob("*")) if file.is_file()]
    assert {file.suffix for file in kept} >= {".html", ".json", ".stage", ".db"}
    assert not [file for file in kept if b"anne-smith" in file.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--engine", "importing"], "engine 'importing' of leaving 1.0"),
        (["--engine", "leaving:prepare"], "engine 'leaving' of leaving 1.0"),
        (["--engine", "leaving:expect"], "engine 'leaving' of leaving 1.0"),
        (["--engine", "leaving:input_digest"], "engine 'leaving' of leaving 1.0"),
        (["--engine", "leaving:coverage"], "engine 'leaving' of leaving 1.0"),
        (["--quality", "leaving"], "quality measure 'leaving' of leaving 1.0"),
        (["--format", "leaving"], "report 'leaving' of leaving 1.0"),
        (["--analyzer", "leaving", "--dataset", "numbered:palms,kind=hand"], "hand analyzer 'leaving' of leaving 1.0"),
    ],
)
def test_a_plugin_that_ends_the_process_is_no_success(
    palms: Path, elsewhere: Path, leaving: None, options: list[str], named: str
) -> None:
    Path("palms").symlink_to(palms)
    result = audit(palms, "mask", "--output", "out", *options)
    assert result.exit_code == 2, result.output
    assert named in result.output and "Traceback" not in result.output
    assert not Path("out/report.json").exists() or "--format" in options


@pytest.mark.slow
@pytest.mark.parametrize("at", ["prepare", "expect", "input_digest", "coverage"])
def test_nor_is_it_one_for_a_program_that_audits(palms: Path, elsewhere: Path, leaving: None, at: str) -> None:
    plan = AuditPlan(dataset=str(palms), engines=(f"leaving:{at}",), recognizers=("compcode",))
    execution = Execution(
        db="s.db",
        output=Path("out"),
        resume=False,
        overwrite=False,
        work=None,
        threads=1,
        command="",
        formats=("json",),
    )
    with pytest.raises(PluginError, match=r"leaving.*ended the process"):
        run_audit(plan, execution, Silent())


def test_commands_that_list_plugins_survive_one_that_ends_the_process(elsewhere: Path, leaving: None) -> None:
    listed = CliRunner().invoke(main, ["plugins", "--kind", "engine", "--json"])
    states = {row["name"]: row["state"] for row in json.loads(listed.output)}
    assert states["blur"] == "ok" and "failed to import: SystemExit(0)" in states["importing"]


@pytest.mark.slow
def test_a_failed_requirement_fails_however_incomplete_the_evidence_is(palms: Path, elsewhere: Path) -> None:
    rules = ("--require", "ssim >= 1 on point", "--require", "psnr >= 1")
    result = audit(palms, "odd:raise", *rules, "--output", "out")
    assert result.exit_code == 1, result.output
    assert "incomplete evidence: engine 'odd'" in result.output and "verdict: FAIL" in result.output


@pytest.mark.slow
def test_nothing_passes_while_copies_are_missing(palms: Path, elsewhere: Path) -> None:
    vendor = elsewhere / "vendor"
    vendor.mkdir()
    cv2.imwrite("noise.png", np.random.default_rng(0).integers(0, 255, (128, 128), np.uint8))
    for file in sorted(palms.iterdir())[:20]:
        shutil.copyfile(Path("noise.png"), vendor / file.name)
    rule = ("--require", "rejection_rate_percent >= 0 on point")
    result = audit(palms, f"folder:{vendor}", *rule, "--output", "out")
    assert result.exit_code == 2, result.output
    assert "16 of 36 missing" in result_of(elsewhere / "out")["verdict"]["sentence"]


@pytest.mark.slow
def test_copies_that_are_other_originals_are_found_and_not_shown(palms: Path, elsewhere: Path) -> None:
    vendor = elsewhere / "vendor"
    vendor.mkdir()
    files = sorted(palms.iterdir())
    for file, other in zip(files, files[1:] + files[:1], strict=True):
        shutil.copy(other, vendor / file.name)
    result = audit(palms, f"folder:{vendor}", "--output", "out")
    assert "36 another original: the copy is the original of another sample" in result.output
    (engine,) = result_of(elsewhere / "out")["engines"]
    assert {found["finding"]: found["count"] for found in engine["coverage"]}["another original"] == 36
    assert engine["gallery"] == []
    assert not list((elsewhere / "out").rglob("*.webp"))
    assert not list((elsewhere / "out").glob("work*"))


def test_a_defect_never_looks_like_a_failed_requirement(elsewhere: Path) -> None:
    script = "import deidkit.cli.plugins as p, sys; p.plugins.callback = lambda **_: 1 / 0\n"
    script += "from deidkit.cli import main; main(['plugins'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr and "please report" in done.stderr


@pytest.mark.slow
def test_what_was_not_met_is_said_on_the_terminal(palms: Path, elsewhere: Path) -> None:
    result = audit(
        palms, "blur", "--require", "ssim >= 1 on point", "--require", "linkage_eer_percent >= 20", "--output", "out"
    )
    assert result.exit_code == 1
    assert "FAIL: 'ssim >= 1 on point', blur: " in result.output
    assert (
        "INCONCLUSIVE: 'linkage_eer_percent >= 20', blur against compcode: the 95 % interval reaches from 0"
        in result.output
    )
