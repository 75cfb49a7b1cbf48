"""Whether two audits are comparable: same people, same recognizers, same versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deidkit.result import AuditResult, Component

OPTIONS = {
    "seeds": "copies of each picture (--seeds)",
    "palm": "palm polygon (--palm)",
    "roi_from": "where a copy's palm is found (--roi-from)",
    "small_pictures": "how small pictures are measured (--small-pictures)",
    "exclude": "samples left out (--exclude)",
}
"""Options, other than plugins, that influence numbers -> description."""


def mismatches(first: AuditResult, other: AuditResult) -> list[str]:
    """Describe the differences between two audits' conditions, one phrase each, apart from their engines."""
    found = []
    if first.dataset.fingerprint != other.dataset.fingerprint:
        found.append(f"the data set: {_dataset(first)} and {_dataset(other)}")
    found += _components(
        "recognizer", [r.component for r in first.recognizers], [r.component for r in other.recognizers]
    )
    found += _components("hand analysis", first.hand_analysis, other.hand_analysis)
    found += _components("attacker", first.attackers, other.attackers)
    found += _components("quality measure", first.quality_measures, other.quality_measures)
    found += _values("deidkit", {"": version(first)}, {"": version(other)})
    found += _values("package", first.provenance.packages, other.provenance.packages)
    options = [
        {words: str(result.provenance.options.get(name)) for name, words in OPTIONS.items()}
        for result in (first, other)
    ]
    return found + _values("option", *options)


def version(result: AuditResult) -> str:
    """Version of deidkit, with the commit if it ran from a checkout."""
    provenance = result.provenance
    return f"{provenance.deidkit} at {provenance.commit[:12]}" if provenance.commit else provenance.deidkit


def _dataset(result: AuditResult) -> str:
    summary = result.dataset
    return f"{summary.component.label} ({summary.samples} samples, fingerprint {summary.fingerprint[:12]})"


def _components(kind: str, first: Sequence[Component], other: Sequence[Component]) -> list[str]:
    """Describe plugins that only one audit has, or that differ under the same label."""
    a, b = ({component.label: component for component in components} for components in (first, other))
    lone = [
        f"{kind} {label} in one of them only" for label in dict.fromkeys([*a, *b]) if label not in a or label not in b
    ]
    return lone + [
        f"{kind} {label}: {difference}" for label in a if label in b and (difference := _difference(a[label], b[label]))
    ]


def _difference(first: Component, other: Component) -> str:
    for what in ("version", "options", "weights", "distribution"):
        a, b = getattr(first, what), getattr(other, what)
        if a != b:
            return f"{what} {a} and {b}" if isinstance(a, str) else f"other {what}"
    return ""


def _values(what: str, first: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    names = dict.fromkeys([*first, *other])
    return [
        f"{what}{f' {name}' if name else ''}: {first.get(name, 'none')} and {other.get(name, 'none')}"
        for name in names
        if first.get(name) != other.get(name)
    ]
