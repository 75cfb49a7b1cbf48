"""Conformance suite of data sets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np
import pytest

from deidkit import plugins
from deidkit.errors import SampleError
from deidkit.protocols import Dataset, Sample
from deidkit.testing.base import PluginConformance


class DatasetConformance(PluginConformance):
    """Subclass me and set ``plugin`` to your data set's entry point with its path, or override the fixture `spec`."""

    kind = "dataset"
    pictures: ClassVar[int] = 3
    """Number of pictures that the tests read."""

    @pytest.fixture
    def dataset(self, tested: Dataset) -> Dataset:
        """The data set under test."""
        return tested

    @pytest.fixture
    def samples(self, dataset: Dataset) -> Sequence[Sample]:
        """All its samples."""
        return list(dataset.samples())

    def test_samples_are_the_same_every_time(self, dataset: Dataset, samples: Sequence[Sample], spec: str) -> None:
        """Repeated calls and a second instance give the same samples in the same order: audits resume by position."""
        assert samples
        assert list(dataset.samples()) == samples
        assert list(plugins.create(self.kind, spec)[0].samples()) == samples

    def test_keys_are_unique_and_hold_on_any_machine(self, samples: Sequence[Sample]) -> None:
        """Keys are unique relative paths with forward slashes."""
        keys = [sample.key for sample in samples]
        assert len(set(keys)) == len(keys)
        for key in keys:
            assert key
            assert "\\" not in key
            assert not PurePosixPath(key).is_absolute()
            assert ".." not in PurePosixPath(key).parts

    def test_samples_say_whom_they_show(self, samples: Sequence[Sample]) -> None:
        """Subject, hand, kind and path of all samples are valid."""
        for sample in samples:
            assert isinstance(sample, Sample)
            assert sample.subject
            assert sample.hand in (None, "left", "right")
            assert sample.kind in ("hand", "roi")
            assert sample.path is None or sample.path.is_file()

    def test_pictures_are_rgb(self, dataset: Dataset, samples: Sequence[Sample]) -> None:
        """Pictures are (h, w, 3) uint8 arrays, equal at every reading."""
        for sample in samples[: self.pictures]:
            pixels = dataset.read(sample)
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert pixels.shape[2] == 3
            assert np.array_equal(dataset.read(sample), pixels)

    def test_digests_follow_the_content(self, dataset: Dataset, samples: Sequence[Sample]) -> None:
        """Digests are SHA-256 in hex, stable, and different for different pictures."""
        chosen = samples[: self.pictures]
        digests = [dataset.digest(sample) for sample in chosen]
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
        assert [dataset.digest(sample) for sample in chosen] == digests
        pictures = {dataset.read(sample).tobytes() for sample in chosen}
        assert len(set(digests)) >= len(pictures)

    def test_a_sample_that_cannot_be_read_is_a_sample_error(self, dataset: Dataset) -> None:
        """An unreadable sample raises SampleError, as a missing file must not end an audit."""
        path = next((sample.path for sample in dataset.samples() if sample.path is not None), None)
        gone = None if path is None else path.with_name("no such picture.png")
        with pytest.raises(SampleError):
            dataset.read(Sample("no such picture.png", "nobody", path=gone))
