"""``deidkit metrics``: a lab with a closed matcher brings its scores."""

from __future__ import annotations

import csv
import itertools
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import deidkit
from deidkit.cli import main

ORACLES = Path(__file__).parents[1] / "oracles"


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


@pytest.mark.parametrize("with_arrow", [True, False])
@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_is_read_in_the_same_way_with_pyarrow_and_without(
    with_arrow: bool, separator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_arrow:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    rng = np.random.default_rng(3)
    rows = [["Kind", " score ", "probe_subject", "reference_subject", "remark"]]
    for number in range(300):
        mated = number % 3 == 0
        score = repr(float(rng.normal(0.2 if mated else 0.5, 0.1)))
        score = "nan" if number == 9 else "" if number == 12 else score
        other = number % 10 if mated else (number + 1) % 10
        kind, remark = ("genuine" if mated else " impostor "), f'"{number}{separator} so"'
        rows.append([kind, f" {score}", f"00{number % 10} ", f"00{other}", remark])
    (tmp_path / "s.csv").write_text("\n".join(separator.join(row) for row in rows) + "\n")
    code, text = run(tmp_path / "s.csv", "--json")
    found = json.loads(text)
    assert code == 0
    assert found["failures_to_acquire"] == {"genuine": 2}
    assert found["estimates"]["genuine_mean"]["subjects"] == 10
    assert found["notes"] == ["column 'remark' is not a kind of score and is left out"]
    values = [float(row[1]) for row in rows[1:] if row[0] == "genuine" and row[1].strip() not in ("", "nan")]
    assert found["genuine_mean"] == pytest.approx(np.mean(values), abs=1e-12)


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


@pytest.mark.parametrize("end", ["npz", "csv", "tsv", "parquet"])
def test_a_subject_is_one_person_as_a_number_with_a_fraction_and_without(end: str, tmp_path: Path) -> None:
    """A data frame fills up shorter columns, whose whole numbers become 1.0 where longer ones have 1."""
    rng = np.random.default_rng(4)
    first, second = np.triu_indices(12, 1)
    whole = {
        "genuine": rng.normal(0.3, 0.1, 24),
        "genuine_subject": np.arange(24) // 2 - 1,  # people may have numbers below 0
        "impostor": rng.normal(0.5, 0.1, len(first)),
        "impostor_probe_subject": first - 1,
        "impostor_reference_subject": second - 1,
    }
    np.savez(tmp_path / "whole.npz", **whole)
    pandas = pytest.importorskip("pandas")
    filled_up = pandas.DataFrame({name: pandas.Series(values) for name, values in whole.items()})
    path = tmp_path / f"padded.{end}"
    if end == "npz":
        np.savez(path, **(whole | {"genuine_subject": whole["genuine_subject"].astype(float)}))
    elif end == "parquet":
        filled_up.to_parquet(path)
    else:
        filled_up.to_csv(path, index=False, sep="," if end == "csv" else "\t")
    code, text = run(path, "--json")
    assert code == 0
    assert text == run(tmp_path / "whole.npz", "--json")[1]


def test_subjects_that_are_no_numbers_stay_as_they_are(tmp_path: Path) -> None:
    rows = ["kind,score,subject", "genuine,0.1,1.0", "genuine,0.2,1.1", "genuine,0.2,2.0", "impostor,0.5,1.0"]
    (tmp_path / "s.csv").write_text("\n".join(rows) + "\n")
    code, text = run(tmp_path / "s.csv", "--json")
    assert code == 0
    assert json.loads(text)["estimates"]["genuine_mean"]["subjects"] == 3


def test_similarities_are_turned_and_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    with np.load(ORACLES / "scores.npz") as stored:
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
    assert "genuine scores are less alike than impostor scores on average" in text
    assert "run it with --similarity" in text


def test_scores_that_are_not_in_the_file_are_named_and_nothing_is_guessed(arrays: dict, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", **{kind: arrays[kind] for kind in ("genuine", "impostor", "deidentified")})
    code, text = run(tmp_path / "s.npz", "--json")
    found = json.loads(text)["estimates"]
    assert code == 0
    for name, kind in (("diversity_mean", "diversity"), ("copy_linkage_auc", "linkage_mated")):
        assert found[name]["reason"] == f"There are no scores of the kind {kind}."
    assert found["diversity_mean"]["remedy"] == "Add them: comparisons of copies of one picture with one another."
    assert "one copy of each picture" not in text and "data set" not in text
    bare = {kind: arrays[kind] for kind in ("genuine", "impostor", "deidentified")}
    assert "no scores of the kind diversity" in deidkit.metrics(bare)["diversity_mean"].reason


def test_a_linkability_is_shown_with_what_it_is_without_linkage(arrays: dict, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    nonmated = {"deidentified_nonmated": rng.normal(0.45, 0.03, 500)}
    np.savez(tmp_path / "s.npz", **{kind: arrays[kind] for kind in ("genuine", "impostor", "deidentified")}, **nonmated)
    code, text = run(tmp_path / "s.npz")
    assert code == 0
    assert re.search(r"linkage_d_sys: as many scores without any linkage give 0\.\d+ on average, and up to 0\.", text)


def test_genuine_and_impostor_alone_are_enough(arrays: dict, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", genuine=arrays["genuine"], impostor=arrays["impostor"])
    code, text = run(tmp_path / "s.npz")
    assert code == 0
    assert "eer_percent" in text
    assert "not computed" not in text.replace("fnmr", "") or "too few" in text


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"x", "are read from .npz, .csv, .tsv or .parquet"),
        ("a.csv.gz", b"x", ".tsv or .parquet files; unpack it first"),
        ("a.npz", b"nonsense", "is not an npz file"),
        ("a.csv", b"genuine\n0.1\n", "needs the columns or arrays genuine and impostor"),
        ("a.csv", b"kind,score\n", "has no row of kind genuine and none of kind impostor; metrics need both"),
        ("a.csv", b"kind,score\ngenuine,1\n", "has no row of kind impostor; metrics need both"),
        ("a.csv", b"genuine,impostor\n0.1,zero\n", "row 2: the impostor score 'zero' is not a number"),
        (
            "a.csv",
            b"genuine;impostor\n0,1;0,5\n",
            "the genuine score '0,1' is not a number; write it with a decimal point",
        ),
        ("a.csv", b"genuine,0.1,1,1\nimpostor,0.5,1,2\n", "has no header"),
        ("a.csv", b"0.1,0.5\n0.2,0.6\n", "has no header: its first line must name the columns"),
        ("a.csv", "genuine,impostor\n0.1,0.5\n".encode("utf-16"), "is not text in UTF-8"),
        ("a.csv", b"genuine,impostor\n1_0,20\n", "the genuine score '1_0' is not a number"),
        ("a.csv", b"genuine,impostor\n0.1,3.4e38\n", "row 2: an impostor score is not finite, or 1e+30 and more"),
        ("a.csv", b"genuine,impostor\n0.1,inf\n", "row 2: an impostor score is not finite"),
        ("a.csv", b"genuine,impostor,deidentifed\n0.1,0.5,0.3\n", "did you mean 'deidentified'?"),
        ("a.csv", b"genuine,impostor,genuine_subject\n0.1,0.5,1\n0.2,0.6,\n", "row 3: a genuine score has no subject"),
        ("a.csv", b"kind,score,subject\ngenuine,0.1,1\nimpostor,0.5,nan\n", "row 3: an impostor score has no subject"),
        ("a.csv", b"kind,score,subject\ngenuine,0.1,1\nimpostor,0.5,NA\n", "row 3: an impostor score has no subject"),
        ("a.csv", b"genuine,impostor,Genuine\n0.1,0.5,0.4\n", "two columns named 'genuine' (columns 1 and 3)"),
        ("a.csv", b"genuine,impostor\n0.1,0.5,0.4\n", "line 2: 3 cells, but the header, 'genuine,impostor', names 2."),
        (
            "a.csv",
            b"sep=,\ngenuine,impostor\n0.1,0.5,0.4\n",
            "line 3: 3 cells, but the header, 'genuine,impostor', names 2.",
        ),
        (
            "a.csv",
            b"# a matcher\ngenuine,impostor\n0.1,0.5\n",
            "line 2: 2 cells, but the header, '# a matcher', names 1.",
        ),
        ("a.csv", b"\n\ngenuine,impostor\n0.1,0.5\n", "has no header: its first line must name the columns"),
        (
            "a.csv",
            b"kind,score\ngenuine,0.1\n" + bytes(200) + b",0.5\n",
            "\\x00'... is not a kind of score",
        ),
        (
            "a.csv",
            b"kind,score,probe_subject,reference_subject\ngenuine,0.1,1,001\nimpostor,0.5,1,2\n",
            "row 2: a genuine score is of two subjects, '1' and '001'",
        ),
        ("a.csv", b"kind,score\ngenuine,0.1\nforged,0.5\n", "'forged' is not a kind of score"),
        ("a.parquet", b"nonsense", "is not a Parquet file"),
    ],
)
def test_a_bad_file_gets_one_sentence(name: str, content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    code, text = run(tmp_path / name)
    assert code == 2
    assert sentence in text
    assert "Traceback" not in text


@pytest.mark.parametrize("similarity", [False, True])
@pytest.mark.parametrize(("lowest", "noted"), [(-1, True), (0, False), (-0.5, False)])
def test_a_score_that_may_stand_for_none_is_named(
    similarity: bool, lowest: float, noted: bool, arrays: dict, tmp_path: Path
) -> None:
    scores = {kind: 1 - values if similarity else values for kind, values in arrays.items()}
    scores["genuine"] = np.concatenate([scores["genuine"], [lowest, lowest]])
    np.savez(tmp_path / "s.npz", **scores)
    code, text = run(tmp_path / "s.npz", "--json", *(["--similarity"] if similarity else []))
    assert code == 0, text
    said = "2 scores are -1, and all others 0 or more; if -1 stands for a failed comparison, leave it empty"
    assert (said in json.loads(text)["notes"]) is noted


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    code, text = run(tmp_path / "none.csv")
    assert code == 2
    assert "there is no file" in text


TABLE = ("genuine,impostor", "0.20,0.50", "0.21,0.51", "0.22,0.52", "0.55,0.53")
DIALECTS = {
    "plain": TABLE,
    "semicolons": [line.replace(",", ";") for line in TABLE],
    "separator declared": ["sep=;", *(line.replace(",", ";") for line in TABLE)],
    "bars": [line.replace(",", "|") for line in TABLE],
    "tabs": [line.replace(",", "\t") for line in TABLE],
    "blanks": [line.replace(",", " , ") for line in TABLE],
    "letter case": ["Genuine,IMPOSTOR", *TABLE[1:]],
    "an extra column": [f"{line},{'note' if place == 0 else 'x'}" for place, line in enumerate(TABLE)],
    "a byte order mark": ["\ufeff" + TABLE[0], *TABLE[1:]],
    "a blank last line": [*TABLE, ""],
    "no score in two rows": [*TABLE, "NaN,0.54", "N/A,0.55"],
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_table_is_read_right_in_every_dialect(name: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("\n".join(DIALECTS[name]) + "\n", encoding="utf-8")
    code, text = run(tmp_path / "s.csv", "--json")
    assert code == 0, text
    found = json.loads(text)
    assert found["genuine_mean"] == pytest.approx(0.295)
    missing = {"genuine": 2} if name == "no score in two rows" else {}
    assert found["failures_to_acquire"] == missing
    assert found["notes"] == (["column 'note' is not a kind of score and is left out"] if "extra" in name else [])


def test_a_score_and_its_subjects_stay_in_one_row(tmp_path: Path) -> None:
    rows = ["genuine,genuine_subject,impostor,impostor_probe_subject,impostor_reference_subject"]
    rows += [f"0.{20 + n},{n // 2},0.{50 + n},{n // 2},{n // 2 + 1}" for n in range(10)]
    rows[3] = ",9,0.52,1,2"
    (tmp_path / "s.csv").write_text("\n".join(rows) + "\n")
    code, text = run(tmp_path / "s.csv", "--json")
    assert code == 0, text
    assert json.loads(text)["failures_to_acquire"] == {"genuine": 1}
    rows[5] = "0.24,,0.54,2,3"
    (tmp_path / "s.csv").write_text("\n".join(rows) + "\n")
    code, text = run(tmp_path / "s.csv")
    assert code == 2 and "row 6: a genuine score has no subject" in text


@pytest.fixture
def comparisons() -> list[tuple[object, ...]]:
    """Each two of 24 pictures of 6 people once: kind, score, probe, reference, and their subjects."""
    rng, rows = np.random.default_rng(0), []
    for one, two in itertools.combinations(range(24), 2):
        kind = "genuine" if one % 6 == two % 6 else "impostor"
        score = float(rng.normal(0.2 if kind == "genuine" else 0.4, 0.08))
        rows.append((kind, score, f"{one}.png", f"{two}.png", one % 6, two % 6))
    return rows


HEADER = ("kind", "score", "probe", "reference", "probe_subject", "reference_subject")


def written(path: Path, rows: list[tuple[object, ...]], header: tuple[str, ...] = HEADER) -> Path:
    places = [HEADER.index(name) for name in header]
    lines = [",".join(header), *(",".join(str(row[place]) for place in places) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_comparison_that_is_written_again_counts_once(comparisons: list[tuple[object, ...]], tmp_path: Path) -> None:
    once = json.loads(run(written(tmp_path / "once.csv", comparisons), "--json")[1])
    assert once["notes"] == []
    turned = [(kind, score, two, one, b, a) for kind, score, one, two, a, b in comparisons]
    itself = [("genuine", 0.0, f"{number}.png", f"{number}.png", number % 6, number % 6) for number in range(24)]
    found = json.loads(run(written(tmp_path / "matrix.csv", comparisons + turned + itself), "--json")[1])
    assert found["notes"] == [
        "24 genuine scores (rows 554, 555, 556, 557, 558 and 19 more) are of a picture with itself and are left out",
        "36 genuine scores (rows 283, 289, 295, 306, 312 and 31 more) stand there before, of the same two pictures, "
        "and count once",
        "240 impostor scores (rows 278, 279, 280, 281, 282 and 235 more) stand there before, of the same two pictures, "
        "and count once",
    ]
    assert found["estimates"] == once["estimates"]
    titled = (tmp_path / "once.csv").read_text().replace("_subject", " Subject")
    (tmp_path / "titled.csv").write_text(titled)
    assert json.loads(run(tmp_path / "titled.csv", "--json")[1]) == once
    again = [(kind, score + 0.01, *names) for kind, score, *names in comparisons]  # as a matcher with chance in it
    found = json.loads(run(written(tmp_path / "again.csv", comparisons + again), "--json")[1])
    assert found["notes"] == [] and found["estimates"]["eer_percent"]["comparisons"] == 480


def test_scores_that_all_stand_there_twice_are_named(comparisons: list[tuple[object, ...]], tmp_path: Path) -> None:
    header = ("kind", "score", "probe_subject", "reference_subject")
    notes = json.loads(run(written(tmp_path / "a.csv", 2 * comparisons, header), "--json")[1])["notes"]
    assert [note.partition(";")[0] for note in notes] == [
        "every genuine score stands there 2 times", "every impostor score stands there 2 times"
    ]  # fmt: skip
    coarse = [(kind, round(score, 1), *names) for kind, score, *names in comparisons]
    assert json.loads(run(written(tmp_path / "b.csv", coarse, header), "--json")[1])["notes"] == []


def test_people_in_the_columns_of_pictures_are_noticed(comparisons: list[tuple[object, ...]], tmp_path: Path) -> None:
    people = [(kind, score, a, b, a, b) for kind, score, _, _, a, b in comparisons]
    found = json.loads(run(written(tmp_path / "a.csv", people, HEADER[:4]), "--json")[1])
    assert "call them probe_subject and reference_subject" in found["notes"][0]
    assert found["estimates"]["eer_percent"]["comparisons"] == 240


def test_subjects_that_may_be_one_person_are_named(tmp_path: Path) -> None:
    rows = [
        "kind,score,probe_subject,reference_subject",
        "genuine,0.1,1,1",
        "genuine,0.1,001,001",
        "impostor,0.5,1,001",
    ]
    rows += ["genuine,0.1,Anna,Anna", "impostor,0.6,anna,1", "impostor,0.6,1,1"]
    (tmp_path / "s.csv").write_text("\n".join(rows) + "\n")
    code, text = run(tmp_path / "s.csv")
    assert code == 0, text
    assert "2 groups of subjects differ only by letter case, leading zeros or the like" in " ".join(text.split())
    assert "1 impostor scores (row 7) are of one subject" in " ".join(text.split())


def test_it_is_said_whose_subjects_are_missing(comparisons: list[tuple[object, ...]], tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text("genuine,impostor,genuine_subject\n0.1,0.5,1\n0.2,0.6,1\n0.3,0.7,2\n")
    said = " ".join(run(tmp_path / "wide.csv")[1].split())
    assert "The impostor scores have no subjects, so there are no intervals: add impostor_probe_subject and" in said
    long = written(tmp_path / "long.csv", comparisons, ("kind", "score", "probe_subject"))
    assert "The columns probe_subject and reference_subject are not both there" in " ".join(run(long)[1].split())


def test_an_array_has_one_axis(arrays: dict, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", **{**arrays, "genuine": arrays["genuine"].reshape(20, 10)})
    code, text = run(tmp_path / "s.npz")
    assert code == 2 and "array 'genuine' is of shape (20, 10), not of one axis." in " ".join(text.split())


def _with_byte(data: bytes, place: int, value: int) -> bytes:
    return data[:place] + bytes([value]) + data[place + 1 :]


DAMAGES = {
    "cut off": lambda data: data[: len(data) * 2 // 3],
    "a flipped bit in the data": lambda data: data[:200] + bytes([data[200] ^ 0x10]) + data[201:],
    "another compression method": lambda data: _with_byte(data, data.rindex(b"PK\x01\x02") + 10, 99),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_archive_gets_one_sentence(name: str, arrays: dict, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "s.npz", **arrays)
    (tmp_path / "s.npz").write_bytes(DAMAGES[name]((tmp_path / "s.npz").read_bytes()))
    code, text = run(tmp_path / "s.npz")
    assert code == 2 and "Traceback" not in text, text
    assert "damaged" in text and "s.npz" in text


def test_an_array_that_claims_more_than_the_file_holds_takes_no_memory(arrays: dict, tmp_path: Path) -> None:
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (999_999_999_999,)})
    np.savez(tmp_path / "s.npz", impostor=arrays["impostor"])
    with zipfile.ZipFile(tmp_path / "s.npz", "a") as archive:
        archive.writestr("genuine.npy", header.getvalue() + bytes(80))
    code, text = run(tmp_path / "s.npz")
    assert code == 2 and "claims 7999999999992 bytes, which the file does not hold" in " ".join(text.split())


CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases"


READ_WRONGLY = sorted(CASES.glob("scores-*/*.csv"))


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the folder `shared` with cases beside the checkout")
@pytest.mark.parametrize("path", READ_WRONGLY, ids=[f"{path.parent.name}-{path.stem}" for path in READ_WRONGLY])
def test_files_that_were_read_wrongly(path: Path) -> None:
    code, text = run(path, "--json")
    if path.parent.name == "scores-duplicate-column":
        assert code == 2 and "two columns named 'genuine' (columns 1 and 3)" in text
    elif path.parent.name == "scores-genuine-of-two-subjects":
        assert code == 2 and "rows 2, 3, 4" in text and "'1' and '001'" in text
    else:
        found = json.loads(text)
        assert code == 0 and found["eer_percent"] == 0
        assert found["failures_to_acquire"] == ({"genuine": 1} if path.stem == "nan" else {})
        assert len(found["notes"]) == (path.stem == "note")
