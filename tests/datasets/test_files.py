"""Files of a data set: which are used, how they are read, and aliases of their people."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deidkit.errors import DatasetError, SampleError, UsageError
from deidkit.protocols import Sample

from .trees import left_out, opened, tree, understood, write


def test_aliases_join_people(tmp_path: Path) -> None:
    root = tree(tmp_path / "c", "080_1.jpg", "155_1.jpg", "157_1.jpg", "001_1.jpg")
    aliases = tmp_path / "same.csv"
    aliases.write_text("subject,same_as\n157,155\n155,080\n")
    assert [s[0] for s in understood(f"coep:{root},aliases={aliases}").values()] == ["001", "080", "080", "080"]
    for text, said in [("999,080", "'999', who is not in the data set"), ("155,080\n080,155", "circular"),
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
