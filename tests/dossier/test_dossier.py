"""What a data protection officer files: its files, its pages, its words."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deidkit.dossier import Parties
from deidkit.dossier.contents import files
from deidkit.result import AuditResult
from deidkit.testing.reports import example_result
from deidkit.verdict import find_policy
from deidkit.verdict.policy import policy_text
from tests.dossier.conftest import Made, run

pdfium = pytest.importorskip("pypdfium2", reason="needs pypdfium2 to read PDF")

PROMISES = re.compile(
    r"\banonymous\b|\banonymi[sz]ed\b|\bcompliant\b|\bcertified\b|\bguarante|\birreversibl[ey]\b|100 % safe|"
    r"conforms to iso",
    re.IGNORECASE,
)
"""Words that turn evidence into a promise. Irreversibility is the name of a property in ISO/IEC 24745."""


@pytest.fixture(scope="module")
def pages(made: Made) -> list[str]:
    """The words of each page."""
    document = pdfium.PdfDocument(made.folder / "report.pdf")
    found = [" ".join(document[i].get_textpage().get_text_bounded().split()) for i in range(len(document))]
    document.close()
    return found


def test_every_page_says_of_which_audit_and_report_it_is(made: Made, pages: list[str]) -> None:
    digest = hashlib.sha256((made.folder / "report.json").read_bytes()).hexdigest()
    assert len(pages) > 8
    for number, words in enumerate(pages, 1):
        assert "audit 20260101-000000-example" in words, number
        assert digest in words, number
        assert f"page {number} of {len(pages)}" in words


def test_the_first_page_is_a_summary(pages: list[str]) -> None:
    first = pages[0]
    for wanted in (
        "AUDIT · SUMMARY", "Copies identified at most", "What this does not tell",
        "Audit office", "Example Lab", "2026-11-29", "Data protection office", "Reviewer",
    ):  # fmt: skip
        assert wanted in first, wanted


def test_the_contents_name_the_page_of_each_section(pages: list[str]) -> None:
    listed = re.findall(r"(\d+)\. ([A-Z][^.]*?) ?\.[ .]*? ?(\d+)(?= |$)", pages[1])
    assert len(listed) == 14
    for number, name, page in listed:
        assert f"{number} {name}" in pages[int(page) - 1].replace("\u2002", " "), name


def test_sections_follow_standards_and_law_and_promise_nothing(pages: list[str]) -> None:
    words = " ".join(pages)
    for wanted in (
        "ISO/IEC 19795-1", "ISO/IEC 24745", "ISO/IEC 30136", "Unlinkability", "Renewability", "Irreversibility",
        "Opinion 05/2014", "Singling out", "Inference", "Recital 26", "Article 9", "Article 35(7)", "not run",
        "neither a certificate nor legal advice", "FMR and FNMR", "fingerprint",
    ):  # fmt: skip
        assert wanted in words, wanted
    assert PROMISES.search(words) is None
    assert "<script>" in words  # a hostile name, shown and not run


def test_the_json_report_is_attached_and_described_by_its_schema(made: Made) -> None:
    data = (made.folder / "report.json").read_bytes()
    assert msgspec.json.decode(data, type=AuditResult) == example_result()
    document = pdfium.PdfDocument(made.folder / "report.pdf")
    assert document.count_attachments() == 1
    assert bytes(document.get_attachment(0).get_data()) == data
    document.close()
    schema = json.loads((made.folder / "report.schema.json").read_text())
    top = schema["$defs"]["AuditResult"]
    assert schema["$ref"] == "#/$defs/AuditResult"
    assert set(top["properties"]) >= set(json.loads(data))
    assert set(top["required"]) <= set(json.loads(data))


def test_the_record_holds_what_is_needed_and_what_was_not_tried(made: Made) -> None:
    record = json.loads((made.folder / "reproduction.json").read_text())
    assert record["command"].startswith("deidkit audit")
    assert record["dataset_fingerprint"] == "0" * 64
    assert {c["kind"] for c in record["components"]} >= {"dataset", "recognizer", "engine", "hand_analyzer"}
    attacks = json.loads((made.folder / "attacks.json").read_text())
    assert "Inference of attributes" in [attack["name"] for attack in attacks["not_run"]]
    assert attacks["run"]
    assert json.loads((made.folder / "parties.json").read_text())["auditor"] == {
        "name": "Audit office", "organisation": "Example Lab", "date": "2026-11-29",
    }  # fmt: skip


def test_others_check_the_manifest_with_what_they_have(made: Made) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", "MANIFEST.sha256"], cwd=made.folder, capture_output=True)
    assert done.returncode == 0, done.stderr
    listed = {line.split("  ")[1] for line in (made.folder / "MANIFEST.sha256").read_text().splitlines()}
    assert listed == {path.name for path in made.folder.iterdir()} - {"MANIFEST.sha256", "signature.json"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.json"], "cannot be read"),
        (["--auditor", "A; B; C; D"], "must have the form 'NAME; ORGANISATION; DATE'"),
        (["--reviewer", "A; B; yesterday"], "the date 'yesterday' of --reviewer is invalid"),
        (["--key", "nothing.key"], "the key nothing.key cannot be read"),
        (
            ["--timestamp-url", "http://127.0.0.1:9/"],
            "the time-stamping authority http://127.0.0.1:9/ returned no time stamp",
        ),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(made: Made, tmp_path: Path, words: list[str], said: str) -> None:
    report = [] if words[0].endswith(".json") else [str(made.folder / "report.json")]
    result = run("dossier", *report, *words, "--output", tmp_path / "new")
    assert result.exit_code == 2
    assert said in result.output and "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_when_allowed_and_only_a_dossier(made: Made, tmp_path: Path) -> None:
    report = made.folder / "report.json"
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("mine")
    for more in ([], ["--overwrite"]):
        refused = run("dossier", report, "--output", own, *more)
        assert refused.exit_code == 2 and "another --output" in refused.output
    assert (own / "thesis.txt").read_text() == "mine"
    again = run("dossier", report, "--output", made.folder)
    assert again.exit_code == 2 and "allow --overwrite" in again.output


@pytest.mark.parametrize("missing", ["weasyprint", "cryptography"])
def test_what_is_not_installed_is_named_by_its_own_name(
    made: Made, tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing or name == "deidkit.dossier.keys"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    result = run("dossier", made.folder / "report.json", "--output", tmp_path / "new", "--key", made.key)
    assert result.exit_code == 2
    assert re.search(rf"pip install .*'{missing}>=\d+'", result.output), result.output
    assert "Traceback" not in result.output and "deidkit[" not in result.output


def test_the_policy_is_in_it_wherever_it_lies_today() -> None:
    result = example_result()
    digest = find_policy("screening").digest
    verdict = dataclasses.replace(result.verdict, policy="screening", policy_digest=digest)
    options = {**result.provenance.options, "policy": "moved/policy.toml", "requirements": []}
    provenance = dataclasses.replace(result.provenance, options=options)
    result = dataclasses.replace(result, verdict=verdict, provenance=provenance)
    assert "policy.toml" not in dict(files(result, Parties()))
    assert dict(files(result, Parties(), "screening"))["policy.toml"].decode() == policy_text("screening")
    assert "policy.toml" not in dict(files(result, Parties(), "release")), "another policy is not it"
