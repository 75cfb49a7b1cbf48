from __future__ import annotations

import numpy as np
import pytest

from deidkit.datasets.synthetic import Synthetic
from deidkit.errors import SampleError
from deidkit.protocols import Sample


def test_the_default_is_thirty_people_with_one_hand_each() -> None:
    dataset = Synthetic()
    samples = list(dataset.samples())
    assert len(samples) == 120 and len({sample.key for sample in samples}) == 120
    assert len({sample.subject for sample in samples}) == len({sample.identity for sample in samples}) == 30
    assert samples[0] == Sample("s0001_l_1", "s0001", "left") and samples[4].key == "s0002_r_1"


@pytest.mark.parametrize(("hands", "identities"), [("one", 3), ("both", 6), ("left", 3), ("right", 3)])
def test_hands(hands: str, identities: int) -> None:
    samples = list(Synthetic(3, 2, hands=hands).samples())  # type: ignore[arg-type]
    assert len({sample.identity for sample in samples}) == identities and len(samples) == 2 * identities


def test_names_come_without_pixels_even_for_very_many() -> None:
    stream = iter(Synthetic(subjects=10**9).samples())
    assert next(stream).key == "s0001_l_1"


def test_a_sample_stays_what_it_is_when_more_are_asked_for() -> None:
    few, many = Synthetic(2, 1), Synthetic(50_000, 9)
    sample = next(iter(few.samples()))
    assert few.digest(sample) == many.digest(sample)
    assert np.array_equal(few.read(sample), many.read(sample))


def test_digests_tell_recipes_apart() -> None:
    digests = [data.digest(sample) for seed in (0, 1) for data in [Synthetic(4, 2, seed)] for sample in data.samples()]
    assert len(set(digests)) == len(digests) == 16
    assert all(len(digest) == 64 for digest in digests)


def test_truth_belongs_to_the_picture() -> None:
    dataset = Synthetic(2, 1)
    for sample in dataset.samples():
        truth = dataset.truth(sample)
        assert np.array_equal(truth.pixels, dataset.read(sample)) and truth.pixels.shape == (800, 600, 3)
        assert truth.handedness == sample.hand
        assert np.array_equal(dataset.positions(sample).keypoints, truth.keypoints)


@pytest.mark.parametrize("key", ["s0001_r_1", "s0031_l_1", "s0001_l_5", "s0000_r_1", "s0001_l_0", "other.png", ""])
def test_samples_of_another_data_set_are_refused(key: str) -> None:
    with pytest.raises(SampleError, match="not a sample"):
        Synthetic().read(Sample(key, "s0001"))
