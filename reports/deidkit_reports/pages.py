"""Rendering of pages: template environment and style sheet."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deidkit.printing import undirected
from deidkit.titles import title_of
from deidkit.verdict import threshold_range
from deidkit_reports import numbers


def template_environment(package: str) -> Environment:
    """Make the template environment of a package; texts are escaped, undefined names are errors."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        finalize=_without_control_characters,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def pages() -> Environment:
    """Return the template environment of reports, with filters for numbers."""
    environment = template_environment("deidkit_reports")
    environment.filters |= {
        "name": title_of,
        "shown": numbers.text,
        "interval": numbers.interval,
        "intervals": numbers.intervals,
        "threshold_range": threshold_range,
        "why": numbers.why,
        "plain": numbers.plain,
        "whole": numbers.whole,
        "moment": moment,
        "css": css_string,
    }
    environment.tests["computed"] = lambda estimate: estimate is not None and numbers.known(estimate.value)
    return environment


def _without_control_characters(value: object) -> object:
    return undirected(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def style() -> Markup:
    """Return the style sheet of all pages."""
    return Markup(files("deidkit_reports").joinpath("static/report.css").read_text(encoding="utf-8"))


def moment(text: str) -> str:
    """Format an ISO 8601 time for readers; other texts are returned unchanged."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{found.astimezone(UTC) if found.tzinfo else found:%Y-%m-%d %H:%M} UTC"


def css_string(text: str) -> Markup:
    """Escape a text for use in a quoted CSS string."""
    escaped = "".join(c if c.isalnum() or c in "-_. " else f"\\{ord(c):06x}" for c in text)
    return Markup(escaped)  # safe: only letters, digits and escapes are left
