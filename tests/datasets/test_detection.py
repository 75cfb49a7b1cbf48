from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from deidkit.datasets import detect, inspect_dataset
from deidkit.errors import DatasetError
from deidkit.plugins import create

from .trees import opened, tree

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no folder 'shared' with real pictures beside the checkout")


def refusal(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        detect(path)
    return str(caught.value)


def test_the_fallbacks_are_registered() -> None:
    assert {"numbered", "folders", "manifest"} <= {entry.name for entry in entry_points(group="deidkit.datasets")}


def test_an_adapter_of_another_package_is_found(tmp_path: Path, install: Callable[..., Path]) -> None:
    code = """
class Theirs:
    @classmethod
    def known_names(cls, folder, names):
        return sum(name.stem.startswith("theirs-") for name in names)
"""
    install("their_palms", code, "[deidkit.datasets]\ntheirs = their_palms:Theirs\nbroken = not_there:Class\n")
    tree(tmp_path, *(f"theirs-{letter}.jpg" for letter in "abcdef"))
    assert detect(tmp_path) == "theirs"


def test_a_few_strangers_do_not_hide_the_layout(tmp_path: Path) -> None:
    tree(tmp_path, *(f"00{subject}_{k}.jpg" for subject in range(1, 6) for k in range(1, 5)), "map.jpg")
    assert detect(tmp_path) == "coep"


def test_nothing_there(tmp_path: Path) -> None:
    assert "there is no file or folder" in refusal(tmp_path / "none")
    assert "holds no pictures" in refusal(tmp_path)
    (tmp_path / "a.txt").touch()
    assert "neither a folder nor a manifest" in refusal(tmp_path / "a.txt")


def test_nothing_fits(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "b.jpg", "001_1.jpg")
    said = refusal(tmp_path)
    assert "tried casia, coep, iitd" in said and "in part by: coep 1" in said and "manifest" in said


def test_an_adapter_that_understands_most_names_is_offered(tmp_path: Path) -> None:
    tree(tmp_path, "0001_0001.png", "0001_0002.png", "0002_0001.png", "IMG_2034.png")
    assert f"in part by: numbered 3. Name one yourself, e.g. numbered:{tmp_path}, or list" in refusal(tmp_path)
    assert len(opened(f"numbered:{tmp_path}").samples()) == 3


@pytest.mark.parametrize(
    "folders", [("original", "processed"), ("Left", "Right"), ("session1", "session2"), ("train", "x")]
)
def test_stages_of_processing_are_not_people(tmp_path: Path, folders: tuple[str, str]) -> None:
    tree(tmp_path, *(f"{folder}/{name}.jpg" for folder in folders for name in ("a", "b")))
    said = refusal(tmp_path)
    assert "no adapter understands" in said and "list the pictures in a manifest" in said.lower()
    assert {sample.subject for sample in opened(f"folders:{tmp_path}").samples()} <= {"x"}


def test_folders_that_name_no_person_are_not_advised(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{part}/{person:03}/1.jpg" for part in ("train", "test") for person in range(4)))
    said = refusal(tmp_path)
    assert "folders:" not in said and "List the pictures in a manifest" in said


def test_people_may_be_numbered_as_sessions_are(tmp_path: Path) -> None:
    tree(tmp_path, *(f"s{person}/{k}.jpg" for person in (1, 2) for k in (1, 2)))
    assert f"e.g. folders:{tmp_path}" in refusal(tmp_path)
    assert {sample.subject for sample in opened(f"folders:{tmp_path}").samples()} == {"s1", "s2"}


def test_two_data_sets_in_one_folder_are_not_people(tmp_path: Path) -> None:
    tree(tmp_path, *(f"coep/00{k}_1.jpg" for k in range(1, 5)), *(f"mine/{k}.jpg" for k in "abcdef"))
    assert "no adapter understands" in refusal(tmp_path)


@needs_data
def test_real_pictures() -> None:
    for name, adapter, samples, kind in [
        ("coep_whole_hand", "coep", 40, "hand"),
        ("tongji_roi_edcc", "tongji", 100, "roi"),
    ]:
        path = DATA / "tierB_local_only" / name
        if not path.is_dir():
            pytest.skip(f"{name} is not there")
        assert detect(path) == adapter
        found = inspect_dataset(create("dataset", f"{adapter}:{path}")[0], decode=True)
        assert len(found.samples) == samples and not found.excluded and not found.notes and not found.problem
        assert len({sample.identity for sample in found.samples}) == 10
        assert {sample.kind for sample in found.samples} == {kind}
    assert {sample.session for sample in found.samples} == {"1", "2"}
    for unclear in ("tierB_local_only", "tierA_open/xjtu_multipose_gulifan", "tierA_open/11k_hands_repo"):
        assert "no adapter understands" in refusal(DATA / unclear)


@pytest.mark.parametrize("number", [lambda person, k: f"0001_000{k}", lambda person, k: f"000{k}_0001"])
def test_numbers_that_begin_anew_in_each_persons_folder_name_nobody(
    tmp_path: Path, number: Callable[[str, int], str]
) -> None:
    tree(tmp_path, *(f"{person}/{number(person, k)}.png" for person in ("alice", "bob", "carol") for k in (1, 2)))
    said = refusal(tmp_path)
    assert "number 0001 in more than one" in said
    assert f"folders:{tmp_path}; if" in said and f"numbered:{tmp_path}" in said
    assert {sample.subject for sample in opened(f"folders:{tmp_path}").samples()} == {"alice", "bob", "carol"}


def test_a_person_whose_pictures_lie_in_two_parts_is_one(tmp_path: Path) -> None:
    tree(tmp_path, *(f"part{1 + (10 * n + k > 105)}/{n:04}_{k:04}.png" for n in range(20) for k in range(10)))
    assert detect(tmp_path) == "numbered"


def test_numbers_in_folders_of_groups_are_people(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{'female' if n % 2 else 'male'}/000{n}_000{k}.png" for n in (1, 2, 3, 4) for k in (1, 2)))
    assert detect(tmp_path) == "numbered"
    tree(tmp_path / "days", *(f"session{k}/000{n}_000{k}.png" for n in (1, 2, 3, 4) for k in (1, 2)))
    assert detect(tmp_path / "days") == "numbered"


def test_a_date_is_a_session_and_no_person(tmp_path: Path) -> None:
    tree(tmp_path / "by_day", *(f"2024-01-0{k}/{person}.png" for person in ("alice", "bob") for k in (1, 2)))
    assert "no adapter understands" in refusal(tmp_path / "by_day")
    tree(tmp_path / "by_person", *(f"{person}/2024-01-0{k}/a.png" for person in ("alice", "bob") for k in (1, 2)))
    assert detect(tmp_path / "by_person") == "folders"
    sessions = {sample.session for sample in opened(f"folders:{tmp_path / 'by_person'}").samples()}
    assert sessions == {"2024-01-01", "2024-01-02"}
