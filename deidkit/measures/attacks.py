"""Metadata of the metrics of the strongest attack; `deidkit.attacks.strongest` computes them."""

from __future__ import annotations

from functools import partial

from deidkit.measures.metric import Metric

STRONGEST = "strongest_"
"""Prefix of the metrics' names."""

_strongest = partial(Metric, group="attacks", safer="lower", lowest=0.0)
_rate = partial(
    _strongest,
    unit="percent",
    digits=2,
    highest=100.0,
    rate=True,
    source="ISO/IEC 19795-1; the maximum over attacks with joint resampling of subjects",
)
_disclosure = partial(_strongest, source="similarity rank disclosure, arXiv 2605.07291")

ATTACK: tuple[Metric, ...] = (
    _rate(
        name=f"{STRONGEST}rank_1_percent",
        title="Strongest attack: rank-1 identification",
        definition="Share of copies that the strongest attack identifies, the copy's own original left out of the "
        "gallery.",
        best=0.0,
    ),
    _rate(
        name=f"{STRONGEST}linkage_eer_percent",
        title="Strongest attack: linkage EER",
        definition="Equal error rate of the attack that links copies best.",
        safer="higher",
        best=50.0,
    ),
    _rate(
        name=f"{STRONGEST}reidentified_at_fmr_1_percent",
        title="Strongest attack: re-identified at FMR 1 %",
        definition="Share of copies that the strongest attack accepts as their person at a false match rate of 1 %.",
        best=0.0,
    ),
    _rate(
        name=f"{STRONGEST}reidentified_at_fmr_0_1_percent",
        title="Strongest attack: re-identified at FMR 0.1 %",
        definition="Share of copies that the strongest attack accepts as their person at a false match rate of 0.1 %.",
        best=0.0,
    ),
    _disclosure(
        name=f"{STRONGEST}rank_disclosure_bits",
        title="Strongest attack: rank disclosure",
        unit="bits",
        digits=2,
        definition="Mean over copies of log2(identities / rank): how far the search narrows down who it is.",
    ),
    _disclosure(
        name=f"{STRONGEST}rank_disclosure_worst_bits",
        title="Strongest attack: rank disclosure of the worst subject",
        unit="bits",
        digits=2,
        definition="The same for the person for whom it is largest.",
        bounded=False,
    ),
    _disclosure(
        name=f"{STRONGEST}anonymity_set",
        title="Strongest attack: effective anonymity set",
        unit="people",
        digits=1,
        definition="Identities divided by 2 to the power of the mean rank disclosure.",
        safer="higher",
    ),
)
"""Metrics of the strongest of all attacks on an engine."""
