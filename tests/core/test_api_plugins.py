"""Objects, functions and classes in files, audited from Python as installed plugins are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidkit import api
from deidkit.errors import PluginError, UsageError
from deidkit.protocols import Dataset, Failure, HandImage, Image, Sample
from deidkit.testing import example_result

from .conftest import run

ENGINE = """
from dataclasses import dataclass, replace
import cv2
from deidkit.protocols import option

@dataclass(frozen=True)
class Smear:
    radius: int = option(5, "Of the box in pixels")
    version = "1"
    deterministic = True
    diverse = False
    def deidentify(self, images, seeds):
        return [[cv2.blur(image.pixels, (self.radius, self.radius))] * len(seeds) for image in images]
"""


@dataclass
class Counting:
    """Blurs, and counts the pictures it was asked for."""

    version = "1"
    deterministic = True
    diverse = False
    batch_size = 4

    def __init__(self) -> None:
        self.asked = 0

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        self.asked += len(images)
        return [[cv2.GaussianBlur(image.pixels, (0, 0), 3)] * len(seeds) for image in images]


def test_two_functions_without_names_are_not_called_the_same_thing(palms: Path) -> None:
    with pytest.raises(
        UsageError, match=r"two of engine are called 'function', .* defined with def, a name of its own"
    ):
        run(palms, [lambda picture: 255 - picture, lambda picture: picture // 2])
    with pytest.raises(UsageError, match="mean the same thing: blur"):
        run(palms, ["blur", "blur:sigma=4"])


def test_a_function_may_write_into_its_picture(palms: Path, tmp_path: Path) -> None:
    def blacken(picture: Image) -> Image:
        picture[:] = 0
        return picture

    before = {path.name: path.read_bytes() for path in palms.iterdir()}
    done = api.deidentify(palms, tmp_path / "copies", blacken, kind="roi")
    assert done.count("written") == len(done.outcomes) > 0, done.failed
    assert {path.name: path.read_bytes() for path in palms.iterdir()} == before


def test_a_number_of_attacks_that_were_not_run_says_so() -> None:
    found = api.Audit(replace(example_result(), attacks=[]))
    with pytest.raises(
        UsageError, match="there is no 'strongest_rank_1_percent': no attack was run; audit with attack="
    ):
        found.metric("strongest_rank_1_percent")
    with pytest.raises(UsageError, match="name is 3; it takes a text"):
        found.metric(3)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_function_is_audited(palms: Path) -> None:
    found = run(palms, [lambda picture: 255 - picture, "mask"])
    inverted = found.metric("rank_1_percent", engine="function")
    assert inverted.value is not None and 0 <= inverted.value <= 100
    assert found.metric("deid_ratio_percent", engine="mask").value is not None
    assert found.folder is None and found.reports == ()
    assert {row["metric"] for row in found.rows()} >= {"deid_ratio_percent", "eer_percent", "ssim"}
    assert "<table>" in found._repr_html_() and "function" in found._repr_html_()


@pytest.mark.slow
def test_a_class_in_a_file_or_module_is_audited(palms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smearing.py").write_text(ENGINE)
    monkeypatch.chdir(tmp_path)
    by_file = run(palms, "./smearing.py:Smear:radius=9")
    by_module = run(palms, "smearing:Smear:radius=9")
    assert by_file.metric("deid_ratio_percent").value == by_module.metric("deid_ratio_percent").value
    (component,) = (engine.component for engine in by_file.result.engines)
    assert component.options == {"radius": 9}
    assert len(component.weights["smearing.py"]) == 64, "the hash of the code is on record"
    with pytest.raises(PluginError, match="has no 'Smeer'"):
        run(palms, "./smearing.py:Smeer")
    with pytest.raises(PluginError, match="there is no file"):
        run(palms, "./absent.py:Smear")
    with pytest.raises(UsageError, match="Did you mean 'radius'"):
        run(palms, "./smearing.py:Smear:radus=9")


@pytest.mark.slow
def test_an_object_is_audited_and_a_second_recognizer_calls_it_no_more(palms: Path, tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(COUNTING)
    calls = tmp_path / "calls"
    engine = f"{tmp_path / 'counting.py'}:Counting:log={calls}"

    def pictures_asked_for(*recognizers: str, **options: object) -> int:
        before = calls.stat().st_size if calls.exists() else 0
        run(palms, engine, recognizers, work=tmp_path / "work", **options)
        return calls.stat().st_size - before

    assert pictures_asked_for("edm") == 16
    assert pictures_asked_for("edm") == 0
    assert pictures_asked_for("edm", "compcode") == 0, "a new recognizer works on the pictures that are there"
    assert pictures_asked_for("compcode", "edm") == 0
    assert pictures_asked_for("edm", include_originals=True) == 0
    engine = Counting()
    run(palms, engine)
    assert engine.asked == 16


COUNTING = """
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
import cv2
from deidkit.protocols import option

@dataclass(frozen=True)
class Counting:
    log: Path = option(help="Gets a byte for each picture")
    version = "1"
    deterministic = True
    diverse = False
    batch_size = 4
    def deidentify(self, images, seeds):
        with self.log.open("a") as file:
            file.write("x" * len(images))
        return [[cv2.GaussianBlur(image.pixels, (0, 0), 3)] * len(seeds) for image in images]
"""


@pytest.mark.slow
def test_each_stored_result_is_read_at_most_once(palms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deidkit.pipeline.workspace import Workspace

    read: list[str] = []
    load = Workspace.load

    def counted(self: Workspace, key: str, record: type) -> object:
        found = load(self, key, record)
        if found is not None:
            read.append(key)
        return found

    monkeypatch.setattr(Workspace, "load", counted)
    run(palms, ["blur", "mask"], ["edm", "compcode", "palmcode"])
    assert read and len(read) == len(set(read))


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("reuseable = False", "it has 'reuseable'; 'reusable' is in the contract"),
        ('batch_size = "8"', "batch_size = '8' cannot be used"),
        ("batch_size = 0", "batch_size = 0 cannot be used"),
        ('control = "no"', "control = 'no' cannot be used"),
        ("def deidentifi(self, images, seeds): ...", "'deidentify' is in the contract"),
    ],
)
def test_a_wrong_attribute_is_refused_by_name(attribute: str, message: str, palms: Path, tmp_path: Path) -> None:
    text = ENGINE.replace('    version = "1"', f'    version = "1"\n    {attribute}')
    if "deidentifi(" in attribute:
        text = text.replace("def deidentify(", "def other(")
    (tmp_path / "wrong.py").write_text(text)
    with pytest.raises(PluginError, match="breaks its contract") as caught:
        run(palms, f"{tmp_path / 'wrong.py'}:Smear")
    assert message in str(caught.value)


WRITES: dict[str, Callable[[HandImage], Image]] = {
    "in place through a view": lambda image: _written_through(image.pixels),
    "into the mask": lambda image: (_written_through(image.palm_mask()), 255 - image.pixels)[1],
}


def _written_through(array: np.ndarray) -> np.ndarray:
    """What torch.from_numpy and an operation in place do: the flag that says read-only does not hold them."""
    import ctypes

    ctypes.memset(array.ctypes.data, 7, array.nbytes)
    return array.copy()


@pytest.mark.slow
@pytest.mark.parametrize("how", WRITES)
def test_an_engine_that_writes_into_its_input_moves_no_other_engine(how: str, palms: Path) -> None:
    class Writing:
        version = "1"
        deterministic = True
        diverse = False

        def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image]]:
            return [[WRITES[how](image)] for image in images]

    alone = run(palms, ["pixelate"])
    beside = run(palms, [Writing(), "pixelate"])
    for name in ("deid_ratio_percent", "rejection_rate_percent"):
        assert beside.metric(name, engine="pixelate") == alone.metric(name, engine="pixelate")
    if how == "in place through a view":
        assert any("wrote into the pictures" in sentence for sentence in beside.result.raised)


@pytest.mark.slow
def test_an_engine_that_raises_anything_fails_and_the_others_go_on(palms: Path) -> None:
    class Panic(BaseException):
        pass

    class Panicking:
        version = "1"
        deterministic = True
        diverse = False

        def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image]]:
            raise Panic("no")

    found = run(palms, [Panicking(), "mask"])
    assert [engine.produced for engine in found.result.engines] == [0, 16]
    assert found.result.raised == ["engine 'Panicking' raised Panic"]


def test_an_engine_is_asked_for_no_file_of_a_seed_that_it_was_not_given(palms: Path) -> None:
    class ByFile:
        version = "1"
        deterministic = True
        diverse = True

        def __init__(self) -> None:
            self.files: dict[tuple[str, int], bytes] = {}

        def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image]]:
            return [[self.one(image, seed) for seed in seeds] for image in images]

        def one(self, image: HandImage, seed: int) -> Image:
            copy = np.random.default_rng(seed).integers(0, 256, image.pixels.shape, np.uint8)
            self.files[image.sample.key, seed] = cv2.imencode(".png", copy[..., ::-1])[1].tobytes()
            return copy

        def delivered_file(self, sample: Sample, seed: int) -> bytes:
            return self.files[sample.key, seed]

    found = run(palms, [ByFile()], seeds=2)
    assert found.result.raised == []
    assert "not examined" not in {finding.finding for finding in found.result.engines[0].coverage}


@pytest.mark.parametrize("choice", [None, 3, b"blur", {"name": "blur"}, Path("engine.py"), np.array(["blur", "mask"])])
def test_what_is_no_engine_is_named(choice: object, palms: Path) -> None:
    with pytest.raises(
        PluginError, match=rf"an object of type {type(choice).__name__} is not a plugin of the kind Engine; give a name"
    ):
        run(palms, choice)


@pytest.mark.slow
def test_whatever_can_be_called_is_an_engine(palms: Path) -> None:
    found = run(palms, [partial(cv2.blur, ksize=(9, 9)), np.invert])
    assert [engine.component.name for engine in found.result.engines] == ["blur", "invert"]
    assert [engine.produced for engine in found.result.engines] == [16, 16]


@dataclass
class Constant:
    """A recognizer that tells nobody apart."""

    version = "1"
    input = "roi"
    score_range = (0.0, 1.0)

    def extract(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([[image.mean()] for image in images])

    def compare(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        return np.full((len(probes), len(references)), 0.5)


@pytest.mark.slow
def test_a_recognizer_that_tells_nobody_apart_ends_no_audit(palms: Path, tmp_path: Path) -> None:
    found = run(palms, "mask", [Constant(), "edm"], output=tmp_path / "audit", formats=["html", "json", "latex"])
    nothing = found.metric("eer_percent", "", "Constant")
    assert (nothing.value, nothing.reason[:23]) == (None, "Every score is the same")
    assert found.metric("eer_percent", "", "edm").value is not None
    assert len(found.reports) == 3


@pytest.mark.slow
def test_the_file_of_a_partial_function_is_recorded(palms: Path) -> None:
    (engine,) = run(palms, partial(halved, part=2)).result.engines
    assert (engine.component.name, engine.component.distribution) == ("halved", "test_api_plugins.py")


def halved(picture: np.ndarray, part: int) -> np.ndarray:
    return picture // part


class Reading(Dataset):
    """Palms, of which some are what a function makes of them."""

    version = "1"

    def __init__(self, palms: Path, odd: Mapping[str, Callable[[np.ndarray], object]]) -> None:
        self.files = {path.name: path for path in sorted(palms.glob("*.png"))}
        self.odd = odd

    def samples(self) -> list[Sample]:
        return [Sample(name, name[:4], kind="roi") for name in self.files]

    def read(self, sample: Sample) -> Image:
        pixels = cv2.imread(str(self.files[sample.key]))
        return self.odd.get(sample.key, lambda pixels: pixels)(pixels)  # type: ignore[return-value]

    def digest(self, sample: Sample) -> str:
        return hashlib.sha256(self.files[sample.key].read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_data_set_that_gives_no_pictures_loses_those_samples(palms: Path) -> None:
    odd: dict[str, Callable[[np.ndarray], object]] = {
        "0001_0001.png": lambda pixels: pixels / 255.0,
        "0002_0001.png": lambda pixels: pixels[..., 0],
        "0003_0001.png": lambda pixels: pixels[:0],
        "0004_0001.png": lambda pixels: pixels.tolist(),
    }
    found = api.audit(Reading(palms, odd), "mask", "edm", attack="none").result
    assert found.engines[0].produced == 12
    for said in ("an array of float64", "an array of 2 axes", "an empty array", "an object of type list"):
        assert any(said in failure.reason for failure in found.failures)


def test_a_masked_distance_is_none(palms: Path) -> None:
    class Masking(Constant):
        def compare(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
            return np.ma.masked_less(np.abs(probes - references.T) / 255, 0.01)

    with pytest.raises(PluginError, match="scores that are not finite"):
        run(palms, "mask", Masking())
