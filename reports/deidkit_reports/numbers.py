"""Estimates in words that a reader can trust: the number with its interval, or that there is none and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from deidkit.result import AuditResult, Estimate

NOT_COMPUTED = "not computed"

DIGITS = {"percent": 2, "percentage points": 2, "dB": 2, "distance": 4, "ratio": 3, "probability": 4}
"""Decimals by unit."""

NAMES = {
    "deid_ratio_percent": "De-identification Ratio (DIR)",
    "deid_ratio_mean_shift": "DIR factor: mean shift",
    "deid_ratio_spread_factor": "DIR factor: spread",
    "deid_ratio_rank_based_percent": "DIR by ranks",
    "deid_ratio_other_percent": "DIR against other samples",
    "deid_ratio_other_mean_shift": "mean shift, other samples",
    "deid_ratio_other_spread_factor": "spread factor, other samples",
    "deid_ratio_other_rank_based_percent": "DIR by ranks, other samples",
    "rejection_rate_percent": "Rejection rate (RR) at the EER threshold",
    "rejection_rate_including_failures_percent": "RR, failures counted as rejected",
    "rejection_rate_other_percent": "RR against other samples",
    "rejection_rate_percent_at_fmr_1_percent": "RR at FMR 1 %",
    "rejection_rate_percent_at_fmr_0_1_percent": "RR at FMR 0.1 %",
    "rejection_rate_percent_at_fmr_0_01_percent": "RR at FMR 0.01 %",
    "d_prime_genuine_deidentified": "d' genuine and de-identified",
    "d_prime_deidentified_impostor": "d' de-identified and impostor",
    "d_prime_genuine_impostor": "d' genuine and impostor",
    "rank_1_percent": "Rank-1 identification, own original in the gallery",
    "rank_1_without_source_percent": "Rank-1 identification, own original left out",
    "chance_rank_1_percent": "Rank-1 identification by chance",
    "fmr_deidentified_percent": "Copies accepted as another identity",
    "linkage_eer_percent": "Linkage to originals: EER",
    "linkage_auc": "Linkage to originals: AUC",
    "linkage_d_sys": "Linkage to originals: D_sys",
    "copy_linkage_eer_percent": "Linkage among copies: EER",
    "copy_linkage_auc": "Linkage among copies: AUC",
    "copy_linkage_d_sys": "Linkage among copies: D_sys",
    "diversity_mean": "Diversity: mean distance",
    "diversity_std": "Diversity: standard deviation",
    "diversity_d_prime_genuine": "Diversity: d' against genuine",
    "eer_percent": "Equal error rate (EER)",
    "eer_threshold": "EER threshold",
    "auc_genuine_impostor": "AUC genuine and impostor",
    "fnmr_percent_at_fmr_1_percent": "FNMR at FMR 1 %",
    "fnmr_percent_at_fmr_0_1_percent": "FNMR at FMR 0.1 %",
    "fnmr_percent_at_fmr_0_01_percent": "FNMR at FMR 0.01 %",
    "genuine_mean": "Genuine scores: mean",
    "genuine_std": "Genuine scores: standard deviation",
    "impostor_mean": "Impostor scores: mean",
    "impostor_std": "Impostor scores: standard deviation",
    "failure_to_acquire_percent": "Failure to acquire (FTA)",
    "ssim": "SSIM",
    "ssim_inside": "SSIM inside the palm",
    "ssim_outside": "SSIM outside the palm",
    "ms_ssim": "MS-SSIM",
    "psnr": "PSNR",
    "psnr_inside": "PSNR inside the palm",
    "psnr_outside": "PSNR outside the palm",
    "lpips": "LPIPS (VGG)",
    "fid": "FID",
    "hand_detection_error_percent": "Hand detection: error",
    "hand_detection_success_change": "Hand detection: change of success",
    "keypoints_2d_error_percent": "2-D keypoints: error",
    "keypoints_2d_success_change": "2-D keypoints: change of success",
    "keypoints_3d_error_percent": "3-D keypoints: error",
    "keypoints_3d_success_change": "3-D keypoints: change of success",
    "roi_error_percent": "ROI localisation: error",
    "roi_success_change": "ROI localisation: change of success",
    "segmentation_error_percent": "Hand segmentation: error",
    "segmentation_success_change": "Hand segmentation: change of success",
}
"""Metrics in words; one that is not listed appears under its own name."""


OF_ORIGINALS = {"rank_1_percent": "Rank-1 identification, each original among all others"}
"""Metrics that mean something else on originals than on copies."""


def name_of(metric: str, *, originals: bool = False) -> str:
    """A metric in words; `originals` for one of a recognizer on originals."""
    if originals and metric in OF_ORIGINALS:
        return OF_ORIGINALS[metric]
    return NAMES.get(metric, metric.replace("_", " "))


def number(value: float, unit: str, *, extra: int = 0) -> str:
    """A number with as many decimals as its unit deserves, and `extra` more."""
    digits = DIGITS.get(unit, 3) + extra
    shown = f"{value:.{digits}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown.replace("-", "\u2212")


def unit_sign(unit: str) -> str:
    """The unit as it stands behind a number."""
    return {"percent": "%", "dB": "dB", "percentage points": "pp"}.get(unit, "")


def whole(count: int) -> str:
    """A count with a thin space between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def known(value: float | None) -> TypeGuard[float]:
    """Whether there is a number; what is not a number or infinite is none."""
    return value is not None and math.isfinite(value)


def text(estimate: Estimate) -> str:
    """The value with its unit, or ``not computed``."""
    if not known(estimate.value):
        return NOT_COMPUTED
    return f"{number(estimate.value, estimate.unit)}\u00a0{unit_sign(estimate.unit)}".strip()


def interval(estimate: Estimate) -> str:
    """The interval, or nothing where there is none."""
    if not (known(estimate.value) and known(estimate.low) and known(estimate.high)):
        return ""
    return f"{number(estimate.low, estimate.unit)} to {number(estimate.high, estimate.unit)}"


def why(estimate: Estimate | None) -> str:
    """Why there is no number and what to do; never empty."""
    if estimate is None:
        return "This was not measured."
    return f"{estimate.reason} {estimate.remedy}".strip() or "No reason was recorded."


def plain(value: Any) -> str:
    """An option or a parameter as a reader would write it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "\u2212") if math.isfinite(value) else NOT_COMPUTED
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "none"
    return str(value)


@dataclass(frozen=True)
class Row:
    """One estimate of a result with its place."""

    scope: str
    engine: str
    recognizer: str
    metric: str
    estimate: Estimate


def rows(result: AuditResult) -> Iterator[Row]:
    """Every estimate of a result."""
    for recognizer in result.recognizers:
        for name, estimate in recognizer.metrics.items():
            yield Row("originals", "", recognizer.component.label, name, estimate)
    for cell in result.cells:
        for name, estimate in cell.metrics.items():
            yield Row("copies", cell.engine, cell.recognizer, name, estimate)
    for engine in result.engines:
        for scope, estimates in (("quality", engine.quality), ("usability", engine.usability)):
            for name, estimate in estimates.items():
                yield Row(scope, engine.component.label, "", name, estimate)


def intervals(result: AuditResult) -> str:
    """What a table says about its intervals: that it has them, or why not."""
    found = [row.estimate for row in rows(result) if known(row.estimate.value)]
    if any(known(estimate.low) for estimate in found):
        return "with 95 % intervals"
    told = next((estimate.interval for estimate in found if estimate.interval), "")
    return f"without intervals: {told.removeprefix('not computed: ')}" if told else "without intervals"
