"""Records of the metrics of the strongest attack; `deidkit.attacks.strongest` computes them."""

from __future__ import annotations

from deidkit.measures.metric import Metric, Safer

STRONGEST = "strongest_"
"""How the names begin."""

_SOURCES = {
    "rank": "ISO/IEC 19795-1; the maximum over attacks with joint resampling of subjects",
    "disclosure": "similarity rank disclosure, arXiv 2605.07291",
}


def _attack(
    name: str,
    title: str,
    unit: str,
    definition: str,
    *,
    source: str = "rank",
    safer: Safer = "lower",
    highest: float | None = None,
    best: float | None = None,
) -> Metric:
    return Metric(
        name=f"{STRONGEST}{name}",
        title=f"Strongest attack: {title}",
        unit=unit,
        digits=1 if unit == "people" else 2,
        group="attacks",
        definition=definition,
        source=_SOURCES[source],
        safer=safer,
        lowest=0.0,
        highest=highest,
        best=best,
        rate=unit == "percent",
    )


ATTACK: tuple[Metric, ...] = (
    _attack(
        "rank_1_percent", "rank-1 identification", "percent",
        "Share of copies that the strongest attack identifies, the copy's own original left out of the gallery.",
        highest=100.0, best=0.0,
    ),
    _attack(
        "linkage_eer_percent", "linkage EER", "percent",
        "Equal error rate of the attack that links copies best.",
        safer="higher", highest=100.0, best=50.0,
    ),
    _attack(
        "reidentified_at_fmr_1_percent", "re-identified at FMR 1 %", "percent",
        "Share of copies that the strongest attack accepts as their person at a false match rate of 1 %.",
        highest=100.0, best=0.0,
    ),
    _attack(
        "reidentified_at_fmr_0_1_percent", "re-identified at FMR 0.1 %", "percent",
        "Share of copies that the strongest attack accepts as their person at a false match rate of 0.1 %.",
        highest=100.0, best=0.0,
    ),
    _attack(
        "rank_disclosure_bits", "rank disclosure", "bits",
        "Mean over copies of log2(identities / rank): how far the search narrows down who it is.", source="disclosure",
    ),
    _attack(
        "rank_disclosure_worst_bits", "rank disclosure of the worst subject", "bits",
        "The same for the person for whom it is largest.", source="disclosure",
    ),
    _attack(
        "anonymity_set", "effective anonymity set", "people",
        "Identities divided by 2 to the power of the mean rank disclosure.", source="disclosure", safer="higher",
    ),
)  # fmt: skip
"""Metrics of the strongest of all attacks on an engine."""
