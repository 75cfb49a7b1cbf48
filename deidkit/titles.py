"""Metrics in words: what tables print, and what a requirement may call them."""

from __future__ import annotations

import re

from deidkit.measures import registry
from deidkit.measures.registry import OF_ATTACKS, OF_CELLS, OF_ENGINES, OF_RECOGNIZERS

TITLES = {metric.name: metric.title for metric in (*OF_RECOGNIZERS, *OF_ENGINES, *OF_ATTACKS, *OF_CELLS)}
"""Name of a metric -> its title; a metric of copies wins over one of originals with the same name."""

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
"""What people call a metric for short -> its name."""


def title_of(metric: str, *, originals: bool = False) -> str:
    """A metric in words; `originals` for one of a recognizer on originals."""
    record = registry.metric(metric, originals=originals)
    return record.title if record is not None else metric.replace("_", " ")


def metric_named(text: str) -> str:
    """The metric that a text means: its name, its title as printed or an abbreviation, in any letter case.

    Returns:
        The metric's name; the text itself where it is none of them.
    """
    return _BY_WORDS.get(_words(text), text)


def _words(text: str) -> str:
    words = " ".join(re.findall(r"[a-z0-9']+", text.lower()))
    return re.sub(r"\brejection rate\b(?! percent)", "rr", words)


_BY_WORDS = {
    _words(text): metric
    for metric, texts in (
        *((metric, (metric, title, re.sub(r" \(.*?\)", "", title))) for metric, title in TITLES.items()),
        *((metric, (abbreviation,)) for abbreviation, metric in ABBREVIATIONS.items()),
    )
    for text in texts
}
"""Words, lower case and without punctuation -> name of the metric."""
