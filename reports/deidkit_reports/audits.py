"""Comparison of audits as a self-contained page, and as content to embed in another page."""

from __future__ import annotations

from markupsafe import Markup

from deidkit.audit_changes import Comparison
from deidkit_reports import changes, figures
from deidkit_reports.notes import Notes
from deidkit_reports.pages import pages, style

MEANINGS = {100.0: "as far as another's hand"}


def page(comparison: Comparison) -> str:
    """Render the comparison as a self-contained page, like an audit's."""
    return _rendered("audits.html.j2", comparison)


def content(comparison: Comparison) -> Markup:
    """Render only the sections, for a page that links the style sheet itself."""
    return Markup(_rendered("changes.html.j2", comparison))


def _rendered(template: str, comparison: Comparison) -> str:
    several = len({point.audit_id for point in comparison.plane}) > 1
    points = [
        figures.Point(f"{p.engine}, {p.audit_id}" if several else p.engine, p.recognizer, p.ssim, p.deid_ratio)
        for p in comparison.plane
    ]
    return (
        pages()
        .get_template(template)
        .render(
            comparison=comparison,
            pairs=list(changes.pairs(comparison)),
            caution=changes.CAUTION,
            value=changes.value,
            difference=changes.difference,
            headline=changes.headline,
            verdicts=changes.verdicts,
            notes=Notes,
            style=style(),
            plane=figures.tradeoff(
                "f-plane",
                "Privacy against quality: De-identification Ratio (DIR) and SSIM",
                points,
                "SSIM of copy and original",
                "DIR in percent",
                MEANINGS,
            ),
        )
    )
