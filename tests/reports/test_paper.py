"""The tables of a paper: rows over data sets and settings, each number with its interval."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import msgspec
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.result import AuditResult


def on(result: AuditResult, name: str) -> AuditResult:
    component = dataclasses.replace(result.dataset.component, label=name)
    return dataclasses.replace(result, audit_id=name, dataset=dataclasses.replace(result.dataset, component=component))


def written(folder: Path, *results: AuditResult) -> str:
    files = []
    for number, result in enumerate(results):
        files.append(folder / f"{number}.json")
        files[-1].write_bytes(msgspec.json.encode(result))
    done = CliRunner().invoke(main, ["paper", *map(str, files), "--output", str(folder / "t.tex")])
    assert done.exit_code == 0, done.output
    return (folder / "t.tex").read_text(encoding="utf-8")


def test_each_data_set_and_engine_is_a_row_of_tables_two_to_four(result: AuditResult, tmp_path: Path) -> None:
    text = written(tmp_path, on(result, "IITD"), on(result, "PolyU"))
    assert re.findall(r"^% Table (.*)$", text, re.MULTILINE) == ["II", "III", "IV"]
    assert text.count("\nIITD, pixelate & ") == text.count("\nPolyU, pixelate & ") == 3
    assert text.count("IITD, identity & ") == 0  # a control is not a row
    row = next(line for line in text.splitlines() if line.startswith("IITD, pixelate & "))
    assert r"50.00 {\tiny{[}47.00, 54.00{]}}" in row  # the ratio with its interval
    assert r"\multicolumn{3}{c}{mtcc (preset=B)}" in text
    assert "Not computed: " in text and "There are too few." in text


def test_settings_of_one_engine_give_the_tables_of_the_ablation(result: AuditResult, tmp_path: Path) -> None:
    weak, strong = (
        dataclasses.replace(result.engines[1], component=dataclasses.replace(result.engines[1].component, label=label))
        for label in ("pixelate (block=4)", "pixelate (block=8)")
    )
    cells = [dataclasses.replace(cell, engine=strong.component.label) for cell in result.cells[2:4]]
    cells += [dataclasses.replace(cell, engine=weak.component.label) for cell in result.cells[2:4]]
    text = written(tmp_path, dataclasses.replace(result, engines=[weak, strong], cells=cells))
    assert re.findall(r"^% Table (.*)$", text, re.MULTILINE) == ["II", "III", "IV", "V", "VI", "VII"]
    assert text.count("\npixelate (block=4) & ") == 3
    assert "SSIM & PSNR & FID" in text


def test_models_and_presets_that_numbers_rest_on_are_told(result: AuditResult, tmp_path: Path) -> None:
    """A test model's numbers, or MTCC's with other parameters, must not be taken for the published ones."""
    engine = result.engines[1]
    tiny = dataclasses.replace(engine.component, label="diffusion (palm-tiny)", remark="palm-tiny, a test model")
    mtcc = dataclasses.replace(
        result.recognizers[0], component=dataclasses.replace(result.recognizers[0].component, remark="preset A")
    )
    cells = [dataclasses.replace(cell, engine=tiny.label) for cell in result.cells]
    one = dataclasses.replace(
        result, engines=[dataclasses.replace(engine, component=tiny)], recognizers=[mtcc], cells=cells
    )
    text = written(tmp_path, one)
    *_, last = text.strip().splitlines()
    assert "diffusion (palm-tiny): palm-tiny, a test model." in last
    assert f"{mtcc.component.label}: preset A." in last
    assert text.count(", copies by diffusion (palm-tiny)") == 3
    assert text.count(" KID ") == 0  # in no published table


def test_what_is_no_audit_is_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["paper", str(tmp_path / "gone.json")])
    assert done.exit_code == 2 and "cannot be read" in done.output
