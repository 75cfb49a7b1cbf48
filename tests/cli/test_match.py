"""``deidkit match``: distances between pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from deidkit import plugins
from deidkit.cli import main

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "tierB_local_only" / "coep_whole_hand"


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["match", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def palms(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 255, (150, 150), dtype=np.uint8)
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), cv2.GaussianBlur(noise, (0, 0), 3))
    return paths


def test_every_two_pictures_are_compared_as_the_recognizer_does(palms: list[Path]) -> None:
    code, text, _ = run(*palms, "--recognizer", "mtcc:preset=B", "--roi", "--json")
    assert code == 0
    found = json.loads(text)
    assert [(pair["a"], pair["b"]) for pair in found] == [
        (str(palms[0]), str(palms[1])),
        (str(palms[0]), str(palms[2])),
        (str(palms[1]), str(palms[2])),
    ]
    matcher, _ = plugins.create("recognizer", "mtcc:preset=B")
    grey = [cv2.resize(cv2.imread(str(p), 0), (128, 128), interpolation=cv2.INTER_AREA) for p in palms]
    templates = matcher.extract(grey)
    wanted = matcher.compare(templates, templates)[np.triu_indices(3, 1)]
    np.testing.assert_allclose([pair["distance"] for pair in found], wanted, atol=1e-12)


def test_a_picture_that_fails_is_named_and_the_others_are_compared(palms: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    code, text, errors = run(palms[0], broken, palms[1], "--recognizer", "compcode", "--roi", "--json")
    assert code == 2
    assert len(json.loads(text)) == 1
    assert "broken.jpg" in errors
    assert "Traceback" not in errors


def test_a_photograph_given_as_a_palm_region_is_named(palms: list[Path], tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.full((480, 640, 3), 120, np.uint8))
    code, _, told = run(*palms, photo, "--recognizer", "compcode", "--roi")
    assert code == 0
    assert told.count("note: ") == 1
    assert f"note: {photo} is not square (640 x 480) and is stretched; if it shows a hand" in told
    assert "leave out --roi" in told


def test_too_few_pictures_and_a_wrong_recognizer_get_one_sentence(palms: list[Path]) -> None:
    assert run(palms[0], "--recognizer", "mtcc")[0] == 2
    code, _, errors = run(*palms, "--recognizer", "mtc", "--roi")
    assert code == 2
    assert "Did you mean 'mtcc'?" in errors


RECOGNIZER = '''
from dataclasses import dataclass
import numpy as np

@dataclass(frozen=True)
class Fine:
    """Compares grey values."""

    version, input, score_range = "1", "roi", (0.0, 1.0)

    def extract(self, images):
        return np.stack([image.astype(np.float32).ravel()[:64] for image in images])

    def compare(self, probes, references):
        return np.abs(probes[:, None] - references[None]).mean(axis=2) / 255

class RaisesAtPictures(Fine):
    def extract(self, images):
        raise RuntimeError("no GPU")

class RaisesAtTemplates(Fine):
    def compare(self, probes, references):
        raise RuntimeError("no GPU")

class GivesNoTemplates(Fine):
    def extract(self, images):
        return None

class GivesNaN(Fine):
    def compare(self, probes, references):
        return super().compare(probes, references) * np.nan

class GivesPercent(Fine):
    def compare(self, probes, references):
        return 100 + super().compare(probes, references)
'''


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Fine", ""),
        ("RaisesAtPictures", "raised RuntimeError('no GPU') when asked for its template"),
        ("RaisesAtTemplates", "raised RuntimeError('no GPU') when asked to compare"),
        ("GivesNoTemplates", "extract() gave object of shape () for 1 picture."),
        ("GivesNaN", "compare() gave scores that are not finite or lie outside of its score_range 0 to 1"),
        ("GivesPercent", "compare() gave scores that are not finite or lie outside of its score_range 0 to 1"),
    ],
)
def test_a_recognizer_that_breaks_its_contract_gets_one_sentence(
    name: str, said: str, palms: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "matcher.py").write_text(RECOGNIZER)
    code, shown, errors = run(*palms[:2], "--recognizer", f"{tmp_path / 'matcher.py'}:{name}", "--roi")
    assert code == (2 if said else 0)
    assert said in " ".join(errors.split()) and "Traceback" not in errors
    assert "nan" not in shown


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the folder `shared` with real hands beside the checkout")
def test_whole_hands_of_one_person_are_nearer_than_of_two() -> None:
    same = run(SHARED / "001_1.jpg", SHARED / "001_2.jpg", SHARED / "012_1.jpg", "--recognizer", "mtcc", "--json")
    if same[0] == 2 and "deidkit models fetch" in same[2]:
        pytest.skip("needs the hand models: deidkit models fetch hands")
    first, second, third = (pair["distance"] for pair in json.loads(same[1]))
    assert first < 0.3 < min(second, third)
