"""Picture quality of copies: over the whole picture, inside and outside of the palm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from deidkit.measures import registry
from deidkit.measures.contributions import of_pictures
from deidkit.measures.evidence import Influence
from deidkit.measures.intervals import DEFAULT_SETTINGS
from deidkit.measures.means import Value, mean_estimate
from deidkit.measures.metric import Metric
from deidkit.measures.pictures import QUALITY
from deidkit.measures.ssim import MS_SHORTEST_SIDE, MS_SIGMA, MS_WINDOW, SCALES, WINDOW, ms_ssim, ssim_map
from deidkit.measures.texture import COARSEST, FINEST
from deidkit.protocols import Image, IntervalSettings, Mask
from deidkit.result import Estimate

LONGEST_SIDE = 2000
"""Maximum side in pixels; larger pictures are first reduced to it (Lanczos)."""

RESIZED = 200
"""Side, in pixels, to which pictures too small for MS-SSIM are resized; see `SmallPictures`."""

SmallPictures = Literal["keep", "published"]
"""Treatment of pictures with a side under 161 pixels: resized for MS-SSIM only, or, as published, for all metrics."""

NO_PALM = "no hand was found in the original, so there is no inside and outside"
EMPTY = "the region holds no pixel: a palm region that is cut out already has no outside"
UNCHANGED = "the region is unchanged, pixel for pixel"
TOO_SMALL = "the picture is smaller than the window"
NO_TEXTURE = "no palm region was found in the original, or it has no texture"

TEXTURE = "palm_texture_percent"
"""Quality metric that needs the palm's region of interest, see `deidkit.measures.texture`."""

_SIZES = {"longest_side": LONGEST_SIDE, "reduction": "Lanczos", "statistic": "mean over pictures"}
_SSIM = _SIZES | {
    "window": f"{WINDOW} x {WINDOW} uniform",
    "covariance": "sample",
    "data_range": 255,
    "channels": "RGB",
}
_MS_SSIM = _SIZES | {
    "window": f"{MS_WINDOW} x {MS_WINDOW} Gaussian {MS_SIGMA}",
    "covariance": "population",
    "data_range": 1,
    "channels": "RGB",
    "scales": list(SCALES),
    "shortest_side": MS_SHORTEST_SIDE,
    "smaller_resized_to": f"{RESIZED} x {RESIZED}, bilinear",
}
_PSNR = _SIZES | {"data_range": 255, "channels": "RGB"}
_INSIDE = {"region": "palm mask of the original; a window counts where its centre is"}
_OUTSIDE = {"region": "all but the palm mask of the original; a window counts where its centre is"}

_PARAMETERS: dict[str, dict[str, object]] = {
    "ssim": _SSIM,
    "ssim_inside": _SSIM | _INSIDE,
    "ssim_outside": _SSIM | _OUTSIDE,
    "ms_ssim": _MS_SSIM,
    "psnr": _PSNR,
    "psnr_inside": _PSNR | _INSIDE,
    "psnr_outside": _PSNR | _OUTSIDE,
    TEXTURE: {
        "band": f"{COARSEST} to {FINEST} cycles across the region of interest",
        "region": "palm of the first hand, within its region of interest in the original",
        "statistic": "mean over pictures of the ratio of standard deviations, each relative to the mean grey level",
    },
}
"""Metric -> parameters that define it."""

_OF_PICTURES = tuple(name for name in _PARAMETERS if name != TEXTURE)


def picture_quality(
    original: Image, output: Image, palm: Mask | None, small_pictures: SmallPictures = "keep"
) -> dict[str, float | None]:
    """Compute the quality of one copy.

    SSIM of a region is the mean of the SSIM map over it; PSNR of a region uses only its pixels.

    Args:
        original: (h, w, 3) uint8.
        output: (h, w, 3) uint8, the copy.
        palm: (h, w) bool; None if no hand was found.
        small_pictures: Treatment of pictures with a side under 161 pixels.

    Returns:
        SSIM (-1..1), MS-SSIM (0..1) and PSNR (dB) by name; None if undefined: PSNR of unchanged pixels, and all metrics
        of an empty region.
    """
    original, output, palm = _all_reduced(original, output, palm)
    if small_pictures == "published" and min(original.shape[:2]) < MS_SHORTEST_SIDE:
        original, output, palm = _with_mask(_enlarged(original), _enlarged(output), palm)
    found: dict[str, float | None] = dict.fromkeys(_OF_PICTURES)
    whole = _squares(original, output, None)
    found["psnr"] = _psnr(whole, original.size)
    found["ms_ssim"] = _ms_ssim(original, output)
    if palm is not None:
        inside, values = _squares(original, output, palm), 3 * int(np.count_nonzero(palm))
        found["psnr_inside"] = _psnr(inside, values)
        found["psnr_outside"] = _psnr(whole - inside, original.size - values)
    if min(original.shape[:2]) >= WINDOW:
        similarity = ssim_map(original, output)
        found["ssim"] = float(similarity.mean())
        if palm is not None:
            border = WINDOW // 2
            centres = palm[border:-border, border:-border]
            found["ssim_inside"] = float(similarity[centres].mean()) if centres.any() else None
            found["ssim_outside"] = float(similarity[~centres].mean()) if not centres.all() else None
    return found


def quality_metrics(
    pictures: Sequence[Mapping[str, float | None]],
    subjects: NDArray[np.int32],
    settings: IntervalSettings | None = DEFAULT_SETTINGS,
    small_pictures: SmallPictures = "keep",
) -> dict[str, Estimate]:
    """Average the results of `picture_quality` and `TEXTURE` over copies, with intervals over subjects.

    Returns:
        An estimate for each metric of `registry.of_quality`; those of plugins are not computed, with the remedy.
    """
    small = {"shortest_side": MS_SHORTEST_SIDE, "smaller_resized_to": f"{RESIZED} x {RESIZED}, Lanczos, as published"}
    estimates = {
        record.name: mean_estimate(
            [_value(picture, record.name) for picture in pictures],
            subjects,
            settings,
            unit=record.unit,
            safer=record.safer,
            parameters=_PARAMETERS[record.name]
            | (small if small_pictures == "published" and record.name != TEXTURE else {}),
        )
        for record in QUALITY
    }
    return estimates | {metric.name: _not_asked_for(metric) for metric in registry.of_plugins()}


def quality_contributions(
    pictures: Sequence[Mapping[str, float | None]], subjects: NDArray[np.int32]
) -> dict[str, Influence]:
    """Compute each person's contribution to `quality_metrics`; metrics without a value are absent."""
    found = {name: of_pictures([_value(picture, name) for picture in pictures], subjects) for name in _PARAMETERS}
    return {name: influence for name, influence in found.items() if influence is not None}


def reduced(picture: Image) -> Image:
    """Reduce a picture to at most 2000 pixels along its longer side (Lanczos), as for the quality metrics."""
    if max(picture.shape[:2]) <= LONGEST_SIDE:
        return picture
    smaller = Pillow.fromarray(picture)
    smaller.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Pillow.Resampling.LANCZOS)
    return np.asarray(smaller)


def _not_asked_for(metric: Metric) -> Estimate:
    takes = f": it takes the model '{metric.model}', whose weights do not come with deidkit" * bool(metric.model)
    fetch = f"Get them by: deidkit models fetch {metric.model}. Then audit" if metric.model else "Audit"
    return Estimate(
        value=None,
        unit=metric.unit,
        safer=metric.safer,
        reason=f"It was not asked for{takes}.",
        remedy=f"{fetch} with --quality {metric.name}.",
    )


def _value(picture: Mapping[str, float | None], name: str) -> Value:
    value = picture.get(name)
    if value is not None:
        return value
    if name == TEXTURE:
        return NO_TEXTURE
    metric, _, region = name.partition("_")
    if metric == "psnr" and picture[f"ssim_{region}" if region else "ssim"] is not None:
        return UNCHANGED
    if not region:
        return TOO_SMALL if metric == "ssim" else UNCHANGED
    return NO_PALM if all(picture[f"ssim_{side}"] is None for side in ("inside", "outside")) else EMPTY


def _all_reduced(original: Image, output: Image, palm: Mask | None) -> tuple[Image, Image, Mask | None]:
    if max(original.shape[:2]) <= LONGEST_SIDE:
        return original, output, palm
    return _with_mask(reduced(original), reduced(output), palm)


def _enlarged(picture: Image) -> Image:
    resized = Pillow.fromarray(picture).resize((RESIZED, RESIZED), Pillow.Resampling.LANCZOS)
    return np.asarray(resized)


def _with_mask(original: Image, output: Image, palm: Mask | None) -> tuple[Image, Image, Mask | None]:
    """Resize the palm mask to the size of resized pictures, by nearest neighbour."""
    if palm is None:
        return original, output, None
    size = original.shape[1::-1]
    return original, output, cv2.resize(palm.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


def _squares(original: Image, output: Image, region: Mask | None) -> int:
    """Sum of squared differences over all channels; rounded to the exact integer, as OpenCV squares a square root."""
    mask = None if region is None else region.astype(np.uint8)
    return round(cv2.norm(original, output, cv2.NORM_L2SQR, mask))


def _psnr(squares: int, values: int) -> float | None:
    return float(10 * np.log10(255.0**2 * values / squares)) if squares > 0 else None


def _ms_ssim(original: Image, output: Image) -> float:
    if min(original.shape[:2]) < MS_SHORTEST_SIDE:
        size = (RESIZED, RESIZED)
        small = [cv2.resize(p, size, interpolation=cv2.INTER_LINEAR) for p in (original, output)]
        original, output = (np.asarray(picture, np.uint8) for picture in small)
    return ms_ssim(original, output)
