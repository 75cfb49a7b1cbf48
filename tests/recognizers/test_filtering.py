"""Responses at every fourth place only are those of the whole response there."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from deidkit_recognizers import gabor, product_kernels
from deidkit_recognizers.filtering import filtered, responses, sampled_each, sampled_responses


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


@pytest.mark.parametrize("picture", ["noise", "flat", "blocks", "other size"])
def test_whole_responses_are_those_of_one_filter_after_another_to_the_bit(picture: str) -> None:
    pixels = _picture(picture)
    for kernels in (gabor.bank(6, 0.35, 2.78), -gabor.bank(6, 0.5, 2.0), np.random.default_rng(2).random((2, 5, 7))):
        expected = np.stack([filtered(pixels, kernel) for kernel in kernels])
        np.testing.assert_array_equal(responses(pixels, kernels), expected)


@pytest.mark.parametrize("picture", ["noise", "flat", "blocks", "other size"])
def test_kernels_worked_off_together_give_what_each_gives_alone_to_the_bit(picture: str) -> None:
    pixels = _picture(picture)
    kernels = gabor.bank(8, 0.35, 2.78)
    alone = np.stack([sampled_responses(pixels, kernel[None])[0] for kernel in kernels])
    np.testing.assert_array_equal(sampled_responses(pixels, kernels), alone)
    pictures = responses(pixels, kernels)
    alone = np.stack([sampled_responses(one, kernel[None])[0] for one, kernel in zip(pictures, kernels, strict=True)])
    np.testing.assert_array_equal(sampled_each(pictures, kernels), alone)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "kernels", "lanes"), [(np.float32, 16, 16), (np.float32, 5, 64), (np.float64, 1, 32)]
)
def test_sums_are_the_same_to_the_bit_whatever_registers_a_processor_has(
    monkeypatch: pytest.MonkeyPatch, number: type[np.float32 | np.float64], kernels: int, lanes: int
) -> None:
    rng = np.random.default_rng(4)
    pixels, weights = rng.standard_normal(400).astype(number), rng.standard_normal((25, kernels)).astype(number)
    offsets = rng.integers(0, 300, 25)
    found = []
    for registers, size in ((32, 64), (16, 32), (8, 16)):
        monkeypatch.setattr(product_kernels, "REGISTERS", registers)
        monkeypatch.setattr(product_kernels, "REGISTER_BYTES", size)
        step = product_kernels.adding_products(number, kernels, lanes)

        @numba.njit
        def products(sums: NDArray[np.floating], step: object = step) -> None:
            step(pixels, 3, offsets, weights, sums, 0, lanes)

        sums = np.empty(kernels * lanes, number)
        products(sums)
        found.append(sums.reshape(kernels, lanes))
    wanted = weights.T @ np.stack([pixels[offset + 3 : offset + 3 + lanes] for offset in offsets])
    np.testing.assert_allclose(found[0], wanted, atol=1e-5)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def _picture(kind: str) -> NDArray[np.float64]:
    rng = np.random.default_rng(3)
    if kind == "flat":
        return np.full((128, 128), 37.3)  # every response is what rounding leaves
    if kind == "blocks":
        return np.kron(rng.integers(0, 256, (8, 8)), np.ones((16, 16))) - 100.3
    return rng.integers(0, 256, (131, 97) if kind == "other size" else (128, 128)).astype(np.float64)
