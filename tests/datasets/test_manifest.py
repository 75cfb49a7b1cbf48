"""Manifests: what their rows may say, and who the people in them are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deidkit.datasets import detect
from deidkit.datasets.manifest import Manifest
from deidkit.errors import DatasetError, MissingDependency, UsageError

from .trees import left_out, tree, understood


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_manifest(tmp_path: Path, delimiter: str) -> None:
    tree(tmp_path, "a/1.png", "a/2.png", "b 1.png")
    rows = ["Path,Subject,Hand,Session,Kind", "a/1.png,Ann,left,,hand", "a\\2.png,Ann,R,s2,roi", "b 1.png,Bob,,,",
            "gone.png,Bob,,,", "a/1.png,Ann,left,,"]  # fmt: skip
    table = tmp_path / "people.csv"
    table.write_text("\ufeff" + "\n".join(row.replace(",", delimiter) for row in rows), encoding="utf-8")
    assert detect(table) == "manifest"
    assert understood(f"manifest:{table}") == {
        "a/1.png": ("Ann", "left", None, "hand"),
        "a/2.png": ("Ann", "right", "s2", "roi"),
        "b 1.png": ("Bob", None, None, "hand"),
    }
    assert left_out(f"manifest:{table}") == {"gone.png": "listed but missing", "a/1.png": "listed twice"}
    table.rename(tmp_path / "manifest.csv")
    assert detect(tmp_path) == "manifest"
    assert len(understood(f"manifest:{tmp_path}")) == 3
    (tmp_path / "manifest.csv").rename(tmp_path / "Manifest.CSV")
    assert (detect(tmp_path), len(understood(f"manifest:{tmp_path}"))) == ("manifest", 3)


def test_manifest_in_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    tree(tmp_path, "1.png", "2.png")
    parquet.write_table(
        pyarrow.table({"path": ["1.png", "2.png"], "subject": [7, 8], "hand": ["left", None]}), tmp_path / "a.parquet"
    )
    assert detect(tmp_path / "a.parquet") == "manifest"
    assert understood(f"manifest:{tmp_path / 'a.parquet'}") == {
        "1.png": ("7", "left", None, "hand"), "2.png": ("8", None, None, "hand")
    }  # fmt: skip
    (tmp_path / "b.parquet").write_text("text")
    with pytest.raises(DatasetError, match="not a Parquet file"):
        understood(f"manifest:{tmp_path / 'b.parquet'}")
    parquet.write_table(pyarrow.table({"path": ["1.png"]}), tmp_path / "c.parquet")
    with pytest.raises(UsageError, match="no column 'subject'"):
        understood(f"manifest:{tmp_path / 'c.parquet'}")


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependency, match=r"pip install 'pyarrow"):
        understood(f"manifest:{tmp_path / 'a.parquet'}")


@pytest.mark.parametrize(
    ("row", "said"),
    [("1.png,Ann,up,", "hand must be left, right or empty, not 'up'"), ("1.png,Ann,,foot", "kind must be"),
     ("1.png,,,", "must not be empty"), (",Ann,,", "must not be empty"), ("1.png,NaN,,", "'NaN' names no subject"),
     ("1.png,NA,,", "'NA' names no subject"), ("1.png,NaT,,", "'NaT' names no subject")],
)  # fmt: skip
def test_a_manifest_with_a_wrong_row(tmp_path: Path, row: str, said: str) -> None:
    tree(tmp_path, "1.png")
    (tmp_path / "a.csv").write_text(f"path,subject,hand,kind\n{row}\n")
    with pytest.raises(DatasetError, match=f"row 2: .*{said}"):
        understood(f"manifest:{tmp_path / 'a.csv'}")


@pytest.mark.parametrize("subject", ["Nat", "Nan", "Null", "Na"])
def test_people_whose_names_look_like_empty_cells_are_people(tmp_path: Path, subject: str) -> None:
    tree(tmp_path, "1.png")
    (tmp_path / "a.csv").write_text(f"path,subject\n1.png,{subject}\n")
    assert understood(f"manifest:{tmp_path / 'a.csv'}")["1.png"][0] == subject


@pytest.mark.parametrize(
    "names",
    [
        ("1", "0001"), ("Anna", "anna"), ("0", "00"), ("1", "1.0"), ("\u00e9", "e\u0301"), ("A B", "A  B"),
        ("Anna", "An\u200bna"), ("12", "\u0661\u0662"),
    ],
)  # fmt: skip
def test_subjects_that_differ_by_spelling_only_are_refused_until_they_are_told_apart(
    names: tuple[str, str], tmp_path: Path
) -> None:
    tree(tmp_path, "a.png", "b.png", "c.png")
    rows = [f"a.png,{names[0]}", f"b.png,{names[1]}", "c.png,2"]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,subject", *rows]))
    with pytest.raises(DatasetError, match=f"'{names[0]}' and '{names[1]}'|'{names[1]}' and '{names[0]}'"):
        Manifest(tmp_path).samples()
    aliases = tmp_path / "aliases.csv"
    aliases.write_text(f"subject,same_as\n{names[1]},{names[0]}\n")
    assert [sample.subject for sample in Manifest(tmp_path, aliases=aliases).samples()] == [names[0], names[0], "2"]
    aliases.write_text(f"subject,same_as\n{names[0]},{names[0]}\n{names[1]},{names[1]}\n")
    assert [sample.subject for sample in Manifest(tmp_path, aliases=aliases).samples()] == [*names, "2"]


def test_one_file_of_two_subjects_is_refused_by_its_rows(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "b.png")
    (tmp_path / "manifest.csv").write_text("path,subject\na.png,1\nb.png,2\n./a.png,3\n")
    with pytest.raises(DatasetError, match=r"rows 2 and 4: './a\.png' is said to show '1' and '3'"):
        Manifest(tmp_path).samples()


def test_a_manifest_stays_inside_its_folder(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.png", "in/b.png", "outside.png", "inner/c.png")
    (tmp_path / "in" / "link.png").symlink_to("../outside.png")
    (tmp_path / "in" / "folder").symlink_to("../inner")
    (tmp_path / "in" / "fine.png").symlink_to("b.png")
    (tmp_path / "in" / "circle.png").symlink_to("circle.png")
    outside = ["../outside.png", "link.png", "folder/c.png", str(tmp_path / "outside.png")]
    paths = ["a.png", "fine.png", *outside, "circle.png", "n" * 5000]
    (tmp_path / "in" / "manifest.csv").write_text(
        "\n".join(["path,subject", *(f"{path},p{number}" for number, path in enumerate(paths))])
    )
    data = Manifest(tmp_path / "in")
    assert [sample.key for sample in data.samples()] == ["a.png", "fine.png"]
    assert [item.key for item in data.skipped() if item.reason == "outside of the manifest's folder"] == outside
    assert sum(item.reason == "listed but missing" for item in data.skipped()) == 2


def test_a_name_with_a_comma_needs_quotes(tmp_path: Path) -> None:
    tree(tmp_path, "a,1.png", "b.png")
    table = tmp_path / "a.csv"
    table.write_text("path,subject\nb.png,2,,\na,1.png,1\n")
    with pytest.raises(UsageError, match="line 3: more cells than the header names; put a text that holds ',' into"):
        understood(f"manifest:{table}")
    table.write_text('path,subject\nb.png,2,,\n"a,1.png",1\n')
    assert len(understood(f"manifest:{table}")) == 2


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ('"1.png,1\n2.png,1\n3.png,2', "lines 2 to 4"),
        ('"1.png,1\n"2.png,1\n3.png,2', "lines 2 to 3"),
        ('1.png,1\n\n"2.png,"1"\n3.png,2', "line 4"),
        ('1.png,1\n2.png,1\n3.png,"2', "line 4"),
        ("1.png,1\n2.png," + "1" * 200_000, "line 3"),
        ('1.png,1\n"2.png,1\n' + "3.png,2\n" * 20_000, r"lines 3 to \d+"),
    ],
)
def test_a_quotation_mark_that_is_not_closed_swallows_no_rows(tmp_path: Path, rows: str, where: str) -> None:
    tree(tmp_path, "1.png", "2.png", "3.png")
    (tmp_path / "manifest.csv").write_text(f"path,subject\n{rows}\n")
    with pytest.raises(UsageError, match=rf"not valid CSV: .*, in the row of {where}; look for a quotation mark with"):
        Manifest(tmp_path).samples()


def test_what_stands_behind_a_quotation_mark_is_read(tmp_path: Path) -> None:
    tree(tmp_path, "1.png", "2,b.png", "3.png", "4.png")
    (tmp_path / "manifest.csv").write_text(
        'path,subject,note,note\n"1.png" ,1,"left" hand,\n"2,b.png" , "2"  ,,\n3.png,3,"two\nlines" ,\n4.png,4,5",6\n'
    )
    samples = Manifest(tmp_path).samples()
    assert [(sample.key, sample.subject) for sample in samples] == [
        ("1.png", "1"), ("2,b.png", "2"), ("3.png", "3"), ("4.png", "4"),
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["csv", "parquet"])
@pytest.mark.parametrize("twice", ["subject", "hand"])
def test_a_column_that_stands_twice_is_refused(tmp_path: Path, end: str, twice: str) -> None:
    tree(tmp_path, "1.png", "2.png")
    names = ["path", "subject", "hand", "notes", "notes", f"{twice.title()} "]
    columns = [["1.png", "2.png"], ["1", "2"], ["left", ""], ["a", "b"], ["c", "d"], ["", "left"]]
    table = tmp_path / f"manifest.{end}"
    if end == "csv":
        table.write_text("\n".join(",".join(row) for row in [names, *zip(*columns, strict=True)]))
    else:
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_arrays(columns, names=names), table)
    with pytest.raises(UsageError, match=f"has two columns named '{twice}'; remove or rename one"):
        Manifest(tmp_path).samples()


def test_one_file_of_two_hands_is_refused_by_its_rows(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "b.png")
    (tmp_path / "manifest.csv").write_text("path,subject,hand\na.png,1,L\nb.png,2,\na.png,1,right\n")
    with pytest.raises(DatasetError, match=r"rows 2 and 4: 'a\.png' is said to show a left and a right hand"):
        Manifest(tmp_path).samples()
    (tmp_path / "manifest.csv").write_text("path,subject,hand\na.png,1,L\nb.png,2,\na.png,1,Left\na.png,1,\n")
    assert left_out(f"manifest:{tmp_path}") == {"a.png": "listed twice"}


def test_a_manifest_without_its_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,who\n1.png,Ann\n")
    with pytest.raises(UsageError, match=r"no column 'path'; its header must name path, subject"):
        understood(f"manifest:{tmp_path / 'a.csv'}")


def test_a_manifest_of_tabs_is_found_in_its_folder_and_two_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, "0001_0001.png", "0001_0002.png")
    (tmp_path / "manifest.tsv").write_text("path\tsubject\n0001_0001.png\tada\n0001_0002.png\tbea\n", encoding="utf-8")
    assert detect(tmp_path) == "manifest"
    assert {subject for subject, *_ in understood(f"manifest:{tmp_path}").values()} == {"ada", "bea"}
    (tmp_path / "manifest.csv").write_text("path,subject\n0001_0001.png,ada\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"holds manifest\.csv and manifest\.tsv; name one"):
        detect(tmp_path)
    assert len(understood(f"manifest:{tmp_path / 'manifest.tsv'}")) == 2


def test_a_first_line_that_declares_the_separator_is_no_header(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "b.png")
    table = tmp_path / "manifest.csv"
    table.write_text('sep=;\r\npath;subject\r\na.png;1,5\r\nb.png;"2"\r\n', encoding="utf-8-sig")
    assert {subject for subject, *_ in understood(f"manifest:{table}").values()} == {"1,5", "2"}
    table.write_text('sep=;\npath;subject\na.png;1\nb.png;"2\n', encoding="utf-8")
    with pytest.raises(UsageError, match="line 4"):
        understood(f"manifest:{table}")


def test_text_that_parquet_holds_as_bytes_is_text(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    tree(tmp_path, "a.png", "b.png")
    table = tmp_path / "manifest.parquet"
    parquet.write_table(pyarrow.table({"path": [b"a.png", b"b.png"], "subject": ["ü".encode(), b"v"]}), table)
    assert {subject for subject, *_ in understood(f"manifest:{table}").values()} == {"ü", "v"}
    parquet.write_table(pyarrow.table({"path": [b"a.png"], "subject": [b"\xff"]}), table)
    with pytest.raises(DatasetError, match="not text in UTF-8"):
        understood(f"manifest:{table}")
