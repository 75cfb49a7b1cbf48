"""Each adapter on a small tree that follows the published naming."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deidkit.datasets import detect
from deidkit.datasets.generic import Numbered
from deidkit.datasets.published import CASIA, COEP, IITD, REST, Tongji
from deidkit.errors import DatasetError

from .trees import left_out, tree, understood

sys.path.insert(0, str(Path(__file__).parent))


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


def test_people_may_be_lettered(tmp_path: Path) -> None:
    root = tree(tmp_path / "people", *(f"{person}/{number}.png" for person in "JKLMQR" for number in (1, 2)))
    assert detect(root) == "folders" and left_out(f"folders:{root}") == {}
    assert {person for person, *_ in understood(f"folders:{root}").values()} == set("JKLMQR")
    hands = tree(tmp_path / "hands", *(f"{hand}/{number}.png" for hand in "LR" for number in (1, 2)))
    with pytest.raises(DatasetError, match="no adapter understands"):
        detect(hands)


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
