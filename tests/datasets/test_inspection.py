from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deidkit.datasets import Inspection, inspect_dataset, read_exclusions, write_exclusions
from deidkit.datasets.inspection import ALIAS, DUPLICATE, UNKNOWN_HAND, fingerprint
from deidkit.datasets.published import COEP
from deidkit.errors import DatasetError, UsageError
from deidkit.progress import Stage
from deidkit.protocols import Image, Sample

from .trees import opened, tree


def coep(root: Path, *subjects: str, captures: int = 3) -> Path:
    return tree(root, *(f"{subject}_{k}.jpg" for subject in subjects for k in range(1, captures + 1)))


def left_out(found: Inspection) -> dict[str, str]:
    return {item.key: item.reason for item in found.excluded}


def test_a_clean_data_set(tmp_path: Path) -> None:
    found = inspect_dataset(COEP(coep(tmp_path, "001", "002")))
    assert [sample.key for sample in found.samples] == [f"00{s}_{k}.jpg" for s in (1, 2) for k in (1, 2, 3)]
    assert len(set(found.digests)) == 6 and found.sizes == [(32, 24)] * 6
    assert (found.excluded, found.exclusions, found.aliases, found.single, found.notes) == ([], [], [], [], [])
    assert found.problem == ""


def test_unreadable_files_are_told_apart(tmp_path: Path) -> None:
    root = coep(tmp_path, "001", "002")
    (root / "001_1.jpg").write_bytes(b"")
    (root / "001_2.jpg").write_text("text")
    whole = (root / "002_1.jpg").read_bytes()
    (root / "002_1.jpg").write_bytes(whole[:-20])
    without_decoding = {
        "001_1.jpg": "unreadable: the file is empty",
        "001_2.jpg": "unreadable: the file is not a picture in a format that can be read",
    }
    assert left_out(inspect_dataset(COEP(root))) == {
        **without_decoding,
        "002_1.jpg": "unreadable: damaged: the file is truncated",
    }
    (root / "002_1.jpg").write_bytes(whole[:-20] + b"\xff\xd9")  # as if it were whole
    assert left_out(inspect_dataset(COEP(root))) == without_decoding
    found = inspect_dataset(COEP(root), decode=True)
    assert left_out(found)["002_1.jpg"] == "unreadable: damaged: the file is truncated"
    assert found.sizes == [(32, 24)] * 3 and found.single == ["001"]
    assert sum(item.count for item in found.exclusions) == 3


def test_duplicates_within_an_identity_are_used_once(tmp_path: Path) -> None:
    root = coep(tmp_path, "001", "002")
    shutil.copy(root / "001_1.jpg", root / "001_4.jpg")
    shutil.copy(root / "001_1.jpg", root / "001_5.jpg")
    found = inspect_dataset(COEP(root))
    assert left_out(found) == {"001_4.jpg": DUPLICATE, "001_5.jpg": DUPLICATE}
    assert found.aliases == [] and len(found.notes) == 1 and found.notes[0].startswith("2 pictures repeat another one")


def test_a_picture_of_no_known_hand_is_no_identity_beside_the_known_ones(tmp_path: Path) -> None:
    root = tree(
        tmp_path, *(f"Ann/{name}.png" for name in ("left/1", "left/2", "right/1", "3")), "Bob/1.png", "Bob/2.png"
    )
    found = inspect_dataset(opened(f"folders:{root}"))
    assert left_out(found) == {"Ann/3.png": UNKNOWN_HAND}
    assert {sample.identity for sample in found.samples} == {"Ann/left", "Ann/right", "Bob"}
    assert found.notes[0].startswith("1 picture does not tell the hand") and "Fill in the hand" in found.notes[0]


def test_identities_that_share_a_picture_count_once(tmp_path: Path) -> None:
    root = coep(tmp_path, "001", "080", "155", "157", "002")
    shutil.copy(root / "155_2.jpg", root / "080_4.jpg")
    shutil.copy(root / "157_3.jpg", root / "155_4.jpg")
    found = inspect_dataset(COEP(root))
    assert found.aliases == [("080", "155", "157")]
    assert {sample.identity for sample in found.samples} == {"001", "002", "080"}
    assert sum(sample.identity == "080" for sample in found.samples) == 4
    assert set(left_out(found).values()) == {ALIAS} and len(found.excluded) == 7
    assert "2 identities" in found.notes[0] and "7 pictures" in found.notes[0]
    assert not any(name in note for note in found.notes for name in ("080", "155"))


def test_a_list_of_aliases_or_of_exclusions_settles_it(tmp_path: Path) -> None:
    root = coep(tmp_path / "c", "080", "155")
    shutil.copy(root / "155_2.jpg", root / "080_4.jpg")
    (tmp_path / "same.csv").write_text("subject,same_as\n155,080\n")
    joined = inspect_dataset(COEP(root, aliases=tmp_path / "same.csv"))
    assert joined.aliases == [] and left_out(joined) == {"155_2.jpg": DUPLICATE} and len(joined.samples) == 6
    (tmp_path / "out.csv").write_text("key\n080_4.jpg\n155_2.jpg\n")
    apart = inspect_dataset(COEP(root), exclude=tmp_path / "out.csv")
    assert apart.aliases == [] and len(apart.samples) == 5
    assert left_out(apart) == dict.fromkeys(["080_4.jpg", "155_2.jpg"], "on the exclusion list")


def test_exclusions_are_written_and_read(tmp_path: Path) -> None:
    root = coep(tmp_path / "c", "001", "002")
    shutil.copy(root / "001_1.jpg", root / "001_4.jpg")
    found = inspect_dataset(COEP(root))
    write_exclusions(tmp_path / "list.csv", found.excluded)
    assert read_exclusions(tmp_path / "list.csv") == {"001_4.jpg"}
    again = inspect_dataset(COEP(root), exclude=tmp_path / "list.csv")
    assert again.fingerprint == found.fingerprint and len(again.excluded) == 1


def test_an_exclusion_list_that_does_not_fit(tmp_path: Path) -> None:
    root = coep(tmp_path / "c", "001", "002")
    listed = tmp_path / "list.csv"
    listed.write_text("key\n999_1.jpg\n")
    with pytest.raises(UsageError, match="names no sample"):
        inspect_dataset(COEP(root), exclude=listed)
    listed.write_text("key\n999_1.jpg\n001_1.jpg\n")
    assert inspect_dataset(COEP(root), exclude=listed).notes == [
        "1 entries of the exclusion list name no sample of this data set."
    ]
    for content, said in [(b"file\nx\n", "no column 'key'"), (b"key\n\xff\xfe\n", "UTF-8"), (b"", "no column 'key'")]:
        listed.write_bytes(content)
        with pytest.raises(UsageError, match=said):
            read_exclusions(listed)
    with pytest.raises(UsageError, match="cannot be read"):
        read_exclusions(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="cannot be written"):
        write_exclusions(tmp_path / "none" / "list.csv", [])


@pytest.mark.parametrize(("subjects", "captures", "said"), [(["001"], 3, "only one identity"),
                                                            (["001", "002"], 1, "no identity has two samples"),
                                                            (["001"], 1, "1 usable sample; an audit needs")])  # fmt: skip
def test_what_no_audit_can_be_made_of(tmp_path: Path, subjects: list[str], captures: int, said: str) -> None:
    assert said in inspect_dataset(COEP(coep(tmp_path, *subjects, captures=captures))).problem


def test_what_was_left_out_is_named_with_the_problem(tmp_path: Path) -> None:
    folder = coep(tmp_path, "001", "002", captures=2)
    for path in [*folder.rglob("*.*")]:
        path.write_text("no picture")
    problem = inspect_dataset(COEP(folder)).problem
    assert problem.startswith("0 usable samples; an audit needs at least two (4 left out: unreadable: ")


class Generated:
    """A data set without files, and without the optional `skipped`."""

    version = "1"

    def samples(self) -> list[Sample]:
        return [Sample(key=f"{s}/{k}", subject=s) for s in "ab" for k in "12"]

    def read(self, sample: Sample) -> Image:
        return np.zeros((4, 6, 3), np.uint8)

    def digest(self, sample: Sample) -> str:
        return sample.key


class Watching:
    def __init__(self) -> None:
        self.done = 0

    def advance(self, items: int = 1) -> None:
        self.done += items

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Stage]:
        assert total == 4
        yield self

    def note(self, sentence: str) -> None: ...


def test_generated_samples_and_progress() -> None:
    watching = Watching()
    found = inspect_dataset(Generated(), progress=watching)
    assert found.sizes == [None] * 4 and watching.done == 4 and not found.problem
    assert inspect_dataset(Generated(), decode=True).sizes == [(6, 4)] * 4


class Told(Generated):
    """Names whatever it is told."""

    def __init__(self, *named: object) -> None:
        self.named = named

    def samples(self) -> list:
        return list(self.named)


@pytest.mark.parametrize("subject", [None, "", " ", "nan", "NA", float("nan"), True])
def test_a_sample_of_nobody_is_refused(subject: object) -> None:
    with pytest.raises(DatasetError, match="sample 'b' has no subject"):
        inspect_dataset(Told(Sample("a", "Anna"), Sample("b", subject)))  # type: ignore[arg-type]


@pytest.mark.parametrize("sample", ["a.png", ("a", "Anna"), Sample("", "Anna"), Sample(3, "Anna"), None])  # type: ignore[arg-type]
def test_what_is_no_sample_is_refused(sample: object) -> None:
    with pytest.raises(DatasetError, match="where a Sample with a text for a key is needed"):
        inspect_dataset(Told(sample))


def test_subjects_that_may_be_one_person_are_told_of() -> None:
    found = inspect_dataset(Told(*(Sample(key, name) for key, name in zip("abcd", ("1", 1, "01", "2"), strict=True))))
    assert [sample.subject for sample in found.samples] == ["1", "1", "01", "2"]
    assert found.notes[0].startswith("1 groups of subjects differ only by letter case, leading zeros")


records = st.lists(
    st.tuples(st.text(), st.text(min_size=1), st.sampled_from(["left", "right", None]), st.text()), max_size=6
)


@given(records, st.randoms())
def test_the_fingerprint_knows_no_order(rows: list[tuple[str, str, None, str]], random: object) -> None:
    samples = [Sample(key=key, subject=subject, hand=hand) for key, subject, hand, _ in rows]
    digests = [digest for *_, digest in rows]
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = fingerprint([samples[k] for k in order], [digests[k] for k in order])
    assert shuffled == fingerprint(samples, digests)
    if rows:
        assert fingerprint(samples, [*digests[:-1], digests[-1] + "x"]) != shuffled
