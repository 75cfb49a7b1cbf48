"""Static files that pages need."""

from __future__ import annotations

from importlib.resources import files


def static(name: str) -> bytes:
    """Return the content of a static file."""
    return files("deidkit_service").joinpath("static", name).read_bytes()


def report_style() -> bytes:
    """Return the style sheet of the HTML report, which all pages share."""
    return files("deidkit_reports").joinpath("static", "report.css").read_bytes()
