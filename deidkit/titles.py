"""Metrics in words: what tables print, and what a requirement may call them."""

from __future__ import annotations

import re

TITLES = {
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
"""Name of a metric -> its title; one that is not listed appears under its own name."""

TITLES_ON_ORIGINALS = {"rank_1_percent": "Rank-1 identification, each original among all others"}
"""Metrics that mean something else on originals than on copies."""

ABBREVIATIONS = {
    "RR": "rejection_rate_percent",
    "DIR": "deid_ratio_percent",
    "FTA": "failure_to_acquire_percent",
    "rank-1": "rank_1_percent",
    "rejection rate": "rejection_rate_percent",
    "metadata findings": "metadata_count",
}
"""What people call a metric for short -> its name."""


def title_of(metric: str, *, originals: bool = False) -> str:
    """A metric in words; `originals` for one of a recognizer on originals."""
    if originals and metric in TITLES_ON_ORIGINALS:
        return TITLES_ON_ORIGINALS[metric]
    return TITLES.get(metric, metric.replace("_", " "))


def metric_named(text: str) -> str:
    """The metric that a text means: its name, its title as printed or an abbreviation, in any letter case.

    Returns:
        The metric's name; the text itself where it is none of them.
    """
    return _BY_WORDS.get(_words(text), text)


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


_BY_WORDS = {
    _words(text): metric
    for metric, texts in (
        *((metric, (metric, title, re.sub(r" \(.*?\)", "", title))) for metric, title in TITLES.items()),
        *((metric, (abbreviation,)) for abbreviation, metric in ABBREVIATIONS.items()),
    )
    for text in texts
}
"""Words, lower case and without punctuation -> name of the metric."""
