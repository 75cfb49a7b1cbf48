"""Common parts of figures: axes, lines, labels. CSS classes of the style sheet set colours and dashes.

Not by a plotting library: marks carry the classes and texts that the style sheet and a screen reader need, and equal
results give equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from deidkit.printing import undirected

WIDTH = 440
LEFT, RIGHT, BOTTOM = 46, 12, 40
PLOT_HEIGHT = 190
LABEL_HEIGHT = 14
CHARACTER_WIDTH = 6.8
"""Width of a label's character in figure units, estimated generously, as the font is unknown."""


@dataclass(frozen=True)
class Key:
    """One entry of a legend: CSS class of its line, label on the line, and meaning.

    Where points are marked by a shape, `shape` is its name.
    """

    style: str
    mark: str
    text: str
    shape: str = ""

    @property
    def sign(self) -> Markup:
        """SVG of the entry's symbol."""
        inner = marker(0, 0, self.shape, self.style)
        return Markup(f"<svg class='sign-of-series' viewBox='-7 -7 14 14' aria-hidden='true'>{inner}</svg>")


@dataclass(frozen=True)
class Figure:
    """A figure with its text alternative.

    Attributes:
        svg: The drawing; empty if there is nothing to draw, and then `empty` says why.
        header: Column names of the table of numbers.
        rows: The formatted numbers.
    """

    svg: Markup
    title: str
    keys: list[Key] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    empty: str = ""


@dataclass(frozen=True)
class Axis:
    """One axis: name, ends and ticks, in plotted units."""

    name: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]


class Canvas:
    """Collects the parts of one drawing.

    Args:
        x: The horizontal axis.
        y: The vertical axis.
        label_rows: Rows to keep free above the plot for labels.
        plot_height: Height of the plot area.
    """

    def __init__(self, x: Axis, y: Axis, label_rows: int = 0, plot_height: int = PLOT_HEIGHT) -> None:
        self.x, self.y = x, y
        self.top = 10 + label_rows * LABEL_HEIGHT
        self.bottom = self.top + plot_height
        self.height = self.bottom + BOTTOM
        self._parts: list[str] = []
        self._axes()

    def at_x(self, value: float) -> float:
        """Convert a value to a horizontal coordinate, clipped to the axis."""
        share = (min(max(value, self.x.low), self.x.high) - self.x.low) / (self.x.high - self.x.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def at_y(self, value: float) -> float:
        """Convert a value to a vertical coordinate."""
        share = (min(max(value, self.y.low), self.y.high) - self.y.low) / (self.y.high - self.y.low)
        return self.bottom - share * (self.bottom - self.top)

    def line(self, style: str, points: Sequence[tuple[float, float]], *, filled: bool = False) -> None:
        """Add a line through points, simplified to visible detail; `filled` shades the area below it."""
        seen: list[tuple[float, float]] = []
        for value_x, value_y in points:
            place = (self.at_x(value_x), self.at_y(value_y))
            if not seen or abs(place[0] - seen[-1][0]) + abs(place[1] - seen[-1][1]) > 0.5:
                seen.append(place)
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in seen)
        if filled:
            ends = f"{seen[0][0]:.1f},{self.bottom} {path} {seen[-1][0]:.1f},{self.bottom}"
            self._parts.append(f"<polygon class='area {style}' points='{ends}'/>")
        self._parts.append(f"<polyline class='line {style}' points='{path}'/>")

    def upright(self, style: str, value: float, low: float | None = None, high: float | None = None) -> None:
        """Add a vertical line at a value, over the whole plot or between the coordinates `low` and `high`."""
        x, y1, y2 = self.at_x(value), self.bottom if low is None else low, self.top if high is None else high
        self._parts.append(f"<line class='{style}' x1='{x:.1f}' x2='{x:.1f}' y1='{y1:.1f}' y2='{y2:.1f}'/>")

    def text(self, x: float, y: float, words: str, style: str = "label", anchor: str = "middle") -> None:
        """Add text at coordinates of the drawing."""
        self._parts.append(
            f"<text class='{style}' x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'>{escape(undirected(words))}</text>"
        )

    def badge(self, x: float, y: float, letter: str, style: str) -> None:
        """Add a circled letter, which identifies a line without colour."""
        self._parts.append(f"<circle class='badge {style}' cx='{x:.1f}' cy='{y:.1f}' r='7.5'/>")
        self.text(x, y + 3.6, letter, "letter")

    def marker(self, x: float, y: float, shape: str, style: str) -> None:
        """Add a `marker` at coordinates of the drawing."""
        self._parts.append(marker(x, y, shape, style))

    def holds(self, x: float, y: float) -> bool:
        """Whether coordinates are inside the plot, with room for a letter."""
        return LEFT + 6 <= x <= WIDTH - RIGHT - 4 and self.top + 4 <= y <= self.bottom - 6

    def svg(self, identifier: str, title: str, description: str) -> Markup:
        """Return the SVG with an accessible title and description."""
        return Markup(
            f"<svg viewBox='0 0 {WIDTH} {self.height}' role='img' aria-labelledby='{identifier}-t {identifier}-d'>"
            f"<title id='{identifier}-t'>{escape(undirected(title))}</title>"
            f"<desc id='{identifier}-d'>{escape(undirected(description))}</desc>"
            f"{''.join(self._parts)}</svg>"
        )

    def _axes(self) -> None:
        right = WIDTH - RIGHT
        for value, words in self.y.ticks:
            place = self.at_y(value)
            self._parts.append(f"<line class='grid' x1='{LEFT}' x2='{right}' y1='{place:.1f}' y2='{place:.1f}'/>")
            self.text(LEFT - 6, place + 4, words, "tick", "end")
        for value, words in self.x.ticks:
            place = self.at_x(value)
            self._parts.append(
                f"<line class='axis' x1='{place:.1f}' x2='{place:.1f}' y1='{self.bottom}' y2='{self.bottom + 4}'/>"
            )
            self.text(place, self.bottom + 16, words, "tick")
        self._parts.append(f"<line class='axis' x1='{LEFT}' x2='{right}' y1='{self.bottom}' y2='{self.bottom}'/>")
        self.text((LEFT + right) / 2, self.height - 6, self.x.name, "name")
        middle = (self.top + self.bottom) / 2
        self._parts.append(
            f"<text class='name' transform='translate(12 {middle:.0f}) rotate(-90)' text-anchor='middle'>"
            f"{escape(undirected(self.y.name))}</text>"
        )


CORNERS: dict[str, list[tuple[float, float]]] = {
    "square": [(-3.6, -3.6), (3.6, -3.6), (3.6, 3.6), (-3.6, 3.6)],
    "diamond": [(0, -5), (5, 0), (0, 5), (-5, 0)],
    "triangle": [(0, -4.8), (4.6, 3.6), (-4.6, 3.6)],
    "cross": [(-4, -1.4), (-1.4, -1.4), (-1.4, -4), (1.4, -4), (1.4, -1.4), (4, -1.4), (4, 1.4), (1.4, 1.4), (1.4, 4),
              (-1.4, 4), (-1.4, 1.4), (-4, 1.4)],
    "hexagon": [(-2.4, -4.2), (2.4, -4.2), (4.8, 0), (2.4, 4.2), (-2.4, 4.2), (-4.8, 0)],
}  # fmt: skip
"""Shape -> corners relative to its centre; other shapes are drawn as circles."""


def marker(x: float, y: float, shape: str, style: str) -> str:
    """SVG of a marker, whose shape identifies a series without colour."""
    if shape not in CORNERS:
        return f"<circle class='mark {style}' cx='{x:.1f}' cy='{y:.1f}' r='4'/>"
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in CORNERS[shape])
    return f"<polygon class='mark {style}' points='{points}'/>"


def label_rows(labels: Sequence[tuple[float, str]]) -> list[tuple[float, int]]:
    """Place labels above a plot in rows so that they do not overlap.

    Args:
        labels: Desired horizontal centre and text of each label.

    Returns:
        Centre and row of each label, in the order given; row 0 is next to the plot.
    """
    taken: list[list[tuple[float, float]]] = []
    placed = []
    for wanted, words in labels:
        half = len(words) * CHARACTER_WIDTH / 2
        centre = min(max(wanted, LEFT - 30 + half), WIDTH - half)
        span = (centre - half - 4, centre + half + 4)
        row = next((i for i, r in enumerate(taken) if all(span[1] < a or b < span[0] for a, b in r)), len(taken))
        if row == len(taken):
            taken.append([])
        taken[row].append(span)
        placed.append((centre, row))
    return placed
