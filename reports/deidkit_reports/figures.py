"""Figures as inline SVG: told apart by line style and direct labels, not by colour alone; colours come from CSS."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from deidkit.result import Curve, Histogram

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 16, 44


@dataclass(frozen=True)
class Series:
    """One line: its CSS class decides colour and dashes."""

    style: str
    label: str
    points: Sequence[tuple[float, float]]


DISTRIBUTIONS = {
    "genuine": ("genuine", "genuine"),
    "impostor": ("impostor", "impostor"),
    "deidentified": ("deidentified", "de-identified, own original"),
    "deidentified_nonmated": ("nonmated", "de-identified, other people"),
    "diversity": ("diversity", "copies of one picture"),
}
"""Kind of score -> CSS class and label, in the order of drawing."""


def score_distributions(histograms: Mapping[str, Histogram], title: str, threshold: float | None) -> Markup:
    """Densities of the scores by kind, each scaled to its own peak, with the threshold."""
    known = {kind: histograms[kind] for kind in DISTRIBUTIONS if kind in histograms}
    if not known:
        return Markup("<p class='missing'>There are no scores to draw.</p>")
    series = []
    for kind, histogram in known.items():
        style, label = DISTRIBUTIONS[kind]
        heights = _smooth(histogram.counts)
        peak = max(heights) or 1
        width = (histogram.high - histogram.low) / len(heights)
        points = [(histogram.low + (i + 0.5) * width, height / peak) for i, height in enumerate(heights)]
        series.append(Series(style, f"{label} (n = {histogram.count:,})".replace(",", "\u202f"), points))
    first = next(iter(known.values()))
    marks = [] if threshold is None else [(threshold, "EER threshold")]
    description = "Frequency of comparison scores by kind; each curve is scaled to its own highest point."
    return _plot(
        series, title, description, (first.low, first.high), (0.0, 1.08), "distance", "relative frequency", marks
    )


def det(curves: Mapping[str, tuple[str, Curve]], title: str) -> Markup:
    """FNMR against FMR, both in percent, on logarithmic axes."""
    floor = 0.1
    series = [
        Series(style, label, [(_log(x, floor), _log(y, floor)) for x, y in zip(curve.x, curve.y, strict=True)])
        for label, (style, curve) in curves.items()
        if curve.x
    ]
    if not series:
        return Markup("<p class='missing'>There are no comparisons to draw.</p>")
    description = (
        "False non-match rate against false match rate in percent, logarithmic; rates below 0.1 % are drawn there."
    )
    ends = (math.log10(floor), 2.0)
    return _plot(series, title, description, ends, ends, "FMR %", "FNMR %", [], logarithmic=True)


def cmc(curves: Mapping[str, tuple[str, Curve]], title: str) -> Markup:
    """Identification rate in percent against rank."""
    series = [
        Series(style, label, list(zip(curve.x, curve.y, strict=True)))
        for label, (style, curve) in curves.items()
        if curve.x
    ]
    if not series:
        return Markup("<p class='missing'>No probe was searched.</p>")
    last = max(max(x for x, _ in s.points) for s in series)
    description = "Share of probes whose own identity is among the closest, by rank."
    return _plot(series, title, description, (1.0, max(last, 2.0)), (0.0, 104.0), "rank", "identified %", [])


def _smooth(counts: Sequence[int]) -> list[float]:
    """A mean over three bins, so that a curve of a hundred bins reads as one."""
    padded = [counts[0], *counts, counts[-1]]
    return [(padded[i] + padded[i + 1] + padded[i + 2]) / 3 for i in range(len(counts))]


def _log(percent: float, floor: float) -> float:
    return math.log10(max(percent, floor))


def _plot(
    series: Sequence[Series],
    title: str,
    description: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_name: str,
    y_name: str,
    marks: Sequence[tuple[float, str]],
    *,
    logarithmic: bool = False,
) -> Markup:
    def x_at(value: float) -> float:
        return LEFT + (value - x_range[0]) / (x_range[1] - x_range[0]) * (WIDTH - LEFT - RIGHT)

    def y_at(value: float) -> float:
        return HEIGHT - BOTTOM - (value - y_range[0]) / (y_range[1] - y_range[0]) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>",
        f"<line class='axis' x1='{LEFT}' y1='{HEIGHT - BOTTOM}' x2='{WIDTH - RIGHT}' y2='{HEIGHT - BOTTOM}'/>",
        f"<line class='axis' x1='{LEFT}' y1='{TOP}' x2='{LEFT}' y2='{HEIGHT - BOTTOM}'/>",
        f"<text class='name' x='{(LEFT + WIDTH - RIGHT) / 2:.0f}' y='{HEIGHT - 6}' "
        f"text-anchor='middle'>{escape(x_name)}</text>",
        f"<text class='name' transform='translate(13 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)' "
        f"text-anchor='middle'>{escape(y_name)}</text>",
    ]
    for value, text in _ticks(x_range, logarithmic):
        parts.append(
            f"<text class='tick' x='{x_at(value):.1f}' y='{HEIGHT - BOTTOM + 16}' text-anchor='middle'>{text}</text>"
        )
    for value, text in _ticks(y_range, logarithmic):
        parts.append(
            f"<line class='grid' x1='{LEFT}' y1='{y_at(value):.1f}' x2='{WIDTH - RIGHT}' y2='{y_at(value):.1f}'/>"
            f"<text class='tick' x='{LEFT - 6}' y='{y_at(value) + 4:.1f}' text-anchor='end'>{text}</text>"
        )
    for value, text in marks:
        if x_range[0] <= value <= x_range[1]:
            parts.append(
                f"<line class='mark' x1='{x_at(value):.1f}' y1='{TOP}' x2='{x_at(value):.1f}' y2='{HEIGHT - BOTTOM}'/>"
                f"<text class='tick' x='{x_at(value) + 4:.1f}' y='{TOP + 10}'>{escape(text)}</text>"
            )
    for line in series:
        path = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in line.points)
        parts.append(
            f"<polyline class='line {line.style}' points='{path}'><title>{escape(line.label)}</title></polyline>"
        )
    legend = "".join(
        "<li><svg class='key' viewBox='0 0 34 8' aria-hidden='true'>"
        f"<line class='line {line.style}' x1='1' y1='4' x2='33' y2='4'/></svg> {escape(line.label)}</li>"
        for line in series
    )
    return Markup(
        f"<figure><svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{escape(title)}. {escape(description)}'>"
        f"{''.join(parts)}</svg><figcaption>{escape(title)}</figcaption><ul class='legend'>{legend}</ul></figure>"
    )


def _ticks(ends: tuple[float, float], logarithmic: bool) -> list[tuple[float, str]]:
    if logarithmic:
        return [(math.log10(percent), f"{percent:g}") for percent in (0.1, 1, 10, 100)]
    step = 10 ** math.floor(math.log10((ends[1] - ends[0]) / 2))
    if (ends[1] - ends[0]) / step > 6:
        step *= 2
    first = math.ceil(ends[0] / step - 1e-9)
    return [(i * step, f"{i * step:g}") for i in range(first, math.floor(ends[1] / step + 1e-9) + 1)]
