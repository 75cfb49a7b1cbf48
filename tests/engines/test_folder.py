"""A third party's finished pictures: what belongs to what, and what is wrong with them."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

import deidkit
from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import UsageError
from deidkit.images import decode_image, read_image, write_image
from deidkit.protocols import Failure, Sample
from deidkit.synthesis import HandGenerator
from deidkit.testing import ExampleImage

SHAPE = (30, 40)
CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder


def save(folder: Path, name: str, level: int, shape: tuple[int, int] = SHAPE) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.full((*shape, 3), level, np.uint8))
    return path


def engine(folder: Path, more: str = "") -> Any:
    return plugins.create("engine", f"folder:{folder}{more}")[0]


def image(key: str) -> ExampleImage:
    return ExampleImage(Sample(key, key), np.zeros((*SHAPE, 3), np.uint8))


def levels(made: Any, *keys: str, seeds: tuple[int, ...] = (0,), expect: bool = True) -> list[list[int | str]]:
    """Grey level of each copy, or the reason why there is none."""
    images = [image(key) for key in keys]
    if expect:
        made.expect([one.sample for one in images])
    return [
        [item.reason if isinstance(item, Failure) else round(float(item.mean())) for item in items]
        for items in made.deidentify(images, seeds)
    ]


def findings(made: Any, *samples: str | Sample) -> dict[str, int]:
    known = [Sample(sample, sample) if isinstance(sample, str) else sample for sample in samples]
    return {finding.finding: finding.count for finding in made.coverage(known)}


MISSING = "no de-identified picture in the folder"
AMBIGUOUS = "the names in the folder do not tell which picture belongs to which original; a manifest does"


@pytest.mark.parametrize(
    ("key", "copy"),
    [
        ("a.jpg", "a.jpg"),
        ("a.jpg", "a.png"),
        ("a.JPG", "a_de-id.png"),
        ("s1/a.jpg", "s1/a.png"),
        ("s1/a.jpg", "s1/a_de-id.bmp"),
        ("s1/a.jpg", "a.png"),
        ("a.jpg", "out/a.png"),
        ("hands/s1/a.jpg", "s1/a.png"),
        ("a.v2.final.jpg", "a.v2.final.png"),
        ("s0001_l_2", "s0001_l_2.png"),
        (unicodedata.normalize("NFC", "Anné.jpg"), unicodedata.normalize("NFD", "Anné_de-id.png")),
    ],
)
def test_copies_are_found_by_name(copies: Path, key: str, copy: str) -> None:
    save(copies, copy, 7)
    save(copies, "another.png", 8)
    for expect in (True, False):
        assert levels(engine(copies), key, "missing.jpg", expect=expect) == [[7], [MISSING]]


def test_several_copies_stand_in_for_seeds(copies: Path) -> None:
    for number in (1, 2, 10):
        save(copies, f"a_de-id_{number}.png", 10 * number)
    save(copies, "b_de-id.png", 5)
    made = engine(copies)
    assert made.diverse
    fewer = "the folder holds fewer copies than seeds were asked for"
    assert levels(made, "a.jpg", "b.jpg", seeds=(0, 1, 2, 3)) == [[10, 20, 100, fewer], [5, fewer, fewer, fewer]]
    assert levels(made, "a.jpg", seeds=(2, 0)) == [[100, 10]]  # a seed is a copy, wherever it stands


def test_one_copy_each_needs_one_seed(copies: Path) -> None:
    save(copies, "a.png", 1)
    save(copies, "b.png", 2)
    assert not engine(copies).diverse


def test_an_original_left_beside_its_copy_is_not_a_copy(copies: Path) -> None:
    save(copies, "a.png", 1)
    save(copies, "a_de-id.png", 2)
    made = engine(copies)
    assert levels(made, "a.png") == [[2]]
    assert findings(made, "a.png") == {"extra": 1}


@pytest.mark.parametrize("name", ["backup/raw 7.bmp", ".a.png", "a.png"])
def test_an_original_in_the_folder_is_named_whatever_it_is_called(name: str, copies: Path, tmp_path: Path) -> None:
    sample = Sample("a.png", "a", path=save(tmp_path / "hands", "a.png", 1))
    save(copies, "a_de-id.png", 2)
    save(copies, "b_de-id.png", 3)
    assert "original beside" not in findings(engine(copies), sample)
    save(copies, name, 1)
    assert findings(engine(copies), sample)["original beside"] == 1


@pytest.mark.parametrize("name", ["a.png_original", "a.png.bak", "old/a.dat", ".a"])
def test_an_original_is_known_by_its_content(name: str, copies: Path, tmp_path: Path) -> None:
    sample = Sample("a.png", "a", path=save(tmp_path / "hands", "a.png", 1))
    save(copies, "a_de-id.png", 2)
    (copies / "notes.txt").write_text("BM")
    save(copies / "old", "b.png", 3).rename(copies / "b.dat")
    assert "original beside" not in findings(engine(copies), sample)
    save(copies / "old", "a.png", 1).rename(copies / name)
    assert findings(engine(copies), sample)["original beside"] == 1


@pytest.fixture
def hands(tmp_path: Path) -> list[Sample]:
    generator = HandGenerator(seed=77, width=360, height=480)
    samples = []
    for subject in range(2):
        for number in range(2):
            path = tmp_path / "hands" / f"{subject}_{number}.png"
            path.parent.mkdir(exist_ok=True)
            write_image(path, generator.sample(generator.identity(subject), number).pixels)
            samples.append(Sample(path.name, str(subject), path=path))
    return samples


@pytest.mark.parametrize(
    ("suffix", "scale", "how"),
    [
        ("jpg", 1, {"quality": 95}),
        ("jpg", 1, {"quality": 75}),
        ("webp", 1, {"quality": 98}),
        ("jp2", 1, {"quality_mode": "rates", "quality_layers": [8]}),
        ("png", 0.5, {}),
        ("jpg", 0.7, {"quality": 90}),
        ("png", 1.5, {}),
    ],
)
def test_an_original_that_was_saved_again_is_found(
    suffix: str, scale: float, how: dict[str, Any], hands: list[Sample], copies: Path
) -> None:
    for sample in hands:
        assert sample.path is not None
        with Pillow.open(sample.path) as picture:
            size = round(picture.width * scale), round(picture.height * scale)
            picture.resize(size, Pillow.Resampling.LANCZOS).save(copies / f"raw {sample.path.stem}.{suffix}", **how)
    save(copies, "another_de-id.png", 3)
    assert findings(engine(copies), *hands)["original beside"] == len(hands)


@pytest.mark.parametrize("treatment", ["fill", "blur", "pixelate", "exchange"])
@pytest.mark.parametrize("quality", [100, 80])
@pytest.mark.parametrize("scale", [1, 0.5])
def test_a_copy_beside_is_no_original(
    treatment: str, quality: int, scale: float, hands: list[Sample], copies: Path
) -> None:
    pixels = [read_image(sample.path) for sample in hands if sample.path is not None]
    region = np.s_[200:340, 120:240]
    for number, picture in enumerate(pixels):
        copy = picture.copy()
        palm = picture[region]
        if treatment == "fill":
            copy[region] = palm.mean(axis=(0, 1))
        elif treatment == "blur":
            copy[region] = cv2.GaussianBlur(palm, (0, 0), 5)
        elif treatment == "pixelate":
            blocks = cv2.resize(palm, (15, 17), interpolation=cv2.INTER_AREA)
            copy[region] = cv2.resize(blocks, palm.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        else:
            copy[region] = pixels[number - 2][region]
        size = round(360 * scale), round(480 * scale)
        Pillow.fromarray(copy).resize(size).save(copies / f"extra {number}.jpg", quality=quality, subsampling=0)
    found = findings(engine(copies), *hands)
    assert found["extra"] == len(hands) and "original beside" not in found


def test_originals_of_another_size_are_not_decoded_for_an_extra_picture(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = {"a": (30, 40), "b": (40, 30), "c": (90, 120)}
    samples = [
        Sample(f"{name}.png", name, path=save(tmp_path / "hands", f"{name}.png", 9, shape))
        for name, shape in shapes.items()
    ]
    for name in shapes:
        save(copies, f"{name}_de-id.png", 2)
    save(copies, "raw.png", 9)
    decoded = []

    def counted(data: bytes) -> Any:
        decoded.append(data)
        return decode_image(data)

    monkeypatch.setattr("deidkit_engines.beside.decode_image", counted)
    assert findings(engine(copies), *samples)["original beside"] == 1
    assert len(decoded) == 2


def test_copies_may_lie_beside_the_data_set_itself(tmp_path: Path) -> None:
    sample = Sample("a.png", "a", path=save(tmp_path, "a.png", 1))
    save(tmp_path, "a_de-id.png", 2)
    assert findings(engine(tmp_path), sample) == {"extra": 1}


@pytest.mark.parametrize("isolate", [False, True])
def test_copies_that_nobody_examines_are_named(isolate: bool, copies: Path, tmp_path: Path) -> None:
    (tmp_path / "hands").mkdir()
    for number, name in enumerate(("1_1", "1_2", "2_1", "2_2")):
        original = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        write_image(tmp_path / "hands" / f"{name}.png", original)
        write_image(copies / f"{name}_de-id_1.png", 255 - np.roll(original, 7, axis=0))
        write_image(copies / f"{name}_de-id_2.png", original)

    def found(seeds: int) -> dict[str, int]:
        result = deidkit.audit(
            f"numbered:{tmp_path / 'hands'},kind=roi",
            f"folder:{copies}",
            "compcode",
            attack="none",
            seeds=seeds,
            isolate=isolate,
        ).result
        return {finding.finding: finding.count for finding in result.engines[0].coverage}

    assert found(1)["not examined"] == 4
    every = found(2)
    assert every["unchanged"] == 4
    assert "not examined" not in every


def test_a_name_that_two_originals_share_is_nobodys(copies: Path) -> None:
    """Taken for both, one of them would be compared with a stranger and look perfectly de-identified."""
    save(copies, "a.png", 1)
    save(copies, "b.png", 2)
    made = engine(copies)
    assert levels(made, "s1/a.jpg", "s2/a.jpg", "s1/b.jpg") == [[AMBIGUOUS], [AMBIGUOUS], [2]]
    assert findings(made, "s1/a.jpg", "s2/a.jpg", "s1/b.jpg") == {"ambiguous": 2, "extra": 1}


def test_the_copy_of_another_folder_is_not_taken(copies: Path) -> None:
    save(copies, "s2/a.png", 2)
    for expect in (True, False):
        assert levels(engine(copies), "s1/a.jpg", "s2/a.jpg", expect=expect) == [[MISSING], [2]]


def test_two_files_for_one_original(copies: Path) -> None:
    save(copies, "a.png", 1)
    save(copies, "a.bmp", 2)
    assert levels(engine(copies), "a.bmp") == [[2]]  # the same format wins
    assert levels(engine(copies), "a.jpg") == [[AMBIGUOUS]]
    save(copies, "x/b.png", 1)
    save(copies, "y/b.png", 2)
    assert levels(engine(copies), "b.png") == [[AMBIGUOUS]]


def test_a_manifest_says_it_in_so_many_words(copies: Path, tmp_path: Path) -> None:
    for level, name in enumerate(("one.png", "deep/two.png", "three.png"), start=1):
        save(copies, name, level)
    manifest = tmp_path / "list.csv"
    manifest.write_text(
        "\ufeffdeidentified,original\nthree.png,s1/a.jpg\none.png,s1/a.jpg\ndeep\\two.png,b.jpg\ngone.png,c.jpg\n,\n",
        encoding="utf-8",
    )
    made = engine(copies, f",manifest={manifest}")
    assert levels(made, "s1/a.jpg", "x/b.jpg", "c.jpg", seeds=(0, 1)) == [
        [3, 1],
        [2, "the folder holds fewer copies than seeds were asked for"],
        [MISSING, MISSING],
    ]
    assert levels(made, "x/b.jpg", "y/b.jpg") == [[AMBIGUOUS], [AMBIGUOUS]]


def test_a_copy_of_another_size_is_brought_to_the_originals(copies: Path, tmp_path: Path) -> None:
    for name, shape in (("a", (60, 80)), ("b", (40, 30)), ("c", SHAPE)):
        save(copies, f"{name}.png", 100, shape)
        save(tmp_path / "hands", f"{name}.png", 0)
    command = ["deidentify", str(tmp_path / "hands"), str(tmp_path / "out"), "--engine", f"folder:{copies}"]
    result = CliRunner().invoke(main, [*command, "--kind", "roi"])
    assert result.exit_code == 0, result.output
    assert [read_image(tmp_path / "out" / f"{name}.png").shape for name in "abc"] == [(*SHAPE, 3)] * 3


def test_unreadable_files_fail_alone(copies: Path) -> None:
    save(copies, "a.png", 1)
    (copies / "b.png").write_bytes(b"not a picture")
    (copies / "c.png").touch()
    made = engine(copies)
    found = levels(made, "a.png", "b.png", "c.png")
    assert found[0] == [1]
    assert found[1:] == [["the file is not a picture in a format that can be read"], ["the file is empty"]]
    assert not any("b.png" in str(items[0]) or str(copies) in str(items[0]) for items in found)
    assert findings(made, "a.png", "b.png", "c.png") == {"unreadable": 2}


def test_a_damaged_copy_is_no_copy(copies: Path) -> None:
    """A JPEG cut in the middle of its pixels, with an end marker again: viewers show it, grey below."""
    save(copies, "a.jpg", 1)
    picture = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
    write_image(copies / "b.jpg", picture)
    whole = (copies / "b.jpg").read_bytes()
    (copies / "b.jpg").write_bytes(whole[: len(whole) * 2 // 3] + b"\xff\xd9")
    made = engine(copies)
    ((good,), (bad,)) = made.deidentify([image("a.jpg"), image("b.jpg")], [0])
    assert good.shape == (*SHAPE, 3)
    assert bad == Failure("read", "damaged: the file is truncated")
    assert findings(made, "a.jpg", "b.jpg") == {"damaged": 1}
    assert made.delivered_file(Sample("b.jpg", "b"), 0) == (copies / "b.jpg").read_bytes()
    assert made.delivered_file(Sample("b.jpg", "b"), 1) is None
    (copies / "b.jpg").unlink()
    assert made.delivers(Sample("b.jpg", "b"), 0) and not made.delivers(Sample("b.jpg", "b"), 1), "no file is opened"


def test_links_out_of_the_folder_are_not_opened(copies: Path, tmp_path: Path) -> None:
    save(tmp_path, "secret.png", 9)
    save(copies, "a.png", 1)
    (copies / "b.png").symlink_to(tmp_path / "secret.png")
    (copies / "more").symlink_to(tmp_path, target_is_directory=True)
    made = engine(copies)
    assert levels(made, "a.png", "b.png", "secret.png") == [[1], [MISSING], [MISSING]]
    assert findings(made, "a.png", "b.png") == {"missing": 1, "outside": 2}


def test_a_manifest_cannot_lead_out_of_the_folder(copies: Path, tmp_path: Path) -> None:
    outside = save(tmp_path, "secret.png", 9)
    save(copies, "a.png", 1)
    (copies / "more").symlink_to(tmp_path, target_is_directory=True)
    manifest = tmp_path / "list.csv"
    rows = ["a.png,a.png", "b.png,../secret.png", f"c.png,{outside}", "d.png,more/secret.png", "e.png,..\\secret.png"]
    manifest.write_text("\n".join(["original,deidentified", *rows]))
    made = engine(copies, f",manifest={manifest}")
    keys = [f"{name}.png" for name in "abcde"]
    assert levels(made, *keys) == [[1], *[[MISSING]] * 4]
    assert findings(made, *keys) == {"missing": 4, "outside": 5}


def test_names_that_differ_in_the_case_of_their_suffix(copies: Path) -> None:
    save(copies, "a.png", 1)
    save(copies, "a.PNG", 2)
    assert levels(engine(copies), "a.png", "a.PNG") == [[1], [2]]
    assert levels(engine(copies), "a.PNG") == [[2]]
    (copies / "a.PNG").unlink()
    assert levels(engine(copies), "a.png", "a.PNG") == [[AMBIGUOUS], [AMBIGUOUS]]


def test_copies_with_a_suffix_of_their_own(copies: Path) -> None:
    save(copies, "001_1_anon.jpg", 7)
    save(copies, "001_2_anon_2.jpg", 9)
    save(copies, "001_2_anon_1.jpg", 8)
    made = engine(copies, ",suffix=_anon")
    assert levels(made, "001_1.jpg", "001_2.jpg", seeds=(0,)) == [[7], [8]]
    assert made.diverse


def test_copies_within_the_data_set_are_no_originals(copies: Path) -> None:
    paths = [save(copies, name, 100) for name in ("a.png", "b.png", "done/a.png", "done/b.png")]
    samples = [Sample(path.relative_to(copies).as_posix(), path.stem, path=path) for path in paths]
    link = copies.parent / "link"
    link.symlink_to(copies)
    elsewhere = [replace(sample, path=link / sample.key) for sample in samples]
    for folder, among in ((copies, samples), (copies / ".." / "copies", samples), (link, samples), (copies, elsewhere)):
        with pytest.raises(
            UsageError, match=r"2 of its pictures lie in the data set.* e\.g\. done/a\.png; move .*done out"
        ):
            engine(folder / "done").expect(among)
    engine(copies / "done").expect(samples[:2])
    engine(copies).expect(samples[:2])  # originals as their own copies: that is found out by looking at them


def test_nothing_that_matches_is_said_before_anything_is_measured(copies: Path, tmp_path: Path) -> None:
    save(copies, "001_1_anon.jpg", 7)
    with pytest.raises(
        UsageError, match=r"an original is 001_1\.jpg, a picture 001_1_anon\.jpg; give suffix=_anon, or a"
    ):
        engine(copies).expect([Sample("002_1.jpg", "2"), Sample("001_1.jpg", "1")])
    with pytest.raises(UsageError, match=r"an original is x\.jpg, a picture 001_1_anon\.jpg; rename"):
        engine(copies).expect([Sample("x.jpg", "x")])
    for number, name in enumerate(("s1/001_1.png", "s1/001_2.png", "s2/002_1.png", "s2/002_2.png")):
        save(tmp_path / "hands", name, number)
    command = [
        "audit",
        "--dataset",
        f"folders:{tmp_path / 'hands'}",
        "--engine",
        f"folder:{copies}",
        "--recognizer",
        "compcode",
    ]
    result = CliRunner().invoke(main, [*command, "--db", str(tmp_path / "s.db"), "--output", str(tmp_path / "out")])
    assert result.exit_code == 2 and "give suffix=_anon" in result.output, result.output


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder `shared` with cases beside the checkout")
def test_the_copies_of_a_vendor_are_cut(tmp_path: Path) -> None:
    made = engine(CASES / "half-jpeg" / "vendor10")
    keys = sorted(path.name for path in (CASES / "half-jpeg" / "originals").glob("*.png"))
    assert len(keys) == 8
    assert levels(made, *keys) == [["damaged: the file is truncated"]] * 8
    assert findings(made, *keys) == {"damaged": 8}


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder `shared` with cases beside the checkout")
def test_each_of_two_names_that_collide_has_its_copy() -> None:
    made = engine(CASES / "case-colliding-names" / "copies")
    keys = ["a.png", "a.PNG", "c.png", "d.png"]
    made.expect([Sample(key, key) for key in keys])
    for (copy,), key in zip(made.deidentify([image(key) for key in keys], [0]), keys, strict=True):
        np.testing.assert_array_equal(copy, read_image(CASES / "case-colliding-names" / "copies" / key))


@pytest.mark.slow
def test_what_files_carry_beside_the_pixels_is_in_the_report(copies: Path, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x013B] = "Anne"
    exif.get_ifd(0x8825)[1] = "N"
    for number, name in enumerate(("s1/001_1", "s1/001_2", "s2/002_1", "s2/002_2")):
        texture = np.random.default_rng(int(name[1])).integers(0, 256, (16, 16, 3), np.uint8)
        texture[0, 0] = number  # no duplicates
        for folder in (tmp_path / "hands", copies):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / "hands" / f"{name}.png", texture.repeat(8, axis=0).repeat(8, axis=1))
        picture = Pillow.effect_noise((128, 128), 50).convert("RGB")
        picture.save(copies / f"{name}.jpg", **({"exif": exif} if number < 2 else {}))
    dataset = ["--dataset", f"folders:{tmp_path / 'hands'},kind=roi"]
    command = ["audit", *dataset, "--engine", f"folder:{copies}", "--recognizer", "compcode", "--quiet"]
    output = ["--output", str(tmp_path / "out"), "--format", "json", "--db", str(tmp_path / "s.db")]
    result = CliRunner().invoke(main, [*command, *output])
    assert result.exit_code == 0, result.output
    (judged,) = json.loads((tmp_path / "out" / "report.json").read_text())["engines"]
    found = {finding["detail"]: finding for finding in judged["coverage"]}
    assert found["EXIF"]["count"] == found["GPS position"]["count"] == 2
    assert found["EXIF"]["weight"] == "hole"


def test_new_pictures_in_the_folder_are_not_taken_for_the_old(copies: Path) -> None:
    save(copies, "a.png", 1)
    before = engine(copies).input_digest(Sample("a.jpg", "a"))
    assert engine(copies).input_digest(Sample("a.jpg", "a")) == before
    save(copies, "a.png", 2)
    changed = engine(copies).input_digest(Sample("a.jpg", "a"))
    save(copies, "a_de-id_1.png", 2)
    assert len({before, changed, engine(copies).input_digest(Sample("a.jpg", "a"))}) == 3


def test_hidden_files_are_no_pictures(copies: Path) -> None:
    save(copies, "a.png", 1)
    (copies / "._a.png").write_bytes(b"what a Mac leaves behind")
    assert findings(engine(copies), "a.png") == {}


def test_mistakes_are_said_in_one_sentence(copies: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no picture in"):
        engine(copies)
    with pytest.raises(UsageError, match="is not a folder"):
        engine(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="needs its option 'path'"):
        plugins.create("engine", "folder")
    save(copies, "a.png", 1)
    manifest = tmp_path / "list.csv"
    for content, sentence in (
        (None, "cannot be read"),
        ("a,b\n1,2\n", "has no column 'original'; its header must name original, deidentified"),
        ("original,deidentified\na.jpg,gone.png\n", "lists no picture that is there"),
    ):
        if content is not None:
            manifest.write_text(content)
        with pytest.raises(UsageError, match=sentence):
            engine(copies, f",manifest={manifest}")
    manifest.write_text("original,deidentified\nA_a.jpg,a.png\n")
    with pytest.raises(UsageError, match=r"an original is a\.jpg, one of the manifest A_a\.jpg; write the data set's"):
        engine(copies, f",manifest={manifest}").expect([Sample("a.jpg", "a")])


@pytest.mark.parametrize("delimiter", [";", "\t", ", "])
def test_a_manifest_is_read_as_spreadsheets_write_it(delimiter: str, copies: Path, tmp_path: Path) -> None:
    save(copies, "one.png", 1)
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"Original{delimiter}Deidentified\na.jpg{delimiter}one.png\n")
    assert levels(engine(copies, f",manifest={manifest}"), "a.jpg") == [[1]]
