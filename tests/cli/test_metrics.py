"""``deidkit metrics``: a lab with a closed matcher brings its scores."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from deidkit.cli import main

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "oracles" / "scores"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["metrics", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "genuine": rng.normal(0.2, 0.05, 200),
        "impostor": rng.normal(0.45, 0.03, 2000),
        "deidentified": rng.normal(0.35, 0.05, 100),
    }


def test_all_three_forms_of_file_give_the_same_numbers(arrays: dict, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    np.savez(tmp_path / "s.npz", **arrays)
    longest = max(map(len, arrays.values()))
    with (tmp_path / "s.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(arrays)
        for row in range(longest):
            writer.writerow([repr(float(v[row])) if row < len(v) else "" for v in arrays.values()])
    long = [(kind, float(value)) for kind, values in arrays.items() for value in values]
    table = pyarrow.table({"kind": [kind for kind, _ in long], "score": [value for _, value in long]})
    pyarrow.parquet.write_table(table, tmp_path / "s.parquet")
    outputs = [run(tmp_path / f"s.{end}", "--json") for end in ("npz", "csv", "parquet")]
    assert [code for code, _ in outputs] == [0, 0, 0]
    assert outputs[0] == outputs[1] == outputs[2]
    found = json.loads(outputs[0][1])
    genuine, impostor, copies = (arrays[k] for k in ("genuine", "impostor", "deidentified"))
    wanted = (genuine.mean() - copies.mean()) / (genuine.mean() - impostor.mean())
    wanted *= np.hypot(genuine.std(), impostor.std()) / np.hypot(genuine.std(), copies.std())
    assert found["deid_ratio_percent"] == pytest.approx(100 * wanted, abs=1e-9)
    assert found["estimates"]["deid_ratio_percent"]["low"] is None  # nobody said who is behind the scores


def test_subjects_give_intervals(arrays: dict, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    subjects = {}
    for kind, values in arrays.items():
        subjects[f"{kind}_probe_subject"] = rng.integers(0, 20, len(values))
        subjects[f"{kind}_reference_subject"] = (
            (subjects[f"{kind}_probe_subject"] + rng.integers(1, 20, len(values))) % 20
            if kind == "impostor"
            else subjects[f"{kind}_probe_subject"]
        )
    np.savez(tmp_path / "s.npz", **arrays, **subjects)
    code, text = run(tmp_path / "s.npz", "--json")
    estimate = json.loads(text)["estimates"]["deid_ratio_percent"]
    assert code == 0
    assert estimate["low"] < estimate["value"] < estimate["high"]
    assert estimate["subjects"] == 20


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the folder `shared` with oracle scores beside the checkout")
def test_similarities_are_turned_and_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    with np.load(SHARED / "scores.npz") as stored:
        np.savez(tmp_path / "a.npz", genuine=stored["A_gen"], impostor=stored["A_imp"], deidentified=stored["A_deid"])
    code, text = run(tmp_path / "a.npz", "--similarity", "--json")
    found = json.loads(text)
    assert code == 0
    assert found["deid_ratio_percent"] == pytest.approx(61.89885311635791, abs=1e-7)
    assert found["eer_percent"] == pytest.approx(1.19, abs=1e-9)
    assert found["rejection_rate_percent"] == pytest.approx(80.66666666666667, abs=1e-9)
    assert found["d_prime_genuine_impostor"] == pytest.approx(4.4725422012180305, abs=1e-9)
    code, text = run(tmp_path / "a.npz")
    assert code == 2
    assert "run it with --similarity" in text


def test_genuine_and_impostor_alone_are_enough(arrays: dict, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", genuine=arrays["genuine"], impostor=arrays["impostor"])
    code, text = run(tmp_path / "s.npz")
    assert code == 0
    assert "eer_percent" in text
    assert "not computed" not in text.replace("fnmr", "") or "too few" in text


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"x", "are read from .npz, .csv or .parquet"),
        ("a.npz", b"nonsense", "is not an npz file"),
        ("a.csv", b"genuine\n0.1\n", "needs the columns or arrays genuine and impostor"),
        ("a.csv", b"genuine,impostor\n0.1,zero\n", "hold something that is no number"),
        ("a.csv", b"genuine,impostor\n0.1,nan\n", "not finite"),
        ("a.csv", b"genuine,impostor,deid\n0.1,0.5,0.3\n", "'deid' is no kind of score"),
        ("a.csv", b"genuine,impostor,genuine_subject\n0.1,0.5,1\n0.2,0.6,\n", "there are 2 genuine scores but 1"),
        ("a.parquet", b"nonsense", "cannot be read as parquet"),
    ],
)
def test_a_bad_file_gets_one_sentence(name: str, content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    code, text = run(tmp_path / name)
    assert code == 2
    assert sentence in text
    assert "Traceback" not in text


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    code, text = run(tmp_path / "none.csv")
    assert code == 2
    assert "there is no file" in text
