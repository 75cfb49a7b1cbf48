"""Error and identification rates: DET and CMC curves of several recognizers in one plot."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import NormalDist
from string import ascii_uppercase

from markupsafe import Markup

from deidkit.result import Curve
from deidkit_reports.figures.plot import Axis, Canvas, Figure, Key
from deidkit_reports.numbers import number

DET_ENDS = (0.1, 99.9)
DET_TICKS = (0.1, 1, 5, 20, 50, 80, 95, 99)
DET_ROWS = (0.1, 1.0, 10.0)
CMC_ROWS = (1, 5, 10)


def det(identifier: str, title: str, curves: Mapping[str, Curve]) -> Figure:
    """Plot DET curves by recognizer, in percent on normal-deviate axes (Martin et al. 1997), and that of chance."""
    known = {name: _finite(curve) for name, curve in curves.items() if _finite(curve)}
    if not known:
        return Figure(Markup(""), title, empty="There are no comparisons to draw.")
    ends = (_deviate(DET_ENDS[0]) - 0.12, _deviate(DET_ENDS[1]) + 0.12)  # keeps lines at the ends off the axes
    ticks = [(_deviate(percent), f"{percent:g}") for percent in DET_TICKS]
    canvas = Canvas(Axis("FMR in percent", *ends, ticks), Axis("FNMR in percent", *ends, ticks))
    canvas.line("chance", [(ends[0], ends[1]), (ends[1], ends[0])])
    canvas.text(canvas.at_x(_deviate(12)), canvas.at_y(_deviate(93)), "chance", anchor="start")
    lines = [[(_deviate(x), _deviate(y)) for x, y in points] for points in known.values()]
    keys = _lines(canvas, list(known), lines)
    description = (
        "False non-match rate against false match rate on normal-deviate axes: the nearer to the lower left corner, "
        "the better the recognizer distinguishes people; on the straight line it guesses. Rates beyond 0.1 and 99.9 % "
        "are drawn there."
    )
    rows = [[name, *(_at(points, fmr) for fmr in DET_ROWS)] for name, points in known.items()]
    header = ["Recognizer", *(f"FNMR at FMR {fmr:g} %" for fmr in DET_ROWS)]
    return Figure(canvas.svg(identifier, title, description), title, keys, header, rows)


def cmc(identifier: str, title: str, curves: Mapping[str, Curve]) -> Figure:
    """Plot CMC curves: identification rate in percent against rank, by recognizer."""
    known = {name: _finite(curve) for name, curve in curves.items() if _finite(curve)}
    if not known:
        return Figure(Markup(""), title, empty="No probe was searched for.")
    last = max(2, *(points[-1][0] for points in known.values()))
    step = max(1, math.ceil(last / 10))
    marks = [1, *range(2 * step if step == 1 else step, int(last) + 1, step)]
    x = Axis("rank", 1.0, float(last), [(float(mark), str(mark)) for mark in marks])
    y = Axis("identified in percent", 0.0, 102.0, [(float(v), str(v)) for v in (0, 25, 50, 75, 100)])
    canvas = Canvas(x, y)
    keys = _lines(canvas, list(known), list(known.values()))
    description = "Share of probes whose own identity is among the closest, by rank: higher means more is left."
    shown = [rank for rank in CMC_ROWS if rank <= last]
    rows = [
        [name, *(next((f"{number(y, 'percent')} %" for x, y in points if x == rank), "not computed") for rank in shown)]
        for name, points in known.items()
    ]
    header = ["Recognizer", *(f"Rank {rank}" for rank in shown)]
    return Figure(canvas.svg(identifier, title, description), title, keys, header, rows)


def _lines(canvas: Canvas, names: Sequence[str], lines: Sequence[Sequence[tuple[float, float]]]) -> list[Key]:
    """Draw lines with letters, each at another fraction of its length, so that coinciding lines' letters stay apart."""
    keys = []
    for index, (name, points) in enumerate(zip(names, lines, strict=True)):
        style = f"series{index % 6}"
        letter = ascii_uppercase[index % 26]
        canvas.line(style, points)
        keys.append(Key(style, letter, name))
    for index, points in enumerate(lines):
        places = [(canvas.at_x(x), canvas.at_y(y)) for x, y in points]
        canvas.badge(*_along(places, (index + 1) / (len(lines) + 1)), *(keys[index].mark, keys[index].style))
    return keys


def _along(places: Sequence[tuple[float, float]], share: float) -> tuple[float, float]:
    """Point at a fraction of a line's length."""
    lengths = [0.0]
    for (x0, y0), (x1, y1) in pairwise(places):
        lengths.append(lengths[-1] + math.hypot(x1 - x0, y1 - y0))
    target = share * lengths[-1]
    at = min(bisect_right(lengths, target), len(places) - 1)
    if at == 0 or lengths[at] == lengths[at - 1]:
        return places[at]
    part = (target - lengths[at - 1]) / (lengths[at] - lengths[at - 1])
    (x0, y0), (x1, y1) = places[at - 1], places[at]
    return x0 + part * (x1 - x0), y0 + part * (y1 - y0)


def _at(points: Sequence[tuple[float, float]], fmr: float) -> str:
    """Smallest FNMR with an FMR of at most `fmr`, formatted."""
    reached = [y for x, y in points if x <= fmr]
    return f"{number(min(reached), 'percent')} %" if reached else "not computed"


def _finite(curve: Curve) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(curve.x, curve.y, strict=False) if math.isfinite(x) and math.isfinite(y)]


def _deviate(percent: float) -> float:
    """Normal deviate (probit) of a rate in percent."""
    return NormalDist().inv_cdf(min(max(percent, DET_ENDS[0]), DET_ENDS[1]) / 100)
