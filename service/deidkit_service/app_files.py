"""Files of our own that pages need."""

from __future__ import annotations

from importlib.resources import files


def static(name: str) -> bytes:
    """A file by its name."""
    return files("deidkit_service").joinpath("static", name).read_bytes()


def report_style() -> bytes:
    """The style of the HTML report, which every page here shares."""
    return files("deidkit_reports").joinpath("static", "report.css").read_bytes()
