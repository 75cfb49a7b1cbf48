"""Whose pictures a report shows, and whose files it replaces."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deidkit.audit import lock
from deidkit.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def audit(palms: Path, engine: str, output: str, *more: object) -> str:
    """The id of a new audit."""
    fixed = ("--dataset", f"numbered:{palms},kind=roi", "--recognizer", "compcode", "--resamples", 0, "--quiet")
    done = run("audit", "--engine", engine, "--output", output, *fixed, *more)
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


def test_a_report_waits_for_the_folder_like_an_audit(palms: Path, elsewhere: Path) -> None:
    done = audit(palms, "mask", "out")
    with lock.alone(Path("out")):
        assert "another process is at work" in refused(run("report", done, "--output", "out"))
    assert run("report", done, "--output", "out", "--format", "csv").exit_code == 0
    assert set(json.loads(Path("out/.deidkit-report.json").read_text())["files"]) >= {
        "report.csv", "report.html", "report.json",
    }  # fmt: skip
