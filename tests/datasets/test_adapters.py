"""Each adapter on a small tree that follows the published naming."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deidkit import plugins
from deidkit.datasets import detect
from deidkit.datasets.casia import CASIA
from deidkit.datasets.coep import COEP
from deidkit.datasets.iitd import IITD
from deidkit.datasets.manifest import Manifest
from deidkit.datasets.numbered import Numbered
from deidkit.datasets.rest import REST
from deidkit.datasets.tongji import Tongji
from deidkit.errors import DatasetError, MissingDependency, SampleError, UsageError
from deidkit.protocols import Dataset, Sample

sys.path.insert(0, str(Path(__file__).parent))
from trees import tree, write


def opened(text: str) -> Any:
    return plugins.create("dataset", text)[0]


def understood(text: str) -> dict[str, tuple[str, str | None, str | None, str]]:
    dataset = opened(text)
    assert isinstance(dataset, Dataset)
    return {s.key: (s.subject, s.hand, s.session, s.kind) for s in dataset.samples()}


def left_out(text: str) -> dict[str, str]:
    return {item.key: item.reason for item in opened(text).skipped()}


def test_iitd_hands_win_over_their_regions(tmp_path: Path) -> None:
    root = tree(tmp_path / "IITD Palmprint V1", "Left Hand/001_1.JPG", "Right Hand/001_1.JPG",
                "Segmented/Left/001_1.bmp", "Segmented/Right/001_1.bmp", "Segmented/Right/230_6.bmp")  # fmt: skip
    assert detect(root) == "iitd"
    assert understood(f"iitd:{root}") == {
        "Left Hand/001_1.JPG": ("001", "left", None, "hand"),
        "Right Hand/001_1.JPG": ("001", "right", None, "hand"),
        "Segmented/Right/230_6.bmp": ("230", "right", None, "roi"),
    }
    assert left_out(f"iitd:{root}") == {
        f"Segmented/{side}/001_1.bmp": "another version of a picture that is used" for side in ("Left", "Right")
    }
    assert set(understood(f"iitd:{root},kind=roi")) == {
        "Segmented/Left/001_1.bmp", "Segmented/Right/001_1.bmp", "Segmented/Right/230_6.bmp"
    }  # fmt: skip
    assert detect(root / "Segmented") == detect(root / "Segmented/Left") == detect(root / "Left Hand") == "iitd"
    assert understood(f"iitd:{root / 'Segmented/Left'}") == {"001_1.bmp": ("001", "left", None, "roi")}


def test_coep_in_all_its_spellings(tmp_path: Path) -> None:
    root = tree(tmp_path, "001_IMG__ (1).JPG", "001_2.jpg", "127_img__(1.jpg", "127_IMG_(8).JPG", "x/080_IMG__ (3).jpg")
    assert detect(root) == "coep"
    assert [s[:3] for s in understood(f"coep:{root}").values()] == [
        ("001", None, None), ("001", None, None), ("127", None, None), ("127", None, None), ("080", None, None)
    ]  # fmt: skip
    assert {kind for *_, kind in understood(f"coep:{root}").values()} == {"hand"}


def test_rest(tmp_path: Path) -> None:
    root = tree(tmp_path / "REST database", "p1/Hand/Left/p1_l_2_1.jpg", "p1/Hand/Right/p1_r_2_1.jpg",
                "p150/Hand/Left/p150_l_1_11.JPG")  # fmt: skip
    assert detect(root) == "rest"
    assert list(understood(f"rest:{root}").values()) == [
        ("1", "left", None, "hand"), ("1", "right", None, "hand"), ("150", "left", None, "hand")
    ]  # fmt: skip
    assert detect(tree(tmp_path / "flat", "p1_l_1_1.jpg", "p2_r_1_3.jpg")) == "rest"


def test_casia(tmp_path: Path) -> None:
    root = tree(tmp_path, "0001/0001_m_l_01.jpg", "0001/0001_m_r_12.jpg", "0312/0312_f_l_01.jpg")
    assert detect(root) == "casia"
    assert list(understood(f"casia:{root}").values()) == [
        ("0001", "left", None, "hand"), ("0001", "right", None, "hand"), ("0312", "left", None, "hand")
    ]  # fmt: skip


def test_ntu_pi_uses_each_capture_once(tmp_path: Path) -> None:
    versions = [
        "img/12-L1.jpg",
        "flip/img/train/12-L1-Class7.jpg",
        "flip/imgOrg/train/12-L1-Class7.jpg",
        "imgMask/12-L1.jpg",
    ]
    root = tree(tmp_path, *versions, "flip/img/test/13-r2-Class8.jpeg", "img/14-L1.JPG")
    assert detect(root) == "ntu-pi"
    assert understood(f"ntu-pi:{root}") == {
        "flip/img/test/13-r2-Class8.jpeg": ("13", "right", None, "hand"),
        "img/12-L1.jpg": ("12", "left", None, "hand"),
        "img/14-L1.JPG": ("14", "left", None, "hand"),
    }
    assert set(left_out(f"ntu-pi:{root}")) == set(versions[1:])


def test_ntu_pi_as_its_authors_demonstrate_it(tmp_path: Path) -> None:
    """Their script writes turned, masked and smaller pictures beside the mirrored ones; none of them is a capture."""
    made = [f"1-L1-{what}Class1.jpg" for what in ("90", "180", "270", "_Mask_", "_Mask_169", "_Mask_351", "")]
    versions = [
        *(f"databases/NTU-PI-demo/flip/imgGen/{name}" for name in [*made, "1-L2-Class1.jpg", "1-R3-270Class2.JPG"]),
        "databases/NTU-PI-demo/flip/img/train/1-L1-Class1.jpg",
        "databases/NTU-PI-demo/flip/img/test/1-L2-Class1.jpg",
        "databases/NTU-PI-demo/imgMask/1-L1.jpg",
    ]
    used = [f"databases/NTU-PI-demo/img/{name}" for name in ("1-L1.jpg", "1-L2.jpg", "1-R3.JPG")]
    root = tree(tmp_path, *versions, *used)
    assert detect(root) == "ntu-pi"
    assert set(understood(f"ntu-pi:{root}")) == set(used)
    assert set(left_out(f"ntu-pi:{root}")) == set(versions)
    alone = tree(tmp_path / "only", *(f"flip/imgGen/{name}" for name in made))
    assert set(understood(f"ntu-pi:{alone}")) == {"flip/imgGen/1-L1-Class1.jpg"}


def test_polyu_ii(tmp_path: Path) -> None:
    root = tree(tmp_path, "P_F_1_1.bmp", "P_F_100_10.bmp", "P_S_1_12.bmp", side=(128, 128))
    assert detect(root) == "polyu-ii"
    assert list(understood(f"polyu-ii:{root}").values()) == [
        ("100", None, "1", "roi"), ("1", None, "1", "roi"), ("1", None, "2", "roi")
    ]  # fmt: skip


def test_mpdv2(tmp_path: Path) -> None:
    root = tree(tmp_path, "001_1_h_l_01.jpg", "001_2_m_l_10.jpg", "200_1_h_r_03.jpg")
    assert detect(root) == "mpdv2"
    assert list(understood(f"mpdv2:{root}").values()) == [
        ("001", "left", "1", "hand"), ("001", "left", "2", "hand"), ("200", "right", "1", "hand")
    ]  # fmt: skip


def test_tongji(tmp_path: Path) -> None:
    root = tree(tmp_path / "a", "session1/00001.bmp", "session1/00010.bmp", "session1/00011.bmp", "session2/00001.bmp")
    assert detect(root) == "tongji"
    assert list(understood(f"tongji:{root}").values()) == [
        ("000", None, "1", "roi"), ("000", None, "1", "roi"), ("001", None, "1", "roi"), ("000", None, "2", "roi")
    ]  # fmt: skip
    root = tree(tmp_path / "b", "session1/00001.tiff", "ROI/session1/00001.bmp", "ROI/session2/06000.bmp")
    assert understood(f"tongji:{root}") == {
        "ROI/session2/06000.bmp": ("599", None, "2", "roi"), "session1/00001.tiff": ("000", None, "1", "hand")
    }  # fmt: skip
    assert set(understood(f"tongji:{root},kind=hand")) == {"session1/00001.tiff"}
    assert "ROI/session2/06000.bmp" in left_out(f"tongji:{root},kind=hand")


@pytest.mark.parametrize("name", ["polyu", "zhou"])
def test_flat_names_that_begin_with_the_identity(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, "1_left_01.bmp", "001_b.bmp", "177_x.bmp", "note.bmp", side=(128, 128))
    assert sorted(s[0] for s in understood(f"{name}:{root}").values()) == ["1", "1", "177"]
    assert {s[3] for s in understood(f"{name}:{root}").values()} == {"roi"}
    assert left_out(f"{name}:{root}") == {"note.bmp": "name not understood"}


def test_numbered_and_what_its_pictures_are(tmp_path: Path) -> None:
    regions = tree(tmp_path / "a", "0001_0001.bmp", "0001_0002.bmp", "0002_0001.bmp", side=(128, 128))
    assert detect(regions) == "numbered"
    assert next(iter(understood(f"numbered:{regions}").values())) == ("0001", None, None, "roi")
    assert next(iter(understood(f"numbered:{regions},kind=hand").values())) == ("0001", None, None, "hand")
    hands = tree(tmp_path / "b", "12_1.png", "12_11.png", side=(64, 48))
    assert detect(hands) == "numbered"
    assert next(iter(understood(f"numbered:{hands}").values())) == ("12", None, None, "hand")


def test_folders(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "set", "Ann Ä/1.png", "Ann Ä/2.png", "Bob/left/1.png", "Bob/right/session 2/1.png", "Bob/day3/x.png"
    )
    assert detect(root) == "folders"
    assert list(understood(f"folders:{root}").values()) == [
        ("Ann Ä", None, None, "hand"), ("Ann Ä", None, None, "hand"), ("Bob", None, "day3", "hand"),
        ("Bob", "left", None, "hand"), ("Bob", "right", "session 2", "hand"),
    ]  # fmt: skip
    tree(root, "lost.png", "Bob/a/b/x.png")
    assert left_out(f"folders:{root}") == {
        "lost.png": "name not understood", "Bob/a/b/x.png": "name not understood"
    }  # fmt: skip


def test_11k_hands(tmp_path: Path) -> None:
    root = tree(tmp_path / "Hands", "Hand_0000002.jpg", "Hand_0000003.jpg", "Hand_0000004.jpg", "Hand_0000099.jpg")
    (tmp_path / "HandInfo.csv").write_text(
        "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities\n"
        "0,27,male,fair,0,0,dorsal right,Hand_0000002.jpg,0\n"
        "0,27,male,fair,0,0,palmar right,Hand_0000003.jpg,0\n"
        "1000,27,male,fair,0,0,palmar left,Hand_0000004.jpg,0\n"
        "1000,27,male,fair,0,0,palmar left,Hand_0000005.jpg,0\n"
    )
    assert detect(root) == detect(tmp_path) == "11k-hands"
    assert understood(f"11k-hands:{root}") == {
        "Hand_0000003.jpg": ("0", "right", None, "hand"), "Hand_0000004.jpg": ("1000", "left", None, "hand")
    }  # fmt: skip
    assert left_out(f"11k-hands:{root}") == {
        "Hand_0000002.jpg": "back of the hand",
        "Hand_0000099.jpg": "name not understood",
        "Hand_0000005.jpg": "listed in HandInfo.csv but missing",
    }
    (tmp_path / "HandInfo.csv").unlink()
    with pytest.raises(DatasetError, match=r"no HandInfo\.csv"):
        understood(f"11k-hands:{root}")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
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
    with pytest.raises(DatasetError, match="no column 'subject'"):
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
    "names", [("1", "0001"), ("Anna", "anna"), ("0", "00"), ("1", "1.0"), ("\u00e9", "e\u0301"), ("A B", "A  B")]
)
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


def test_a_manifest_without_its_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,who\n1.png,Ann\n")
    with pytest.raises(UsageError, match=r"no column 'path'; its header must name path, subject"):
        understood(f"manifest:{tmp_path / 'a.csv'}")


def test_aliases_join_people(tmp_path: Path) -> None:
    root = tree(tmp_path / "c", "080_1.jpg", "155_1.jpg", "157_1.jpg", "001_1.jpg")
    aliases = tmp_path / "same.csv"
    aliases.write_text("subject,same_as\n157,155\n155,080\n")
    assert [s[0] for s in understood(f"coep:{root},aliases={aliases}").values()] == ["001", "080", "080", "080"]
    for text, said in [("999,080", "'999', who is not in the data set"), ("155,080\n080,155", "circle"),
                       ("155,080\n155,157", "two meanings")]:  # fmt: skip
        aliases.write_text(f"subject,same_as\n{text}\n")
        with pytest.raises(UsageError, match=said):
            understood(f"coep:{root},aliases={aliases}")


def test_files_of_all_sorts_in_one_folder(tmp_path: Path) -> None:
    root = tree(tmp_path / "set", "001_1.jpg", "001_2.jpg", "Hand of Zoë.jpg")
    for name in ("Thumbs.db", ".DS_Store", "._001_1.jpg", "desktop.ini"):
        (root / name).write_bytes(b"x")
    tree(root, ".hidden/001_3.jpg", "__MACOSX/001_4.jpg")
    (root / "readme.txt").write_text("x")
    (root / "001_5.jpg").symlink_to(root / "none.jpg")
    (root / "001_6.jpg").symlink_to(write(tmp_path / "elsewhere.jpg"))
    tree(tmp_path / "more", "002_1.jpg")
    (root / "linked").symlink_to(tmp_path / "more")
    (root / "circle").symlink_to(root)
    write(root / "001_1.png")
    assert sorted(understood(f"coep:{root}")) == ["001_1.jpg", "001_2.jpg", "001_6.jpg", "linked/002_1.jpg"]
    assert left_out(f"coep:{root}") == {
        "readme.txt": "not a picture by its name",
        "001_5.jpg": "broken link or no file",
        "Hand of Zoë.jpg": "name not understood",
        "001_1.png": "name not understood",
    }


def test_one_picture_in_two_formats_is_used_once(tmp_path: Path) -> None:
    root = tree(tmp_path, "0001_0001.png", "0001_0001.bmp", "0001_0002.png")
    assert sorted(understood(f"numbered:{root}")) == ["0001_0001.bmp", "0001_0002.png"]
    assert left_out(f"numbered:{root}") == {"0001_0001.png": "another version of a picture that is used"}


def test_names_are_composed_on_every_machine(tmp_path: Path) -> None:
    tree(tmp_path, "Zoe\u0308/1.png", "Zoe\u0308/2.png", "Ann/1.png")
    assert {s.subject for s in opened(f"folders:{tmp_path}").samples()} == {"Zoë", "Ann"}


@pytest.mark.slow
def test_reading_and_digest(tmp_path: Path) -> None:
    root = tree(tmp_path, "001_1.jpg")
    dataset = opened(f"coep:{root}")
    (sample,) = dataset.samples()
    assert dataset.read(sample).shape == (24, 32, 3)
    assert dataset.digest(sample) == hashlib.sha256((root / "001_1.jpg").read_bytes()).hexdigest()
    with pytest.raises(SampleError, match="more than 100 pixels"):
        opened(f"coep:{root},max_pixels=100").read(sample)
    (root / "001_1.jpg").unlink()
    for broken in (sample, Sample(key="x", subject="x")):
        with pytest.raises(SampleError):
            dataset.digest(broken)


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()
    with pytest.raises(DatasetError, match="there is no file or folder"):
        understood(f"coep:{tmp_path / 'none'}")
    with pytest.raises(DatasetError, match="is not a folder"):
        understood(f"coep:{tmp_path / 'file.txt'}")
    with pytest.raises(DatasetError, match=r"holds no manifest\.csv"):
        understood(f"manifest:{tmp_path}")


def test_every_adapter_says_what_it_is_for() -> None:
    for entry in entry_points(group="deidkit.datasets"):
        if entry.name == "synthetic" or not entry.value.startswith("deidkit."):
            continue
        adapter = entry.load()
        assert adapter.__doc__ and adapter.layout and adapter.source


digits = st.integers(1, 999)


@given(
    subject=digits,
    capture=st.integers(1, 8),
    spelling=st.sampled_from(["{}_IMG__ ({}).JPG", "{}_{}.jpg", "{}_img__({}.jpg"]),
)
def test_coep_names_round_trip(subject: int, capture: int, spelling: str) -> None:
    name = COEP.understand(PurePosixPath("coep", spelling.format(f"{subject:03d}", capture)))
    assert name is not None and int(name.subject) == subject


@given(number=st.integers(1, 6000), session=st.sampled_from("12"))
def test_tongji_numbers_round_trip(number: int, session: str) -> None:
    name = Tongji.understand(PurePosixPath("x", f"session{session}", f"{number:05d}.bmp"))
    assert name is not None and name.session == session
    first = int(name.subject) * 10 + 1
    assert first <= number < first + 10


@given(subject=digits, capture=st.integers(1, 99), hand=st.sampled_from(["left", "right"]))
def test_hands_round_trip(subject: int, capture: int, hand: str) -> None:
    letter = hand[0]
    for name in (
        REST.understand(PurePosixPath("r", f"p{subject}_{letter}_3_{capture}.jpg")),
        CASIA.understand(PurePosixPath("c", f"{subject:04d}_m_{letter}_{capture:02d}.jpg")),
        IITD.understand(PurePosixPath("i", f"{hand.title()} Hand", f"{subject:03d}_{capture}.JPG")),
    ):
        assert name is not None and int(name.subject) == subject and name.hand == hand


@pytest.mark.slow
@given(st.text(max_size=20))
def test_no_name_breaks_an_adapter(text: str) -> None:
    path = PurePosixPath("root", f"{text}.jpg")
    for adapter in (CASIA, COEP, IITD, Numbered, REST, Tongji):
        adapter.understand(path)
