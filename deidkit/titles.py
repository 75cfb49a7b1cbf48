"""Titles of metrics for tables, and names by which requirements may refer to them."""

from __future__ import annotations

import re
from functools import cache

from deidkit.measures import registry
from deidkit.measures.registry import OF_ATTACKS, OF_CELLS, OF_RECOGNIZERS, of_engines

ABBREVIATIONS = {
    "RR": "rejection_rate_percent",
    "DIR": "deid_ratio_percent",
    "FTA": "failure_to_acquire_percent",
    "rank-1": "rank_1_percent",
    "linkage EER": "linkage_eer_percent",
    "copy linkage EER": "copy_linkage_eer_percent",
    "strongest rank-1": "strongest_rank_1_percent",
    "strongest linkage EER": "strongest_linkage_eer_percent",
    "metadata findings": "metadata_count",
}
"""Common abbreviation -> name of the metric."""


def title_of(metric: str, *, originals: bool = False) -> str:
    """Title of a metric; `originals` selects metrics of recognizers on originals."""
    record = registry.metric(metric, originals=originals)
    return record.title if record is not None else metric.replace("_", " ")


def metric_named(text: str) -> str:
    """Resolve a metric's name, title or abbreviation, in any letter case; unknown texts are returned unchanged."""
    return _by_words().get(_words(text), text)


def _words(text: str) -> str:
    words = " ".join(re.findall(r"[a-z0-9']+", text.lower()))
    return re.sub(r"\brejection rate\b(?! percent)", "rr", words)


@cache
def _by_words() -> dict[str, str]:
    """Normalized title or abbreviation -> name of the metric; metrics of copies take precedence."""
    titles = {metric.name: metric.title for metric in (*OF_RECOGNIZERS, *of_engines(), *OF_ATTACKS, *OF_CELLS)}
    return {
        _words(text): metric
        for metric, texts in (
            *((metric, (metric, title, re.sub(r" \(.*?\)", "", title))) for metric, title in titles.items()),
            *((metric, (abbreviation,)) for abbreviation, metric in ABBREVIATIONS.items()),
        )
        for text in texts
    }
