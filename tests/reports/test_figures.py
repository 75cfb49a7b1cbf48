"""Figures: whatever the scores, a drawing that is finite, named, and carries its numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidkit.result import Curve, Estimate, Histogram
from deidkit_reports.figures import Figure, cmc, det, distributions, whisker

counts = st.lists(st.integers(0, 10**9), min_size=1, max_size=120)
places = st.floats(-1e3, 1e3, allow_subnormal=False)


def drawn(figure: Figure) -> ElementTree.Element:
    root = ElementTree.fromstring(str(figure.svg))
    assert not re.search(r"nan|inf\b|None", str(figure.svg).lower().replace("none</", ""))
    assert [child.tag for child in root][:2] == ["title", "desc"]
    assert root.get("aria-labelledby") == "f-t f-d"
    return root


def numbers_of(svg: str) -> list[float]:
    return [float(n) for text in re.findall(r"points='([^']*)'", svg) for n in re.split("[ ,]", text)]


@settings(max_examples=40)
@given(counts, counts, places, st.floats(0, 10), st.none() | places)
def test_any_scores_give_a_finite_drawing_within_its_frame(first, second, low, width, threshold) -> None:
    histograms = {
        "genuine": Histogram(low=low, high=low + width, counts=first, count=sum(first)),
        "impostor": Histogram(low=low + 1, high=low + 1 + width, counts=second, count=sum(second)),
    }
    figure = distributions("f", "<b> & 'title'", histograms, threshold=threshold)
    if sum(first) == sum(second) == 0:
        assert figure.empty
        return
    drawn(figure)
    assert len(figure.rows) == len(figure.keys) == (sum(first) > 0) + (sum(second) > 0)
    assert all(-1 <= n <= 441 for n in numbers_of(str(figure.svg)))


def test_every_curve_reaches_the_top_at_its_own_peak() -> None:
    wide = Histogram(low=0, high=1, counts=[1] * 100, count=100)
    narrow = Histogram(low=0, high=1, counts=[0] * 50 + [100000] + [0] * 49, count=100000)
    lines = re.findall(
        r"polyline class='line (\w+)' points='([^']*)'",
        str(distributions("f", "t", {"genuine": wide, "impostor": narrow}).svg),
    )
    tops = {style: min(float(p.split(",")[1]) for p in points.split()) for style, points in lines}
    assert tops["genuine"] == pytest.approx(tops["impostor"], abs=0.1)


def test_the_numbers_beside_a_distribution_are_its_quantiles() -> None:
    even = Histogram(low=0.0, high=1.0, counts=[10] * 100, count=1000)
    (row,) = distributions("f", "t", {"genuine": even}).rows
    assert row == ["originals of one hand", "1\u202f000", "0.0450", "0.4950", "0.9450"]


def test_the_published_curves_are_told_apart_without_colour() -> None:
    kinds = ("genuine", "impostor", "deidentified", "deidentified_nonmated", "diversity")
    histograms = {k: Histogram(low=0, high=1, counts=[0, 5, 9, 5, 0], count=19) for k in kinds}
    figure = distributions("f", "t", histograms, threshold=0.5)
    assert len({key.style for key in figure.keys}) == 5
    labels = [element.text for element in drawn(figure).iter("text") if element.get("class") == "label"]
    assert sorted(labels) == sorted(
        ["genuine", "impostor", "de-identified", "de-identified, others", "diversity", "EER threshold"]
    )
    heights = {element.get("y") for element in drawn(figure).iter("text") if element.get("class") == "label"}
    assert len(heights) == 6  # all curves peak at one place


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=30), st.integers(1, 30))
def test_any_rates_are_drawn_and_every_line_has_its_letter(points, lines: int) -> None:
    points.sort()
    curve = Curve(x=[x for x, _ in points], y=[y for _, y in points])
    figure = det("f", "t", {f"r{i}": curve for i in range(lines)})
    letters = [e.text for e in drawn(figure).iter("text") if e.get("class") == "letter"]
    assert letters == [key.mark for key in figure.keys]
    assert len(letters) == lines
    assert all(-1 <= n <= 441 for n in numbers_of(str(figure.svg)))


def test_rates_in_words_are_the_smallest_within_the_limit() -> None:
    curve = Curve(x=[0.0, 0.05, 2.0, 50.0], y=[90.0, 30.0, 7.0, 0.0])
    assert det("f", "t", {"r": curve}).rows == [["r", "30.00 %", "30.00 %", "7.00 %"]]
    ranks = Curve(x=[1.0, 2.0, 3.0, 4.0, 5.0], y=[40.0, 50.0, 60.0, 70.0, 80.0])
    assert cmc("f", "t", {"r": ranks}).rows == [["r", "40.00 %", "80.00 %"]]


def test_nothing_to_draw_is_said() -> None:
    nothing = Curve(x=[], y=[])
    assert det("f", "t", {"r": nothing}).empty
    assert cmc("f", "t", {}).empty
    assert distributions("f", "t", {}).empty


def test_a_whisker_stays_on_its_scale_and_is_absent_without_a_number() -> None:
    beyond = Estimate(value=-69.0, unit="percent", low=-110.0, high=400.0)
    found = [float(n) for n in re.findall(r"(?:cx|x1|x2)='([\d.]+)'", str(whisker(beyond, (-50, 150), 100)))]
    assert min(found) >= 3
    assert max(found) <= 97
    assert whisker(Estimate(value=None, unit="percent"), (0, 100)) == ""
    assert whisker(Estimate(value=float("nan"), unit="percent"), (0, 100)) == ""
