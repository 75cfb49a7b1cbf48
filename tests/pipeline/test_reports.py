"""Whose pictures a report shows, and whose files it replaces."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deidkit.cli import main
from deidkit.pipeline import lock


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def command(palms: Path, engine: str, *more: object) -> list[str]:
    fixed = ["--dataset", f"numbered:{palms},kind=roi", "--recognizer", "compcode", "--quiet"]
    return ["audit", "--engine", engine, *fixed, *map(str, more)]


def audit(palms: Path, engine: str, output: str, *more: object) -> str:
    """The id of a new audit."""
    done = run(*command(palms, engine, "--output", output, *more))
    assert done.exit_code == 0, done.output
    return json.loads(run("db", "list", "--json").output)[0]["id"]


def files(folder: str) -> dict[str, bytes]:
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def shown(page: str) -> set[bytes]:
    return {base64.b64decode(data) for data in re.findall(r"data:image/webp;base64,([^\"]+)", Path(page).read_text())}


def gallery(folder: str) -> set[bytes]:
    return {path.read_bytes() for path in Path(folder, "gallery").glob("*.webp")}


def refused(result: Result) -> str:
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    return " ".join(result.output.split())


@pytest.mark.slow
def test_a_report_shows_pictures_of_its_own_audit_only(palms: Path, elsewhere: Path) -> None:
    plain = audit(palms, "mask", "plain")
    open_one = audit(palms, "blur", "open", "--include-originals")
    own, others, before = gallery("plain"), gallery("open"), files("open")
    assert own and len(others) == 12 and not own & others
    assert "open already holds a report: " in refused(run("report", plain, "--output", "open"))
    assert files("open") == before
    Path("strangers/gallery").mkdir(parents=True)
    for name, data in before.items():
        if name.startswith("gallery/"):  # as an earlier deidkit named them, and as this one does
            Path("strangers", name).write_bytes(data)
            Path("strangers", name.replace(f"{open_one}-", "")).write_bytes(data)
    for output in ("strangers", "new"):  # from the audit's own folder
        assert run("report", plain, "--output", output).exit_code == 0
        assert shown(f"{output}/report.html") == own
    assert run("report", plain, "--output", "open", "--overwrite").exit_code == 0
    assert shown("open/report.html") == own
    assert set(files("open")) == {"report.html", ".deidkit-report.json"}, "nothing of the other audit stays"
    for path in Path("plain/gallery").iterdir():
        path.unlink()
    assert run("report", plain, "--output", "new").exit_code == 0
    assert shown("new/report.html") == set()
    assert "6 of 6 samples are not shown" in Path("new/report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("report.html", "html"), ("ablation.csv", "ablation")])
def test_a_report_replaces_no_file_of_a_users_own_unasked(palms: Path, elsewhere: Path, name: str, kind: str) -> None:
    done = audit(palms, "mask", "out", "--format", "json")
    for folder in (".", "out"):
        Path(folder, name).write_text("mine")
        before = files("out")
        told = refused(run("report", done, "--format", kind, "--output", folder))
        assert "already holds" in told and name in told
        assert Path(folder, name).read_text() == "mine" and files("out") == before
        assert run("report", done, "--format", kind, "--output", folder, "--overwrite").exit_code == 0
        assert Path(folder, name).read_text() != "mine"
        assert run("report", done, "--format", kind, "--output", folder).exit_code == 0, "now it is the audit's"


@pytest.mark.slow
def test_a_report_waits_for_the_folder_like_an_audit(palms: Path, elsewhere: Path) -> None:
    done = audit(palms, "mask", "out")
    with lock.exclusive(Path("out")):
        assert "another process is running an audit" in refused(run("report", done, "--output", "out"))
    assert run("report", done, "--output", "out", "--format", "csv").exit_code == 0
    assert set(json.loads(Path("out/.deidkit-report.json").read_text())["files"]) >= {
        "report.csv", "report.html", "report.json",
    }  # fmt: skip


PLUGINS = """
import os
import signal
from pathlib import Path

class Standing:
    \"\"\"Puts a file where the pictures of the report belong, while the audit is at work.\"\"\"
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def deidentify(self, images, seeds):
        assert not Path("go").exists(), "all copies are there"
        Path("out/gallery").touch()
        import numpy as np
        noise = lambda image: np.random.default_rng(int(image.pixels.sum())).integers(0, 256, image.pixels.shape, np.uint8)
        return [[noise(image)] for image in images]

class Meddling:
    \"\"\"Puts files into the folder of the report while the audit is at work, as its user may.\"\"\"
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def deidentify(self, images, seeds):
        for name in ("report.json", "report.docx"):
            Path("out", name).write_text("mine")
        import numpy as np
        noise = lambda image: np.random.default_rng(int(image.pixels.sum())).integers(0, 256, image.pixels.shape, np.uint8)
        return [[noise(image)] for image in images]

class Counted:
    \"\"\"Raises on its first picture, with others and alone, and leaves a mark each time that it is asked.\"\"\"
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def weight_files(self):
        return {"model": Path("model")}

    def deidentify(self, images, seeds):
        with Path("asked").open("a") as file:
            file.write("x")
        if len(Path("asked").read_text()) <= 2:
            raise RuntimeError("the first ones")
        import numpy as np
        noise = lambda image: np.random.default_rng(int(image.pixels.sum())).integers(0, 256, image.pixels.shape, np.uint8)
        return [[noise(image)] for image in images]

class Ending:
    \"\"\"Ends the process, or the audit, when half of it is written, until a file says go.\"\"\"
    version = "1"

    def write(self, result, folder):
        (folder / "report.txt").write_text("half")
        if not Path("go").exists():
            os.kill(os.getpid(), signal.SIGKILL if Path("kill").exists() else signal.SIGINT)
        (folder / "report.txt").write_text("whole")
        return [folder / "report.txt"]

class Full:
    \"\"\"Has no room for its second file.\"\"\"
    version = "1"

    def write(self, result, folder):
        (folder / "full.txt").write_text("whole")
        Path("/dev/full").write_bytes(b"x")
"""


@pytest.fixture
def plugins(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    site = install(
        "in_the_way",
        PLUGINS,
        "[deidkit.engines]\nstanding = in_the_way:Standing\nmeddling = in_the_way:Meddling\ncounted = in_the_way:Counted\n"
        "[deidkit.reports]\nfull = in_the_way:Full\nending = in_the_way:Ending\n",
    )
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_stands_where_the_pictures_belong_is_said_before_the_work(palms: Path, elsewhere: Path, make) -> None:
    Path("out").mkdir()
    make(Path("out/gallery"))
    told = refused(run(*command(palms, "mask", "--output", "out", "--overwrite")))
    assert "out/gallery is not a folder that can be written to" in told and "choose another --output" in told
    assert json.loads(run("db", "list", "--json").output) == []
    assert [path.name for path in Path("out").iterdir()] == ["gallery"]


@pytest.mark.slow
def test_pictures_that_cannot_be_written_cost_no_number(palms: Path, elsewhere: Path, plugins: None) -> None:
    told = refused(run(*command(palms, "standing", "--output", "out")))
    assert "the report's pictures cannot be written into" in told and "it is in the score store" in told
    again = re.search(r"deidkit (report \S+ --output) FOLDER", told)
    assert again and run(*again[1].split(), "new").exit_code == 0
    assert "De-identification Ratio" in Path("new/report.html").read_text()
    other = run(*command(palms, "mask", "--output", "out", "--overwrite"))
    assert "is not a folder that can be written to" in refused(other)
    Path("out/gallery").unlink()
    Path("go").touch()
    resumed = run(*command(palms, "standing", "--resume"))
    assert resumed.exit_code == 0, resumed.output
    assert shown("out/report.html") == gallery("out") != set(), "the pictures come from what was kept"
    assert not list(Path("out").glob("work-*"))


@pytest.mark.slow
def test_a_file_that_comes_while_an_audit_is_at_work_is_not_replaced(
    palms: Path, elsewhere: Path, plugins: None
) -> None:
    told = refused(run(*command(palms, "meddling", "--output", "out")))
    assert "already holds report.json, which is not of this audit" in told and "it is in the score store" in told
    assert [Path("out", name).read_text() for name in ("report.json", "report.docx")] == ["mine"] * 2
    again = re.search(r"deidkit (report \S+ --output) FOLDER", told)
    assert again and run(*again[1].split(), "new").exit_code == 0
    assert shown("out/report.html") == shown("new/report.html") == gallery("out"), "what was in nobody's way is there"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_report_that_does_not_fit_on_the_disk_costs_no_number(palms: Path, elsewhere: Path, plugins: None) -> None:
    told = refused(run(*command(palms, "mask", "--output", "out", "--format", "json", "--format", "full")))
    assert "the full report cannot be written into" in told and "the disk is full" in told
    assert "report.json" in files("out") and not any("full" in name for name in files("out")), "whole or not at all"
    again = re.search(r"deidkit (report \S+ --output) FOLDER", told)
    assert again and run(*again[1].split(), "out").exit_code == 0
    assert shown("out/report.html") == gallery("out")


# Where tests are run in a shell's background, Ctrl-C is ignored unless somebody sets it right.
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from deidkit.cli import main; main()"


def end_while_writing(palms: Path, how: str) -> dict[str, object]:
    """Start an audit that ends while its report is written; the row that the store has of it."""
    Path("model").write_text("old")
    if how == "kill":
        Path("kill").touch()
    given = command(palms, "counted", "--output", "out", "--format", "html", "--format", "ending", "--threads", "1")
    done = subprocess.run([sys.executable, "-P", "-c", START, *given], capture_output=True, text=True, check=False)
    assert done.returncode == (-signal.SIGKILL if how == "kill" else 2), done.stderr
    assert "Traceback" not in done.stderr and ("Interrupted." in done.stderr) == (how != "kill")
    (row,) = json.loads(run("db", "list", "--json").output)
    return row


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_an_audit_that_ends_while_its_report_is_written_only_lacks_that(
    palms: Path, elsewhere: Path, plugins: None, how: str
) -> None:
    row = end_while_writing(palms, how)
    assert (row["status"], row["verdict"]) == ("measured", "NO REQUIREMENT")
    assert not list(Path("out").glob("work-*")), "templates have gone"
    assert "report.txt" not in files("out"), "whole or not at all"
    before, asked = files("out"), Path("asked").read_text()
    assert run("report", row["id"], "--format", "json", "--output", "new").exit_code == 0
    Path("go").touch()
    resumed = run(*command(palms, "counted", "--resume", "--format", "json", "--format", "ending"))
    assert resumed.exit_code == 2, resumed.output
    assert "incomplete evidence: engine 'counted' raised RuntimeError" in resumed.output, "as it was"
    assert Path("asked").read_text() == asked
    after = files("out")
    assert after["report.json"] == files("new")["report.json"], "nothing was measured again"
    assert after["report.txt"] == b"whole" and after["report.html"] == before["report.html"]
    assert not any(".part" in name for name in after)
    (again,) = json.loads(run("db", "list", "--json").output)
    assert again == row | {"status": "done"}
    finished = run(*command(palms, "counted", "--resume"))
    assert "is finished; its verdict was" in finished.output
    assert finished.exit_code == 2, "as when it ended: a job that is run again opens no gate"
    assert len(json.loads(run("db", "list", "--json").output)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["hands/0001_0001.png", "model"])
def test_an_audit_that_lacks_its_report_is_measured_anew_where_pictures_or_models_have_changed(
    palms: Path, elsewhere: Path, plugins: None, changed: str
) -> None:
    shutil.copytree(palms, "hands")
    end_while_writing(Path("hands"), "interrupt")
    asked = Path("asked").read_text()
    Path(changed).unlink() if changed != "model" else Path(changed).write_text("new")
    Path("go").touch()
    resumed = run(*command(Path("hands"), "counted", "--resume", "--format", "json"))
    assert resumed.exit_code == 0, resumed.output
    assert json.loads(Path("out/report.json").read_text())["dataset"]["samples"] == (36 if changed == "model" else 35)
    assert len(Path("asked").read_text()) > len(asked)
    assert [row["status"] for row in json.loads(run("db", "list", "--json").output)] == ["done"]
