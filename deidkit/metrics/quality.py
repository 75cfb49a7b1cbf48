"""What de-identification cost the picture: original against copy, whole, inside and outside of the palm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.metrics.bootstrap import CONFIDENCE, MIN_SUBJECTS, BootstrapSettings
from deidkit.metrics.ssim import MS_SIGMA, MS_WINDOW, SCALES, WINDOW, ms_ssim, ssim_map
from deidkit.protocols import Image, Mask
from deidkit.result import Estimate

LONGEST_SIDE = 2000
"""Pictures with a longer side are first reduced to this (Lanczos)."""

MS_SHORTEST_SIDE, MS_RESIZED = 161, 200
"""Pictures with a shorter side are resized to 200 x 200 for MS-SSIM."""

HARDLY_CHANGED_LEVELS = 2.0
"""Mean absolute difference in the palm, in grey levels, under which a picture counts as hardly changed."""

UNCHANGED = "the region is the same, pixel for pixel"
NO_PALM = "no hand was found, so there is no inside and outside"

_SSIM = {"window": f"{WINDOW} x {WINDOW} uniform", "covariance": "sample", "data_range": 255, "channels": "mean of RGB"}
_MS_SSIM = {"window": f"{MS_WINDOW} x {MS_WINDOW} Gaussian {MS_SIGMA}", "scales": list(SCALES), "data_range": 1}
_PSNR = {"data_range": 255, "channels": "RGB together"}
_INSIDE = {"region": "palm mask of the original"}
_OUTSIDE = {"region": "all but the palm mask of the original"}
_SIZES = {"longest_side": LONGEST_SIDE, "statistic": "mean over pictures"}

_METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "ssim": ("ratio", _SSIM),
    "ssim_inside": ("ratio", _SSIM | _INSIDE),
    "ssim_outside": ("ratio", _SSIM | _OUTSIDE),
    "ms_ssim": ("ratio", _MS_SSIM | {"shortest_side": MS_SHORTEST_SIDE, "resized_to": MS_RESIZED}),
    "psnr": ("dB", _PSNR),
    "psnr_inside": ("dB", _PSNR | _INSIDE),
    "psnr_outside": ("dB", _PSNR | _OUTSIDE),
}
_NEEDS_WEIGHTS = {
    "lpips": "the weights of its VGG network, which deidkit does not ship",
    "fid": "the weights of its Inception network, which deidkit does not ship",
}
QUALITY_METRICS = (*_METRICS, *_NEEDS_WEIGHTS)
"""Names of the quality metrics."""


def picture_quality(original: Image, output: Image, palm: Mask | None) -> dict[str, float | None]:
    """Quality of one copy.

    Args:
        original: (h, w, 3) uint8.
        output: The same shape.
        palm: (h, w) bool, None where no hand was found.

    Returns:
        SSIM (-1..1), MS-SSIM (0..1) and PSNR (dB) by name; None where it is not defined: a PSNR of pixels that are all
        the same, a region that is empty.
    """
    palm = None if palm is None else np.asarray(palm, dtype=bool)
    original, output, palm = _reduced(original, output, palm)
    found: dict[str, float | None] = dict.fromkeys(_METRICS)
    squared = ((original.astype(np.float64) - output) ** 2).mean(axis=2)
    found["psnr"] = _psnr(squared)
    found["ms_ssim"] = _ms_ssim(original, output)
    if min(original.shape[:2]) >= WINDOW:
        similarity = ssim_map(original, output)
        found["ssim"] = float(similarity.mean())
        if palm is not None:
            pad = WINDOW // 2
            inner = palm[pad:-pad, pad:-pad]
            found["ssim_inside"] = float(similarity[inner].mean()) if inner.any() else None
            found["ssim_outside"] = float(similarity[~inner].mean()) if not inner.all() else None
    if palm is not None:
        found["psnr_inside"] = _psnr(squared[palm])
        found["psnr_outside"] = _psnr(squared[~palm])
    return found


def change_finding(original: Image, output: Image, palm: Mask | None) -> str | None:
    """Whether a copy is the original, or as good as.

    Returns:
        ``"unchanged"`` when every pixel is the same, ``"hardly changed"`` when the palm (the whole picture where there
        is none) differs by less than `HARDLY_CHANGED_LEVELS` on average, else None.
    """
    if np.array_equal(original, output):
        return "unchanged"
    region = slice(None) if palm is None or not palm.any() else palm
    difference = np.abs(original[region].astype(np.int16) - output[region])
    return "hardly changed" if float(difference.mean()) < HARDLY_CHANGED_LEVELS else None


def quality_metrics(
    pictures: Sequence[Mapping[str, float | None]],
    subjects: NDArray[np.int32],
    settings: BootstrapSettings | None = None,
) -> dict[str, Estimate]:
    """Means over pictures with intervals over subjects.

    Args:
        pictures: What `picture_quality` gave for each copy.
        subjects: (n,) subject number of each.
        settings: How intervals are made.

    Returns:
        An estimate for each of `QUALITY_METRICS`.
    """
    estimates = {
        name: mean_estimate(
            [picture[name] for picture in pictures],
            subjects,
            settings or BootstrapSettings(),
            unit=unit,
            safer=None,
            reason=UNCHANGED if name.startswith("psnr") else NO_PALM,
            parameters=_SIZES | parameters,
        )
        for name, (unit, parameters) in _METRICS.items()
    }
    for name, needed in _NEEDS_WEIGHTS.items():
        estimates[name] = Estimate(
            value=None,
            unit="ratio",
            reason=f"It needs {needed}.",
            remedy="No other metric stands in for it; compute it with the tool that defined it.",
        )
    return estimates


def mean_estimate(
    values: Sequence[float | None],
    subjects: NDArray[np.int32],
    settings: BootstrapSettings,
    *,
    unit: str,
    safer: Any,
    reason: str,
    parameters: dict[str, Any],
) -> Estimate:
    """Mean of what was computed, its spread over pictures, and its interval by resampling subjects."""
    known = np.array([value is not None and np.isfinite(value) for value in values], dtype=bool)
    numbers = np.array([value for value, good in zip(values, known, strict=True) if good], dtype=np.float64)
    if numbers.size == 0:
        return Estimate(value=None, unit=unit, safer=safer, reason=f"Not defined for any picture: {reason}.")
    owners, places = np.unique(subjects[known], return_inverse=True)
    low, high, text = _mean_interval(numbers, places, len(owners), settings)
    return Estimate(
        value=float(numbers.mean()),
        unit=unit,
        safer=safer,
        low=low,
        high=high,
        interval=text,
        subjects=len(owners),
        comparisons=int(numbers.size),
        parameters=parameters
        | {"standard_deviation_over_pictures": float(numbers.std())}
        | ({"pictures_without": int((~known).sum()), "why": reason} if not known.all() else {}),
    )


def _mean_interval(
    numbers: NDArray[np.float64], places: NDArray[np.intp], subjects: int, settings: BootstrapSettings
) -> tuple[float | None, float | None, str]:
    if settings.resamples == 0:
        return None, None, "none asked for"
    if subjects < MIN_SUBJECTS:
        return (
            None,
            None,
            f"not computed: {subjects} subjects are too few to resample, at least {MIN_SUBJECTS} are needed",
        )
    sums = np.bincount(places, weights=numbers, minlength=subjects)
    counts = np.bincount(places, minlength=subjects)
    generator = np.random.default_rng(settings.seed)
    weights = generator.multinomial(subjects, np.full(subjects, 1 / subjects), size=settings.resamples)
    means = (weights @ sums) / (weights @ counts)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    text = f"95 % percentile bootstrap over {subjects} subjects, {settings.resamples} resamples, approximate"
    return float(low), float(high), text


def _reduced(original: Image, output: Image, palm: Mask | None) -> tuple[Image, Image, Mask | None]:
    longest = max(original.shape[:2])
    if longest <= LONGEST_SIDE:
        return original, output, palm
    size = tuple(max(1, round(side * LONGEST_SIDE / longest)) for side in (original.shape[1], original.shape[0]))
    small = [np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_LANCZOS4), np.uint8) for p in (original, output)]
    mask = None if palm is None else cv2.resize(palm.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return small[0], small[1], mask


def _psnr(squared: NDArray[np.float64]) -> float | None:
    if squared.size == 0:
        return None
    error = float(squared.mean())
    return None if error == 0.0 else float(10 * np.log10(255.0**2 / error))


def _ms_ssim(original: Image, output: Image) -> float:
    if min(original.shape[:2]) < MS_SHORTEST_SIDE:
        size = (MS_RESIZED, MS_RESIZED)
        original, output = (
            np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_LINEAR), np.uint8) for p in (original, output)
        )
    return ms_ssim(original, output)
