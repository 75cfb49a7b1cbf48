"""The leaderboard of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import or_, select

from deidkit.result import AuditResult, Estimate
from deidkit_reports.headline import QUESTIONS, headlines
from deidkit_service import tables
from deidkit_service.accounts import Person
from deidkit_service.benchmarks import frozen_of
from deidkit_service.home import Home

QUALITY = ("ssim", "ssim_outside")

STRONGEST = ("strongest_rank_1_percent", "strongest_linkage_eer_percent")


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number of the leaderboard.

    Attributes:
        value: None where it was not computed, and then `reason` says why.
        low: Lower end of the 95 % interval.
        high: Upper end.
        unit: As in the report.
        by: Attacker or recognizer that the number belongs to.
        reason: Why the value is missing.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    by: str = ""
    reason: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the leaderboard.

    Attributes:
        rank: 1 more than the number of entries whose whole interval is safer; None where there is no number.
        tied: Whether others share the rank.
    """

    rank: int | None
    tied: bool
    submission: str
    title: str
    organisation: str
    kind: str
    verdict: str
    published: bool
    finished: float
    numbers: dict[str, Number]


def numbers_of(result: AuditResult) -> dict[str, Number]:
    """Return the leaderboard's numbers of a submission: its first engine, least favourable recognizer."""
    engine = result.engines[0].component.label
    found: dict[str, Number] = {}
    attacks = next((item for item in result.attacks if item.engine == engine), None)
    if attacks is not None:
        for name in STRONGEST:
            best = attacks.strongest
            estimate = best.metrics.get(name) if best else None
            found[name] = _number(estimate, best.attacker if best else "", attacks.reason)
    headline = next(item for item in headlines(result) if item.engine.component.label == engine)
    for answer in headline.answers:
        found[answer.question.metric] = _number(answer.estimate, answer.recognizer)
    for name in QUALITY:
        found[name] = _number(result.engines[0].quality.get(name), "")
    return found


def leaderboard(home: Home, benchmark: tables.Benchmark, person: Person | None) -> list[Entry]:
    """Return finished submissions visible to a person: published ones and their organisation's; all for operators."""
    s = tables.Submission
    query = select(s).where(s.benchmark == benchmark.name, s.state == "done", s.kind != "scores", s.wanted_end == "")
    if person is None:
        query = query.where(s.published)
    elif not person.may("operate"):
        query = query.where(or_(s.published, s.organisation == person.organisation))
    with home.database.reading() as session:
        rows = list(session.scalars(query.order_by(s.finished, s.id)))
    metric = frozen_of(benchmark).ranked_by
    numbers = {row.id: {name: msgspec.convert(n, Number) for name, n in row.numbers.items()} for row in rows}
    ranks = _ranks([(row.id, numbers[row.id].get(metric)) for row in rows])
    shared = [rank for rank in ranks.values() if rank is not None]
    entries = [
        Entry(
            rank=ranks[row.id],
            tied=shared.count(ranks[row.id] or 0) > 1,
            submission=row.id,
            title=row.title,
            organisation=row.organisation,
            kind=row.kind,
            verdict=row.verdict,
            published=row.published,
            finished=row.finished or 0.0,
            numbers=numbers[row.id],
        )
        for row in rows
    ]
    return sorted(entries, key=lambda entry: (entry.rank is None, entry.rank or 0, _value(entry, metric)))


def _ranks(found: Sequence[tuple[str, Number | None]]) -> dict[str, int | None]:
    """Rank submissions, lower numbers first: 1 plus the number of those whose whole interval is below one's own."""
    known = {key: number for key, number in found if number is not None and number.value is not None}
    ranks: dict[str, int | None] = dict.fromkeys((key for key, _ in found), None)
    for key, number in known.items():
        ranks[key] = 1 + sum(_end(other, "high") < _end(number, "low") for other in known.values())
    return ranks


def _end(number: Number, which: str) -> float:
    end = getattr(number, which)
    return float(number.value if end is None else end)  # type: ignore[arg-type]


def _value(entry: Entry, metric: str) -> float:
    number = entry.numbers.get(metric)
    return number.value if number is not None and number.value is not None else float("inf")


def _number(estimate: Estimate | None, by: str, reason: str = "") -> Number:
    if estimate is None:
        return Number(value=None, reason=reason or "not measured")
    return Number(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        unit=estimate.unit,
        by=by,
        reason=f"{estimate.reason} {estimate.remedy}".strip(),
    )


def columns(benchmark: tables.Benchmark) -> list[tuple[str, str]]:
    """Return metric and heading of each column, beginning with the metric that decides the order."""
    heads = {
        "strongest_rank_1_percent": "Identified by the strongest attack, rank 1",
        **{question.metric: question.words for question in QUESTIONS},
        "ssim": "SSIM",
    }
    first = frozen_of(benchmark).ranked_by
    rest = {name: words for name, words in heads.items() if not name.startswith("strongest_")}
    return list({first: heads[first], **rest}.items())


def reasons(entries: Sequence[Entry], shown: Sequence[str]) -> dict[str, int]:
    """Number the distinct reasons for missing values, for footnotes: reason -> number."""
    found = [number.reason for entry in entries for name in shown if (number := entry.numbers.get(name))]
    return {reason: place for place, reason in enumerate(dict.fromkeys(filter(None, found)), start=1)}


def as_plain(numbers: dict[str, Number]) -> dict[str, Any]:
    """Convert numbers into plain values for the database."""
    plain: dict[str, Any] = msgspec.to_builtins(numbers)
    return plain
