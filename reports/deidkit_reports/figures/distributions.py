"""Score distributions of a recognizer by kind of comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from deidkit.result import Histogram
from deidkit_reports.figures.plot import LABEL_HEIGHT, LEFT, RIGHT, WIDTH, Axis, Canvas, Figure, Key, label_rows
from deidkit_reports.numbers import number, whole

MARGIN = 6
"""Empty bins added at either end, so that curves visibly return to zero."""

KINDS = {
    "genuine": ("genuine", "genuine", "originals of one hand"),
    "impostor": ("impostor", "impostor", "originals of two hands"),
    "deidentified": ("deidentified", "de-identified", "copies with their own original"),
    "deidentified_other": ("other", "other originals", "copies with other originals of the same hand"),
    "deidentified_nonmated": ("nonmated", "de-identified, others", "copies with originals of other hands"),
    "diversity": ("diversity", "diversity", "copies of one picture with one another"),
    "linkage_mated": ("deidentified", "same hand", "copies of different pictures of one hand"),
    "linkage_nonmated": ("nonmated", "two hands", "copies of two hands"),
}
"""Kind of score -> CSS class, label of the curve, and description, in drawing order."""

PUBLISHED = ("genuine", "impostor", "deidentified", "deidentified_nonmated", "diversity")
"""The four curves of the published Fig. 5, and copies against other people, to tell linkage from noise."""


def distributions(
    identifier: str,
    title: str,
    histograms: Mapping[str, Histogram],
    kinds: Sequence[str] = PUBLISHED,
    threshold: float | None = None,
) -> Figure:
    """Plot score densities by kind, each scaled to its own peak, with the EER threshold."""
    known = {kind: histograms[kind] for kind in kinds if kind in histograms and sum(histograms[kind].counts) > 0}
    if not known:
        return Figure(Markup(""), title, empty="There are no scores to draw.")
    marked = [] if threshold is None else [threshold]
    low = min(*marked, *(h.low for h in known.values()), math.inf)
    high = max(*marked, *(h.high for h in known.values()), -math.inf)
    width = max(high - low, 1e-9) / 100
    low, high = low - MARGIN * width, high + MARGIN * width
    x = Axis("distance: lower means more alike", low, high, _ticks(low, high))
    y = Axis("relative frequency", 0.0, 1.02, [])

    curves = {kind: _density(histogram) for kind, histogram in known.items()}
    labels = [(max(points, key=lambda p: p[1])[0], KINDS[kind][1]) for kind, points in curves.items()]
    if threshold is not None:
        labels.append((threshold, "EER threshold"))
    scale = (WIDTH - LEFT - RIGHT) / (high - low)
    rows = label_rows([(LEFT + (min(max(value, low), high) - low) * scale, words) for value, words in labels])
    canvas = Canvas(x, y, 1 + max(row for _, row in rows))
    for kind, points in curves.items():
        canvas.line(KINDS[kind][0], points, filled=kind in ("genuine", "impostor"))
    if threshold is not None:
        canvas.upright("threshold", threshold)
    for (value, words), (centre, row) in zip(labels, rows, strict=True):
        height = canvas.top - 5 - row * LABEL_HEIGHT
        if row:
            canvas.upright("leader", value, canvas.top, height + 3)
        canvas.text(centre, height, words)
    description = (
        "Frequency of comparison scores by kind, smoothed, each curve scaled to its own peak. The table of numbers "
        "below the figure gives where each kind of score lies."
    )
    keys = [Key(KINDS[kind][0], "", f"{KINDS[kind][1]}, n = {whole(h.count)}") for kind, h in known.items()]
    table = [[KINDS[kind][2], whole(h.count), *_quantiles(h)] for kind, h in known.items()]
    header = ["Comparisons of", "Number", "5 % lie below", "Half lie below", "95 % lie below"]
    return Figure(canvas.svg(identifier, title, description), title, keys, header, table)


def _density(histogram: Histogram) -> list[tuple[float, float]]:
    """Gaussian kernel density of binned scores, scaled to a maximum of 1; bandwidth by Silverman (1986, eq. 3.31)."""
    counts = np.pad(np.asarray(histogram.counts, dtype=np.float64), MARGIN)
    width = (histogram.high - histogram.low) / len(histogram.counts) or 1e-9
    places = np.arange(len(counts), dtype=np.float64)
    total = counts.sum()
    mean = (counts * places).sum() / total
    deviation = math.sqrt((counts * (places - mean) ** 2).sum() / total)
    quarter, three_quarters = np.searchsorted(np.cumsum(counts), [0.25 * total, 0.75 * total])
    spread = min(deviation, (three_quarters - quarter) / 1.34) or deviation
    bandwidth = max(0.8, 0.9 * spread * total**-0.2)
    kernel: NDArray[np.float64] = np.exp(-0.5 * ((places[:, None] - places[None, :]) / bandwidth) ** 2)
    density = kernel @ counts
    density /= density.max()
    seen = np.flatnonzero(density > 0.002)  # extend the line by one bin down to the axis
    return [
        (histogram.low + (place - MARGIN + 0.5) * width, float(density[place]))
        for place in range(max(0, seen[0] - 1), min(len(density), seen[-1] + 2))
    ]


def _quantiles(histogram: Histogram) -> list[str]:
    """5, 50 and 95 % quantiles of the scores, to within a bin."""
    cumulated = np.cumsum(histogram.counts)
    width = (histogram.high - histogram.low) / len(histogram.counts)
    found = np.searchsorted(cumulated, np.array([0.05, 0.5, 0.95]) * cumulated[-1])
    return [number(histogram.low + (place + 0.5) * width, "distance") for place in found]


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(factor for factor in (1, 2, 5) if (high - low) / (step * factor) <= 7)
    places = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(place * step, f"{place * step:.6g}".replace("-", "\u2212")) for place in places]
