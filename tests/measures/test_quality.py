from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deidkit.measures.quality import picture_quality, quality_metrics
from deidkit.measures.registry import names, of_quality
from deidkit.measures.ssim import ms_ssim, ssim_map
from deidkit.protocols import Image, Mask


def picture(height: int, width: int) -> Image:
    """Waves, from integers alone."""
    rows, columns, channel = np.ogrid[:height, :width, :3]
    return ((3 * rows + 5 * columns + 40 * channel + rows * columns // 16) % 256).astype(np.uint8)


def disturbed(original: Image, levels: int) -> Image:
    noise = np.random.default_rng(7).integers(-levels, levels + 1, original.shape)
    return np.clip(original + noise, 0, 255).astype(np.uint8)


def palm_of(original: Image) -> Mask:
    palm = np.zeros(original.shape[:2], bool)
    height, width = palm.shape
    palm[height // 4 : height // 2, width // 4 : width // 2] = True
    return palm


@pytest.mark.parametrize("shape", [(7, 7), (8, 31), (128, 128), (240, 321)])
@pytest.mark.parametrize("levels", [1, 20, 255])
def test_ssim_and_psnr_are_those_of_scikit_image(shape: tuple[int, int], levels: int) -> None:
    original = picture(*shape)
    output = disturbed(original, levels)
    mean, whole = structural_similarity(original, output, channel_axis=-1, full=True)
    found = picture_quality(original, output, palm_of(original))
    assert found["ssim"] == pytest.approx(mean, abs=1e-12)
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(original, output), abs=1e-10)
    assert ssim_map(original, output) == pytest.approx(whole[3:-3, 3:-3].mean(axis=2), abs=1e-11)


@pytest.mark.parametrize(
    "changed", [np.s_[:1, :1], np.s_[-1:, -1:], np.s_[5:6, 300:], np.s_[100:140, 50:90, 1], np.s_[:0]]
)
def test_ssim_of_a_copy_that_differs_in_a_part_is_that_of_scikit_image(changed: tuple[slice, ...]) -> None:
    original = picture(240, 321)
    output = original.copy()
    output[changed] ^= 31
    whole = structural_similarity(original, output, channel_axis=-1, full=True)[1]
    assert ssim_map(original, output) == pytest.approx(whole[3:-3, 3:-3].mean(axis=2), abs=1e-11)


def test_inside_is_the_mean_over_the_palm_alone() -> None:
    original = picture(240, 321)
    palm = palm_of(original)
    output = original.copy()
    output[palm] = disturbed(original, 60)[palm]
    output[0, 0] = 255 - output[0, 0]
    whole = structural_similarity(original, output, channel_axis=-1, full=True)[1].mean(axis=2)
    inner, centres = whole[3:-3, 3:-3], palm[3:-3, 3:-3]
    found = picture_quality(original, output, palm)
    assert found["ssim_inside"] == pytest.approx(inner[centres].mean(), abs=1e-11)
    assert found["ssim_outside"] == pytest.approx(inner[~centres].mean(), abs=1e-11)
    assert found["psnr_inside"] == pytest.approx(peak_signal_noise_ratio(original[palm], output[palm]), abs=1e-10)
    assert found["psnr_outside"] == pytest.approx(peak_signal_noise_ratio(original[~palm], output[~palm]), abs=1e-10)


# multi_scale_ssim of piq 0.8.0 in double precision with data_range=1, on these very pictures.
@pytest.mark.parametrize(
    ("shape", "levels", "wanted"),
    [
        ((161, 161), 5, 0.999380127292),
        ((161, 161), 90, 0.914041063529),
        ((200, 333), 40, 0.980133721020),
        ((301, 250), 120, 0.882790207819),
        ((402, 407), 250, 0.591860221534),
    ],
)
def test_ms_ssim_is_that_of_piq(shape: tuple[int, int], levels: int, wanted: float) -> None:
    original = picture(*shape)
    assert ms_ssim(original, disturbed(original, levels)) == pytest.approx(wanted, abs=1e-7)


def test_small_pictures_are_enlarged_for_ms_ssim() -> None:
    original = picture(128, 128)
    found = picture_quality(original, disturbed(original, 20), None)["ms_ssim"]
    assert found is not None and 0.5 < found < 1


def test_large_pictures_are_reduced_first() -> None:
    original = np.repeat(np.repeat(picture(300, 1005), 2, axis=0), 2, axis=1)
    output = disturbed(original, 40)
    reduced = picture_quality(original, output, palm_of(original))
    # A reduction averages noise away: what is measured is not the full size.
    assert reduced["psnr"] is not None and reduced["psnr"] > peak_signal_noise_ratio(original, output) + 0.1
    assert None not in reduced.values()


@settings(max_examples=25, deadline=None)
@given(st.integers(7, 60), st.integers(7, 60), st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_bounds_symmetry_and_identity(height: int, width: int, levels: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    original = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    output = disturbed(original, levels)
    found, swapped = picture_quality(original, output, None), picture_quality(output, original, None)
    assert found == pytest.approx(swapped, abs=1e-6)
    assert found["ssim"] is not None and -1 <= found["ssim"] <= 1 + 1e-12
    assert picture_quality(original, original, None)["ssim"] == pytest.approx(1, abs=1e-12)
    assert (found["psnr"] is None) == bool((original == output).all())


def test_what_cannot_be_computed_says_why() -> None:
    original = picture(64, 64)
    palm = palm_of(original)
    output = original.copy()
    output[palm] = 0
    everywhere = np.ones((64, 64), bool)
    pictures = [picture_quality(original, output, mask) for mask in (palm, everywhere, None)]
    pictures.append(picture_quality(original, original, palm))
    estimates = quality_metrics(pictures, np.arange(4, dtype=np.int32))
    assert set(estimates) == set(names(of_quality()))
    outside = estimates["psnr_outside"]
    assert outside.value is None
    for said in ("unchanged", "cut out already", "no hand was found"):
        assert said in outside.reason
    assert estimates["psnr"].comparisons == 3
    assert estimates["psnr"].parameters["pictures_without"] == {"the region is unchanged, pixel for pixel": 1}
    assert estimates["ssim_inside"].comparisons == 3
    for name in ("lpips", "fid", "kid"):
        assert estimates[name].value is None
        assert "weights" in estimates[name].reason and f"--quality {name}" in estimates[name].remedy
    assert "no picture" in quality_metrics([], np.empty(0, np.int32))["ssim"].reason


@pytest.mark.parametrize("side", [128, 200, 201])
def test_a_region_cut_out_already_has_no_outside(side: int) -> None:
    original = picture(side, side)
    found = picture_quality(original, disturbed(original, 200), np.ones((side, side), bool))
    assert found["psnr_outside"] is None and found["ssim_outside"] is None
    assert found["psnr_inside"] == found["psnr"] and found["ssim_inside"] == found["ssim"]


def test_intervals_are_over_subjects_not_pictures() -> None:
    """Ten equal pictures of each subject say no more than one."""
    values = np.linspace(0.1, 0.9, 12)
    one = [dict.fromkeys(names(of_quality()), float(value)) for value in values]
    ten = [picture for picture in one for _ in range(10)]
    single = quality_metrics(one, np.arange(12, dtype=np.int32))["ssim"]
    repeated = quality_metrics(ten, np.repeat(np.arange(12, dtype=np.int32), 10))["ssim"]
    assert single.value == pytest.approx(values.mean())
    assert (repeated.low, repeated.high) == pytest.approx((single.low, single.high))
    assert (repeated.subjects, repeated.comparisons) == (12, 120)
    assert single.low is not None and single.high is not None
    assert single.high - single.low == pytest.approx(2 * 2.201 * values.std(ddof=1) / np.sqrt(12), rel=1e-3)
    assert repeated.parameters["standard_deviation_over_pictures"] == pytest.approx(values.std())
    few = quality_metrics(one[:3], np.arange(3, dtype=np.int32))["ssim"]
    assert few.low is None and "3 subjects are too few" in few.interval


@pytest.mark.parametrize("shape", [(128, 128), (160, 300), (161, 200)])
def test_small_pictures_as_the_published_program_measures_them(shape: tuple[int, int]) -> None:
    """Lanczos to 200 x 200 where a side has fewer than 161 pixels, then scikit-image's numbers."""
    original = picture(*shape)
    copy = disturbed(original, 60)
    palm = palm_of(original)
    found = picture_quality(original, copy, palm, "published")
    small = min(shape) < 161
    one, other = (
        np.asarray(Pillow.fromarray(p).resize((200, 200), Pillow.Resampling.LANCZOS)) if small else p
        for p in (original, copy)
    )
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(one, other))
    assert found["ssim"] == pytest.approx(structural_similarity(one, other, channel_axis=-1), abs=1e-6)
    assert (found == picture_quality(original, copy, palm)) is not small
    told = quality_metrics([found], np.zeros(1, np.int32), small_pictures="published")["psnr"].parameters
    assert told["smaller_resized_to"] == "200 x 200, Lanczos, as published"
