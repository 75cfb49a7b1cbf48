"""Responses at every fourth place only are those of the whole response there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import fftconvolve

from deidkit_recognizers import gabor
from deidkit_recognizers.filtering import sampled_responses


@pytest.mark.parametrize("shape", [(17, 17), (25, 7), (5, 33), (35, 35)])
def test_sampled_responses_are_those_of_a_whole_convolution(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    picture, kernels = rng.integers(0, 256, (128, 128)).astype(np.float64), rng.standard_normal((3, *shape))
    whole = np.stack([fftconvolve(picture, kernel, mode="same") for kernel in kernels])
    found = sampled_responses(picture, kernels)
    assert np.abs(found - whole[:, ::4, ::4]).max() < 1e-12 * np.abs(whole).max()


def test_no_sign_of_a_gabor_response_differs() -> None:
    rng = np.random.default_rng(1)
    kernels = gabor.bank(6, 0.35, 2.78)
    for _ in range(10):
        picture = rng.integers(0, 256, (128, 128)).astype(np.float64)
        whole = np.stack([fftconvolve(picture, kernel, mode="same") for kernel in kernels])[:, ::4, ::4]
        clear = np.abs(whole) > 1e-10 * np.abs(whole).max()
        found = sampled_responses(picture, kernels)
        assert clear.mean() > 0.999
        assert ((found > 0) == (whole > 0))[clear].all()
