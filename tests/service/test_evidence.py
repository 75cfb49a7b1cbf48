"""Comparisons and dossiers of submissions that were really measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit.cli import main

from .helpers import command

pytestmark = pytest.mark.slow

COMPARE = "/api/v1/benchmarks/palms/compare"


def test_a_comparison_is_that_of_the_command(measured, tmp_path: Path) -> None:
    service, chosen = measured.service, {"submission": [measured.weak, measured.strong]}
    found = service.client.get(COMPARE, params=chosen, headers=measured.submitter).json()
    audits = [service.state(measured.submitter, i)["audit_id"] for i in chosen["submission"]]
    wanted = json.loads(command("compare", *audits, "--db", service.home.scores, "--format", "json"))
    ((there,), (here,)) = (side["others"][0]["engines"] for side in (wanted, found))
    assert here["changes"] == there["changes"]
    assert any(change["paired"] for change in here["changes"]) and len(found["plane"]) == 2
    assert (here["before"], here["after"]) == ("Blur 1", "Blur 9"), "by their titles, not by places on this machine"
    swapped = {"submission": [measured.strong, measured.weak]}
    assert service.client.get(COMPARE, params=swapped, headers=measured.submitter).json()["first"] == {
        **wanted["others"][0]["audit"], "dataset": found["first"]["dataset"],
    }  # fmt: skip


def test_nobody_compares_what_he_may_not_see(measured) -> None:
    service, both = measured.service, [measured.weak, measured.strong]
    for headers in ({}, service.token("Other")):
        answer = service.client.get(COMPARE, params={"submission": both}, headers=headers)
        assert answer.status_code == 404 and measured.weak in answer.json()["detail"]
    page = service.client.get("/benchmarks/palms/compare", params={"submission": both}, headers={"accept": "text/html"})
    assert page.status_code == 404 and "Blur 1" not in page.text
    for wrong, status in (([], 422), (both[:1], 422), (both[:1] * 2, 422), ([*both, "nowhere"], 404)):
        answer = service.client.get(COMPARE, params={"submission": wrong}, headers=measured.submitter)
        assert (answer.status_code, answer.json()["status"]) == (status, status), wrong


def test_what_was_measured_otherwise_is_compared_only_where_asked_to(measured) -> None:
    service = measured.service
    path = service.home.submission(measured.strong) / "report" / "report.json"
    kept = path.read_bytes()
    report = json.loads(kept)
    report["provenance"]["packages"]["numpy"] = "1.0"
    path.write_text(json.dumps(report))
    try:
        chosen = {"submission": [measured.weak, measured.strong]}
        refused = service.client.get(COMPARE, params=chosen, headers=measured.submitter)
        assert refused.status_code == 409 and "package numpy" in refused.json()["detail"]
        page = service.client.get("/benchmarks/palms/compare", params=chosen, headers=measured.submitter)
        assert page.status_code == 200 and "package numpy" in page.text and 'name="force"' in page.text
        assert 'id="answer"' not in page.text
        forced = service.client.get(COMPARE, params={**chosen, "force": "true"}, headers=measured.submitter)
        assert forced.status_code == 200 and "package numpy" in forced.json()["others"][0]["unlike"][0]
    finally:
        path.write_bytes(kept)


def test_a_dossier_is_signed_by_the_service_and_shows_one_changed_byte(measured, data: Path, tmp_path: Path) -> None:
    service = measured.service
    where = f"/api/v1/submissions/{measured.weak}/dossier.zip"
    answer = service.client.get(where, headers=measured.submitter)
    assert answer.status_code == 200, answer.text
    for headers in ({}, service.token("Other")):
        assert service.client.get(where, headers=headers).status_code == 404
    file, key = tmp_path / "dossier.zip", tmp_path / "key.pub"
    file.write_bytes(answer.content)
    key.write_bytes(service.client.get("/api/v1/key.pub").content)
    assert "signed by Audit office, Example Lab" in command("verify", file, "--key", key)
    assert key.read_bytes() == (service.home.folder / "service.key.pub").read_bytes()
    assert (service.home.folder / "service.key").stat().st_mode & 0o077 == 0
    import zipfile

    with zipfile.ZipFile(file) as opened:
        opened.extractall(tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    report = service.client.get(where.replace("dossier.zip", "report.json"), headers=measured.submitter).json()
    assert json.loads((folder / "report.json").read_text()) == report
    texts = b"".join(path.read_bytes() for path in folder.iterdir() if path.suffix != ".pdf").decode()
    assert str(data) not in texts and str(service.home.folder) not in texts
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    with (folder / "report.json").open("r+b") as opened:
        opened.write(b"[")
    done = CliRunner().invoke(main, ["verify", str(folder), "--key", str(key)])
    assert done.exit_code == 1 and "CHANGED: report.json" in done.output


def test_without_what_lays_out_pages_the_numbers_are_there_and_the_log_says_why(
    service, blurred, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    real = builtins.__import__

    def missing(name: str, *more: object, **options: object) -> object:
        if name == "weasyprint":
            raise ModuleNotFoundError("No module named 'weasyprint'", name="weasyprint")
        return real(name, *more, **options)

    submitter = service.token()
    made = service.hand_in(submitter, blurred(2))["id"]
    service.check()
    monkeypatch.setattr(builtins, "__import__", missing)
    service.audit()
    monkeypatch.undo()
    found = service.state(submitter, made)
    assert found["state"] == "done", found
    assert any("no dossier" in line and "weasyprint" in line for line in found["log"])
    answer = service.client.get(f"/api/v1/submissions/{made}/dossier.zip", headers=submitter)
    assert answer.status_code == 404 and "its log says why" in answer.json()["detail"]
