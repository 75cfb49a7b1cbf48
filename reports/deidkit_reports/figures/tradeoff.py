"""Privacy-utility plot: one metric against another, with a numbered marker for each setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from deidkit.result import Estimate
from deidkit_reports.figures.plot import CHARACTER_WIDTH, LEFT, RIGHT, WIDTH, Axis, Canvas, Figure, Key
from deidkit_reports.numbers import interval, known, text

SHAPES = ("circle", "square", "diamond", "triangle", "cross", "hexagon")
GAP = 0.06
"""Margin at either end of an axis, relative to the span of the values."""

ROOM = 11.0
"""Minimum distance, in figure units, at which two number labels do not touch."""

HEIGHT = 320

Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a box in the drawing."""


@dataclass(frozen=True)
class Point:
    """One setting against one recognizer."""

    setting: str
    recognizer: str
    x: Estimate | None
    y: Estimate | None


def tradeoff(
    identifier: str, title: str, points: Sequence[Point], x_name: str, y_name: str, marks: Mapping[float, str]
) -> Figure:
    """Plot one estimate against another, with points numbered in the order of settings and labelled reference lines."""
    numbers = {setting: place for place, setting in enumerate(dict.fromkeys(point.setting for point in points), 1)}
    recognizers = list(dict.fromkeys(point.recognizer for point in points))
    header = ["Setting", "Recognizer", x_name, y_name]
    rows = [[f"{numbers[p.setting]}. {p.setting}", p.recognizer, _words(p.x), _words(p.y)] for p in points]
    drawn = [(p, p.x.value, p.y.value) for p in points if p.x and p.y and known(p.x.value) and known(p.y.value)]
    if not drawn:
        return Figure(Markup(""), title, header=header, rows=rows, empty="No setting has both numbers.")
    ends_x = [v for p, x, _ in drawn for v in _ends(p.x, x)]
    ends_y = [v for p, _, y in drawn for v in _ends(p.y, y)] + list(marks)
    canvas = Canvas(_axis(x_name, ends_x), _axis(y_name, ends_y), plot_height=HEIGHT)
    places = [(canvas.at_x(x), canvas.at_y(y)) for _, x, y in drawn]
    words = [_reference_line(canvas, height, meaning, places) for height, meaning in marks.items()]
    series = [recognizers.index(point.recognizer) for point, _, _ in drawn]
    for (point, x, y), index in zip(drawn, series, strict=True):
        (left, right), (low, high) = _ends(point.x, x), _ends(point.y, y)
        canvas.line(f"spread series{index % 6}", [(x, low), (x, high)])
        canvas.line(f"spread series{index % 6}", [(left, y), (right, y)])
    taken = list(places)
    for (point, _, _), (x, y), index in zip(drawn, places, series, strict=True):
        canvas.marker(x, y, SHAPES[index % len(SHAPES)], f"series{index % 6}")
        taken.append(_free_place(x, y, taken, words, canvas))
        canvas.text(taken[-1][0], taken[-1][1] + 3.6, str(numbers[point.setting]))
    keys = [Key(f"series{i % 6}", "", name, SHAPES[i % len(SHAPES)]) for i, name in enumerate(recognizers)]
    keys += [Key("", str(number), setting) for setting, number in numbers.items()]
    description = (
        f"{y_name} against {x_name}: a mark for each setting and recognizer, with lines over its intervals; "
        "the numbers at the marks are those of the settings."
    )
    return Figure(canvas.svg(identifier, title, description), title, keys, header, rows)


def _words(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not measured"
    span = interval(estimate)
    return f"{text(estimate)} ({span})" if span else text(estimate)


def _ends(estimate: Estimate | None, value: float) -> tuple[float, float]:
    """Ends of the interval, or the value twice if it has none."""
    low, high = (estimate.low, estimate.high) if estimate else (None, None)
    return (low, high) if known(low) and known(high) else (value, value)


def _axis(name: str, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    low, high = low - GAP * span, high + GAP * span
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 7)
    marks = [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return Axis(name, low, high, [(mark, f"{mark:.6g}".replace("-", "\u2212")) for mark in marks])


def _reference_line(canvas: Canvas, height: float, words: str, places: Sequence[tuple[float, float]]) -> Box:
    """Add a reference line labelled where the fewest markers are; returns the label's box."""
    canvas.line("chance", [(canvas.x.low, height), (canvas.x.high, height)])
    y, width = canvas.at_y(height), len(words) * CHARACTER_WIDTH * 0.85
    boxes = [
        (left, base - ROOM, left + width, base + 3)
        for base in (y - 4, y + ROOM + 2)
        for left in (LEFT + 4, WIDTH - RIGHT - 4 - width)
    ]

    def crowd(box: Box) -> int:
        return sum(box[0] - ROOM < a < box[2] + ROOM and box[1] - 4 < b < box[3] + 4 for a, b in places)

    box = min(boxes, key=crowd)
    canvas.text(box[0], box[3] - 3, words, anchor="start")
    return box


def _free_place(
    x: float, y: float, taken: Sequence[tuple[float, float]], words: Sequence[Box], canvas: Canvas
) -> tuple[float, float]:
    """Find a free place for a number near its marker; beside the marker if none is free."""
    for radius in (ROOM, 1.5 * ROOM, 2 * ROOM, 3 * ROOM):
        for step in range(12):
            angle = math.pi * (step / 6 - 0.25)
            a, b = x + radius * math.cos(angle), y - radius * math.sin(angle)
            apart = all(math.hypot(a - c, b - d) >= 0.95 * ROOM for c, d in taken)
            clear_of_words = all(
                a < left - 4 or a > right + 4 or b < top or b > bottom + 5 for left, top, right, bottom in words
            )
            if apart and clear_of_words and canvas.holds(a, b):
                return (a, b)
    return (x + ROOM, y)
