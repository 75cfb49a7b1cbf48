"""Registry of all metrics, from which tables, files, requirements, ``deidkit metrics --list`` and the manual derive."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from deidkit.measures.attacks import ATTACK
from deidkit.measures.identity import IDENTITY
from deidkit.measures.linkage import DIVERSITY, LINKAGE
from deidkit.measures.metric import ISO_19795, Metric
from deidkit.measures.pictures import QUALITY, USABILITY
from deidkit.measures.recognition import RECOGNIZER
from deidkit.registered import records

FAILURE_TO_ACQUIRE = Metric(
    name="failure_to_acquire_percent",
    title="Failure to acquire (FTA)",
    unit="percent",
    digits=2,
    group="acquisition",
    definition="Share of the pictures of which the recognizer got no template; of copies, pictures that were not made "
    "included.",
    source=ISO_19795,
    lowest=0.0,
    highest=100.0,
    best=0.0,
    rate=True,
)

REJECTED_WITH_FAILURES = Metric(
    name="rejection_rate_including_failures_percent",
    title="RR, failures counted as rejected",
    unit="percent",
    digits=2,
    group="acquisition",
    definition="The rejection rate at the EER threshold with failures to acquire counted as rejections.",
    source=ISO_19795,
    safer="higher",
    lowest=0.0,
    highest=100.0,
    best=100.0,
    rate=True,
)

CELL = (*IDENTITY, *LINKAGE, *DIVERSITY)
"""Metrics of one engine against one recognizer that are computed from scores alone."""

OF_RECOGNIZERS: tuple[Metric, ...] = (*RECOGNIZER, FAILURE_TO_ACQUIRE)
"""Metrics of a recognizer on originals."""

OF_CELLS: tuple[Metric, ...] = (*CELL, FAILURE_TO_ACQUIRE, REJECTED_WITH_FAILURES)
"""Metrics of one engine against one recognizer; these, quality and usability can be required."""

OF_ATTACKS: tuple[Metric, ...] = ATTACK
"""Metrics of the strongest attack on an engine."""

GROUP = "deidkit.metrics"


def own_names() -> frozenset[str]:
    """Names of the built-in metrics."""
    return frozenset(names((*QUALITY, *USABILITY, *OF_ATTACKS, *OF_CELLS, *OF_RECOGNIZERS)))


def of_plugins() -> tuple[Metric, ...]:
    """Metrics of quality that installed packages registered in the entry-point group ``deidkit.metrics``.

    Raises:
        PluginError: A package registered something other than a Metric, or a name that is already taken.
    """
    return records(GROUP, Metric, own_names())


def of_quality() -> tuple[Metric, ...]:
    """Metrics of picture quality, built-in and from plugins."""
    return (*QUALITY, *of_plugins())


def of_engines() -> tuple[Metric, ...]:
    """Metrics of an engine that need no recognizer: quality and usability."""
    return (*of_quality(), *USABILITY)


@cache
def _copies() -> dict[str, Metric]:
    return {metric.name: metric for metric in (*of_engines(), *OF_ATTACKS, *OF_CELLS)}


_ORIGINALS = {metric.name: metric for metric in OF_RECOGNIZERS}


def metric(name: str, *, originals: bool = False) -> Metric | None:
    """Find a metric by name; metrics of copies, or with `originals` of originals, take precedence. None if unknown."""
    first, second = (_ORIGINALS, _copies()) if originals else (_copies(), _ORIGINALS)
    return first.get(name) or second.get(name)


def names(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """Names of metrics."""
    return tuple(each.name for each in metrics)


def described(record: Metric) -> str:
    """Describe a metric in one line: definition, unit, range, better direction, source."""
    ends = ["" if end is None else f"{end:g}" for end in (record.lowest, record.highest)]
    range_ = " to ".join(ends) if all(ends) else f"from {ends[0]}" if ends[0] else ""
    facts = [record.unit, range_, f"{record.safer} is better" if record.safer else "", record.source]
    return f"{record.definition} ({'; '.join(fact for fact in facts if fact)})"


def markdown() -> str:
    """Generate the tables of ``docs/metrics.md``; a test compares the file with them."""
    parts = []
    for title, metrics in (
        ("A recognizer on originals", OF_RECOGNIZERS),
        ("An engine against a recognizer", OF_CELLS),
        ("The strongest attack on an engine", OF_ATTACKS),
        ("What an engine made", of_engines()),
    ):
        rows = [f"| `{record.name}` | {described(record).replace('|', '/')} |" for record in metrics]
        parts.append("\n".join([f"## {title}", "", "| name | what it is |", "| --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"
