"""``deidkit audit`` from the command line to the report, on real files and a real database."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from sqlalchemy import MetaData, select

from deidkit.result import AuditResult
from deidkit.store import load_scores, open_store

from .commands import run


def audit(palms: Path, *more: object, output: str = "out") -> tuple[int, str]:
    dataset = f"numbered:{palms},kind=roi"
    return run("audit", "--dataset", dataset, "--output", output, "--quiet", *more)


def result_of(folder: Path) -> AuditResult:
    return msgspec.json.decode((folder / "report.json").read_bytes(), type=AuditResult)


def numbers_of(result: AuditResult) -> dict[tuple[str, str, str], float | None]:
    return {(c.engine, c.recognizer, name): e.value for c in result.cells for name, e in c.metrics.items()}


@pytest.mark.slow
def test_every_engine_meets_every_recognizer_and_the_picture_is_the_published_one(palms: Path, elsewhere: Path) -> None:
    engines = [f"--engine={name}" for name in ("identity", "blur", "pixelate", "mask")]
    code, text = audit(palms, *engines, "--recognizer", "mtcc", "--recognizer", "mtcc:preset=B")
    assert code == 0, text
    assert "report: " in text
    result = result_of(elsewhere / "out")
    found = numbers_of(result)
    assert {(e, r) for e, r, _ in found} == {
        (e, r) for e in ("identity", "blur", "pixelate", "mask") for r in ("mtcc", "mtcc (preset=B)")
    }
    for recognizer in ("mtcc", "mtcc (preset=B)"):
        ratio = {engine: found[engine, recognizer, "deid_ratio_percent"] for engine in ("identity", "blur", "mask")}
        assert ratio["identity"] < 0 < ratio["blur"] < 90 < ratio["mask"]
        assert found["identity", recognizer, "rejection_rate_percent"] == 0
        assert found["mask", recognizer, "rejection_rate_percent"] == 100
        assert found["blur", recognizer, "rank_1_percent"] == 100
        assert found["mask", recognizer, "rank_1_percent"] < 20
    assert result.dataset.samples == 36
    assert result.dataset.subjects == 12
    coverage = {e.component.label: {f.finding: f.count for f in e.coverage} for e in result.engines}
    assert coverage["identity"] == {"unchanged": 36}
    assert coverage["mask"] == {"blank": 36}
    texture = {e.component.label: e.quality["palm_texture_percent"].value for e in result.engines}
    assert texture["identity"] == 100
    assert texture["mask"] == 0
    page = (elsewhere / "out" / "report.html").read_text()
    assert "De-identification Ratio" in page
    assert not list((elsewhere / "out").glob("work*"))  # templates are gone


@pytest.mark.slow
def test_the_store_keeps_every_score_and_nothing_that_names_anyone(palms: Path, elsewhere: Path) -> None:
    code, _ = audit(palms, "--engine", "blur", "--recognizer", "compcode", "--db", "scores.db")
    assert code == 0
    result = result_of(elsewhere / "out")
    store = open_store("scores.db", "read")
    kinds = {
        "genuine": (None, 36),
        "impostor": (None, 36 * 35 // 2 - 36),
        "deidentified": ("blur", 36),
        "deidentified_other": ("blur", 72),
        "deidentified_nonmated": ("blur", 36 * 33),
        "linkage_mated": ("blur", 36),
    }
    for kind, (engine, count) in kinds.items():
        scores = load_scores(store, result.audit_id, "compcode", kind, engine)
        assert scores.count == count, kind
    mated = load_scores(store, result.audit_id, "compcode", "deidentified", "blur")
    genuine = load_scores(store, result.audit_id, "compcode", "genuine")
    impostor = load_scores(store, result.audit_id, "compcode", "impostor")
    by_hand = (genuine.values.mean() - mated.values.mean()) / (genuine.values.mean() - impostor.values.mean())
    metrics = result.cells[0].metrics
    assert metrics["deid_ratio_mean_shift"].value == pytest.approx(by_hand, abs=1e-12)
    store.dispose()
    with sqlite3.connect("scores.db") as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "0001_0001" not in dump  # no file name of a sample
    again, text = run("report", result.audit_id[:15], "--db", "scores.db", "--format", "json", "--output", "again")
    assert again == 0, text
    assert result_of(elsewhere / "again") == result


@pytest.mark.slow
def test_nothing_written_is_longer_than_its_column(palms: Path, elsewhere: Path) -> None:
    for name in ("hands", "vendor"):  # SQLite holds to no length; other databases do, at the end of the audit
        shutil.copytree(palms, elsewhere / (name * 40))
    code, text = audit(elsewhere / ("hands" * 40), f"--engine=folder:{'vendor' * 40}", "--recognizer=compcode")
    assert code == 1, text  # the vendor changed nothing, which needs no requirement to fail
    store = open_store("deidkit.db", "read")
    tables = MetaData()
    tables.reflect(store)
    longest = {}
    with store.connect() as connection:
        for column in (column for table in tables.tables.values() for column in table.columns):
            values = [value for value in connection.scalars(select(column)) if isinstance(value, str)]
            longest[str(column)] = max(map(len, values), default=0)
            limit = getattr(column.type, "length", None)
            assert limit is None or longest[str(column)] <= limit, (str(column), limit)
    store.dispose()
    assert longest["dataset.name"] > 200 and longest["component.label"] > 200 and longest["timing.stage"] > 200


@pytest.mark.slow
def test_what_is_killed_goes_on_and_ends_with_the_same_numbers(
    palms: Path, elsewhere: Path, killed_at_work: Callable[..., None]
) -> None:
    arguments = [
        "audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", "blur", "--engine", "mask",
        "--recognizer", "edm", "--threads", "1", "--format", "json", "--quiet",
    ]  # fmt: skip
    folder = elsewhere / "killed"
    killed_at_work([*arguments, "--db", "killed.db", "--output", "killed"], folder, 4)
    (work,) = folder.glob("work-*")
    kept = {file.name: file.stat().st_mtime_ns for file in folder.glob("work-*/*.stage")}
    kept.pop(max(kept, key=kept.__getitem__))  # it may be the first of the two files of copies, which count as a pair
    code, text = run(*arguments[:-1], "--db", "killed.db", "--resume", "--work", work)
    assert code == 0, text
    assert "resuming the interrupted audit" in text
    for name, modified in kept.items():  # nothing that was finished was made again
        assert (work / name).stat().st_mtime_ns == modified
    code, _ = run(*arguments, "--db", "whole.db", "--output", "whole")
    assert code == 0
    killed, whole = result_of(elsewhere / "killed"), result_of(elsewhere / "whole")
    assert numbers_of(killed) == numbers_of(whole)
    assert [e.quality for e in killed.engines] == [e.quality for e in whole.engines]


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same_numbers(palms: Path, elsewhere: Path) -> None:
    for threads in (1, 3):
        code, _ = audit(
            palms,
            "--engine=pixelate",
            "--recognizer=bocv",
            "--threads",
            threads,
            "--db",
            f"{threads}.db",
            output=str(threads),
        )
        assert code == 0
    assert numbers_of(result_of(elsewhere / "1")) == numbers_of(result_of(elsewhere / "3"))


@pytest.mark.slow
def test_a_third_partys_folder_is_audited_with_what_it_lacks(palms: Path, elsewhere: Path) -> None:
    vendor = elsewhere / "vendor"
    vendor.mkdir()
    for file in sorted(palms.iterdir()):
        picture = cv2.imread(str(file))
        cv2.imwrite(str(vendor / f"{file.stem}_de-id.png"), cv2.GaussianBlur(picture, (0, 0), 4))
    for name in ("0001_0001", "0002_0002"):
        (vendor / f"{name}_de-id.png").unlink()
    shutil.copy(palms / "0003_0001.png", vendor / "0003_0001_de-id.png")
    (vendor / "0004_0001_de-id.png").write_bytes(b"broken")
    cv2.imwrite(str(vendor / "0005_0001_de-id.png"), cv2.resize(cv2.imread(str(palms / "0005_0001.png")), (60, 60)))
    cv2.imwrite(str(vendor / "0006_0001_de-id.png"), cv2.imread(str(palms / "0006_0001.png"))[9:])
    cv2.imwrite(str(vendor / "9999_0001.png"), np.zeros((128, 128, 3), np.uint8))
    code, text = audit(palms, f"--engine=folder:{vendor}", "--recognizer=mtcc")
    assert code == 1 and "A leak was found: 1 of 36 unchanged" in text, text
    (engine,) = result_of(elsewhere / "out").engines
    findings = {finding.finding: finding.count for finding in engine.coverage}
    assert findings["missing"] == 2
    assert findings["extra"] == 1
    assert findings["unchanged"] == 1
    assert (findings["resized"], findings["reshaped"]) == (1, 1)
    assert (engine.produced, engine.expected) == (33, 36)
    failures = {f.reason: f.count for f in result_of(elsewhere / "out").failures}
    assert failures["no de-identified picture in the folder"] == 2
    metrics = result_of(elsewhere / "out").cells[0].metrics
    assert metrics["failure_to_acquire_percent"].value == pytest.approx(100 * 3 / 36)


@pytest.mark.slow
def test_bad_pictures_are_left_out_and_counted_and_the_audit_goes_on(palms: Path, elsewhere: Path) -> None:
    mixed = elsewhere / "mixed"
    shutil.copytree(palms, mixed)
    whole = (mixed / "0001_0001.png").read_bytes()
    (mixed / "0013_0001.png").write_bytes(whole[: len(whole) // 2])
    (mixed / "0013_0002.png").write_bytes(b"")
    (mixed / "0013_0003.jpg").write_text("a text")
    (mixed / "0014_0001.png").write_bytes((mixed / "0002_0001.png").read_bytes())  # the same file under two identities
    code, text = audit(mixed, "--engine=mask", "--recognizer=mtcc")
    assert code == 0, text
    dataset = result_of(elsewhere / "out").dataset
    assert dataset.samples == 36
    assert sum(exclusion.count for exclusion in dataset.exclusions) == 4
    assert all(exclusion.reason for exclusion in dataset.exclusions)


@pytest.mark.slow
def test_a_requirement_decides_the_exit_code(palms: Path, elsewhere: Path) -> None:
    rule = "rejection_rate_percent >= 50"
    code, text = audit(palms, "--engine=mask", "--recognizer=mtcc", "--require", f"{rule} on point", output="a")
    assert (code, "verdict: PASS" in text) == (0, True)
    code, text = audit(palms, "--engine=mask", "--recognizer=mtcc", "--require", rule, output="e")
    assert (code, "verdict: INCONCLUSIVE" in text) == (
        2,
        True,
    )  # 12 people do not show that the recognizer knows people
    code, text = audit(palms, "--engine=blur", "--recognizer=mtcc", "--require", rule, output="b")
    assert (code, "verdict: FAIL" in text) == (1, True)
    assert (elsewhere / "b" / "report.html").exists()  # the report is written even when the gate fails
    code, text = audit(palms, "--engine=mask", "--recognizer=mtcc", "--require", "diversity_mean >= 0.1", output="c")
    assert (code, "verdict: INCONCLUSIVE" in text) == (2, True)
    code, text = audit(palms, "--engine=mask", "--recognizer=mtcc", "--require", "rejection >= 5", output="d")
    assert code == 2
    assert "no metric is named 'rejection'" in text


@pytest.mark.slow
def test_options_can_stand_in_a_file_and_the_command_line_wins(palms: Path, elsewhere: Path) -> None:
    (elsewhere / "deidkit.toml").write_text(
        f'dataset = "numbered:{palms},kind=roi"\nrecognizer = ["compcode"]\nquiet = true\n'
        'engine = ["blur", {name = "pixelate", block = 9}]\nroi-from = "original"\n'
    )
    code, text = run("audit", "--output", "out", "--recognizer", "bocv", "--json")
    assert code == 0, text
    result = result_of(elsewhere / "out")
    assert [e.component.label for e in result.engines] == ["blur", "pixelate (block=9.0)"]
    assert [r.component.label for r in result.recognizers] == ["bocv"]
    assert result.provenance.options["roi_from"] == "original"
    named, _, printed = text.partition("\n")
    assert named == "Options are read from deidkit.toml in this folder."
    assert json.loads(printed)["audit_id"] == result.audit_id
    (elsewhere / "deidkit.toml").write_text("recogniser = ['bocv']\n")
    code, text = run("audit")
    assert code == 2
    assert "there is no option 'recogniser'. Did you mean 'recognizer'?" in text


@pytest.mark.slow
def test_originals_are_shown_only_when_asked_for(palms: Path, elsewhere: Path) -> None:
    code, _ = audit(palms, "--engine=identity", "--engine=mask", "--recognizer=mtcc", output="plain")
    assert code == 0
    gallery = {e.component.label: e.gallery for e in result_of(elsewhere / "plain").engines}
    assert gallery["identity"] == []  # what an engine passes through is the original
    assert len(gallery["mask"]) == 6
    assert all(item.original is None for item in gallery["mask"])
    code, _ = audit(
        palms, "--engine=identity", "--engine=mask", "--recognizer=mtcc", "--include-originals", output="shown"
    )
    assert code == 0
    assert "contains biometric data" in (elsewhere / "shown" / "report.html").read_text()
    assert len(list((elsewhere / "shown" / "gallery").glob("*-original.webp"))) == 12


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "an audit needs at least one --engine"),
        (["--engine=blur"], "an audit needs at least one --recognizer"),
        (["--engine=blurr", "--recognizer=mtcc"], "no engine is named 'blurr'. Did you mean 'blur'?"),
        (["--engine=blur:sigma=big", "--recognizer=mtcc"], "option 'sigma' must be a number, not 'big'"),
        (["--engine=blur", "--engine=blur", "--recognizer=mtcc"], "--engine blur is given twice"),
        (["--engine=folder:nowhere", "--recognizer=mtcc"], "nowhere is not a folder"),
        (["--engine=blur", "--recognizer=mtcc", "--db=nowhere/a.db"], "does not exist; create it first"),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_code_2(arguments, sentence: str, palms: Path, elsewhere: Path) -> None:
    code, text = audit(palms, *arguments)
    assert code == 2
    assert sentence in text
    assert "Traceback" not in text


def test_a_data_set_that_is_none_is_named(elsewhere: Path) -> None:
    (elsewhere / "empty").mkdir()
    for dataset, sentence in (
        ("empty", "empty"),
        ("./nowhere", "there is no file or folder ./nowhere"),
        ("nowhere", "there is no file or folder nowhere, and no dataset is named 'nowhere'"),
        ("./mine.py:Squares:people=4", "a data set cannot be named by its file"),
    ):
        code, text = run("audit", "--dataset", dataset, "--engine=blur", "--recognizer=mtcc", "--quiet")
        assert code == 2
        assert sentence in text


@pytest.mark.slow
def test_a_report_is_not_overwritten_unasked(palms: Path, elsewhere: Path) -> None:
    more = ("--engine=mask", "--recognizer=fast-cc")
    assert audit(palms, *more)[0] == 0
    code, text = audit(palms, *more)
    assert code == 2
    assert "already holds a report" in text
    assert audit(palms, *more, "--overwrite")[0] == 0


@pytest.mark.slow
def test_several_copies_of_a_picture_give_diversity_and_linkage(palms: Path, elsewhere: Path) -> None:
    vendor = elsewhere / "vendor"
    vendor.mkdir()
    for file in sorted(palms.iterdir()):
        picture = cv2.imread(str(file))
        for number in (1, 2, 3):
            noise = np.random.default_rng(number).normal(0, 40, picture.shape)
            copy = np.clip(cv2.GaussianBlur(picture, (0, 0), 3) + noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(vendor / f"{file.stem}_de-id_{number}.png"), copy)
    code, text = audit(palms, f"--engine=folder:{vendor}", "--recognizer=mtcc", "--seeds", 3)
    assert code == 0, text
    result = result_of(elsewhere / "out")
    metrics = result.cells[0].metrics
    assert result.engines[0].produced == 108
    assert metrics["diversity_mean"].comparisons == 36 * 3
    assert 0 < metrics["diversity_mean"].value < metrics["deid_ratio_percent"].value
    assert metrics["copy_linkage_eer_percent"].comparisons == 12 * 3 * 9
    assert metrics["deid_ratio_percent"].comparisons == 108


@pytest.mark.slow
def test_templates_that_are_kept_serve_the_next_audit(palms: Path, elsewhere: Path) -> None:
    assert audit(palms, "--engine=blur", "--recognizer=mtcc", "--work", "work", output="first")[0] == 0
    before = {file: file.stat().st_mtime_ns for file in (elsewhere / "work").iterdir()}
    assert (
        audit(palms, "--engine=blur", "--engine=mask", "--recognizer=mtcc", "--work", "work", output="second")[0] == 0
    )
    assert {file: file.stat().st_mtime_ns for file in before} == before
    first, second = (numbers_of(result_of(elsewhere / name)) for name in ("first", "second"))
    assert {key: value for key, value in second.items() if key[0] == "blur"} == first


@pytest.mark.parametrize(
    ("pattern", "why"), [("0001_*", "only one identity"), ("*_0001*", "no identity has two samples")]
)
def test_a_data_set_that_can_say_nothing_is_refused_at_once(
    palms: Path, elsewhere: Path, pattern: str, why: str
) -> None:
    some = elsewhere / "some"
    some.mkdir()
    for file in sorted(palms.glob(pattern)):
        shutil.copy(file, some)
    code, text = audit(some, "--engine=mask", "--recognizer=mtcc")
    assert code == 2
    assert f"cannot be audited: {why}" in text
    assert not (elsewhere / "out").exists()
