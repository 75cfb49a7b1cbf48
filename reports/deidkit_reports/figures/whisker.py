"""Small plot of a number with its interval on its scale, for table cells."""

from __future__ import annotations

from markupsafe import Markup

from deidkit.result import Estimate
from deidkit_reports.numbers import known

WIDTH = 100


def whisker(estimate: Estimate, ends: tuple[float, float], reference: float | None = None) -> Markup:
    """Draw an estimate between the ends of its scale, with a tick at `reference`, such as chance.

    It repeats the text next to it and is hidden from readers.
    """
    if not known(estimate.value):
        return Markup("")

    def at(value: float) -> str:
        return f"{3 + (WIDTH - 6) * min(max((value - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0):.1f}"

    low = estimate.low if known(estimate.low) else estimate.value
    high = estimate.high if known(estimate.high) else estimate.value
    mark = f"<line class='axis' x1='{at(reference)}' x2='{at(reference)}' y1='0' y2='10'/>" if known(reference) else ""
    return Markup(
        f"<svg class='whisker' viewBox='0 0 {WIDTH} 10' aria-hidden='true'>"
        f"<line class='scale' x1='3' x2='{WIDTH - 3}' y1='5' y2='5'/>{mark}"
        f"<line class='range' x1='{at(low)}' x2='{at(high)}' y1='5' y2='5'/>"
        f"<circle class='point' cx='{at(estimate.value)}' cy='5' r='2.8'/></svg>"
    )
