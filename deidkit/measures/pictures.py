"""Metadata of the metrics computed from pictures; `quality` and `usability` compute them."""

from __future__ import annotations

from deidkit.measures.metric import YAN, Metric, Safer

_WANG = "Wang et al., IEEE TIP 2004"


def _quality(name: str, title: str, unit: str, definition: str, source: str, short: str = "") -> Metric:
    # Inside the palm, similarity means both quality and residual identity.
    safer: Safer = None if name.endswith("_inside") else "higher"
    ends = (0.0, None) if unit == "dB" else (-1.0, 1.0)
    return Metric(
        name=name,
        title=title,
        unit=unit,
        digits=2 if unit == "dB" else 3,
        group="quality",
        definition=definition,
        source=source,
        safer=safer,
        lowest=ends[0],
        highest=ends[1],
        short=short,
    )


QUALITY: tuple[Metric, ...] = (
    _quality("ssim", "SSIM", "ratio", "Structural similarity of original and copy.", _WANG, "SSIM"),
    _quality("ssim_inside", "SSIM inside the palm", "ratio", "SSIM over the palm of the original.", _WANG),
    _quality("ssim_outside", "SSIM outside the palm", "ratio", "SSIM over all but the palm of the original.", _WANG),
    _quality("ms_ssim", "MS-SSIM", "ratio", "Multi-scale structural similarity.", "Wang et al., 2003", "MS-SSIM"),
    _quality("psnr", "PSNR", "dB", "Peak signal-to-noise ratio of original and copy.", "", "PSNR"),
    _quality("psnr_inside", "PSNR inside the palm", "dB", "PSNR over the palm of the original.", ""),
    _quality("psnr_outside", "PSNR outside the palm", "dB", "PSNR over all but the palm of the original.", ""),
    Metric(
        name="palm_texture_percent",
        title="Palm texture",
        unit="percent",
        digits=1,
        group="quality",
        definition="Fine texture of the copy's palm, wrinkles and ridges, in percent of the original's: a smooth patch "
        "has little, a black one none.",
        source="",
        safer="higher",
        lowest=0.0,
        best=100.0,
    ),
)
"""Built-in metrics of quality, means over pictures, in display order."""

TASKS = {
    "hand_detection": "Hand detection",
    "keypoints_2d": "2-D keypoints",
    "keypoints_3d": "3-D keypoints",
    "roi": "ROI localisation",
    "segmentation": "Hand segmentation",
}
"""Task -> title."""


def _usability(task: str, words: str) -> tuple[Metric, Metric]:
    return (
        Metric(
            name=f"{task}_error_percent",
            title=f"{words}: error",
            unit="percent",
            digits=2,
            group="usability",
            definition=f"{words} on the original and on the copy: mean absolute difference in percent of its range, "
            "over pictures on which both succeed.",
            source=YAN,
            safer="lower",
            lowest=0.0,
            highest=100.0,
            best=0.0,
            short="Segmentation" if task == "segmentation" else words,
        ),
        Metric(
            name=f"{task}_success_change",
            title=f"{words}: change of success",
            unit="percentage points",
            digits=2,
            group="usability",
            definition=f"{words}: share of pictures on which it succeeds, copies less originals.",
            source=YAN,
            safer="higher",
            lowest=-100.0,
            highest=100.0,
            best=0.0,
        ),
    )


USABILITY: tuple[Metric, ...] = tuple(record for task, words in TASKS.items() for record in _usability(task, words))
"""Metrics of usability, in display order."""
