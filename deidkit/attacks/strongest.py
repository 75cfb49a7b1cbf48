"""The strongest of many attacks, with intervals and chance levels corrected for the selection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks.exact_bounds import Ends, ends_of_equal_error, ends_of_mean
from deidkit.attacks.outcome import AttackOutcome, disclosed_bits, has_other_captures
from deidkit.attacks.subject_success import SubjectSuccess, subject_success
from deidkit.attacks.success import FMRS, Success, p_value
from deidkit.errors import NotComputable
from deidkit.result import Estimate

MIN_SUBJECTS = 5
_TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class Resampling:
    """Bootstrap settings for the strongest attack; 0 resamples give no intervals."""

    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Strongest:
    """The headline over all attacks.

    Attributes:
        attacker: Name of the attack with the best rank-1 rate; ties are broken by the share at FMR 1 %.
        metrics: ``rank_1_percent``, ``linkage_eer_percent``, ``reidentified_at_fmr_1_percent``,
            ``reidentified_at_fmr_0_1_percent``, ``rank_disclosure_bits``, ``rank_disclosure_worst_bits``,
            ``anonymity_set``: each the worst over the attacks, with the attack's name, chance and the 95 % point of
            the worst of as many attacks by chance among its parameters.
        p_value: Probability that the best of as many attacks does as well by chance, by rank 1 or by share at a low
            FMR.
        subjects: Success of the named attack by person.
        attacks: Number of compared attacks.
    """

    attacker: str
    metrics: Mapping[str, Estimate]
    p_value: float
    subjects: SubjectSuccess
    attacks: int
    search: Success = field(repr=False)


def strongest(outcomes: Sequence[AttackOutcome], settings: Resampling, scope: str = "palm") -> Strongest:
    """Compare all attacks of a scope that count.

    Subjects are drawn with replacement, the same draw for every attack, and the worst attack is taken in each; false
    match thresholds stay what they are. Where few people are found, or few are not, no draw shows what people who were
    not seen would do: the interval is no narrower than exact bounds over people (`exact_bounds`), so that one person
    who is found never gives a better bound than none.

    Args:
        outcomes: All attacks on one engine.
        settings: Bootstrap settings.
        scope: ``palm`` or ``context``.

    Raises:
        NotComputable: No attack of this scope counts.
    """
    searches: dict[str, Success] = {}
    for outcome in outcomes:
        if outcome.counts and outcome.scope == scope and outcome.scores is not None:
            searches[outcome.attacker] = Success(outcome.scores, has_other_captures(outcome.scores))
    if not searches:
        raise NotComputable("No attack with passed controls gave scores.", "See the sentences of the attacks.")
    draws = _draws(searches, settings)
    metrics, p_values = {}, []
    tables: dict[str, Callable[[Success], NDArray[np.float64]]] = {"rank_1_percent": lambda s: s.nearest}
    for fmr, name in zip(FMRS, ("1", "0_1"), strict=True):
        tables[f"reidentified_at_fmr_{name}_percent"] = _accepted_at(fmr)
    for name, table in tables.items():
        metrics[name], p = _rate(searches, table, draws, settings)
        p_values += [] if p is None else [p]
    metrics["linkage_eer_percent"] = _linkage(searches, draws)
    metrics |= _disclosure(searches, draws)
    first = max(searches, key=lambda name: (searches[name].hits.mean(), _share(searches[name])))
    return Strongest(
        attacker=first,
        metrics=metrics,
        p_value=min(1.0, len(p_values) * min(p_values)),
        subjects=subject_success(searches, first, settings.seed),
        attacks=len(searches),
        search=searches[first],
    )


def _accepted_at(fmr: float) -> Callable[[Success], NDArray[np.float64]]:
    return lambda success: success.accepted(fmr).astype(np.float64)


def _share(success: Success) -> float:
    try:
        return float(success.found(FMRS[0]).mean())
    except NotComputable:
        return 0.0


def _draws(searches: Mapping[str, Success], settings: Resampling) -> NDArray[np.float64]:
    """(resamples, subjects) multiplicity of each subject by number; no row for too few subjects."""
    present = np.unique(np.concatenate([success.subjects for success in searches.values()]))
    size = 1 + max(
        int(labels.subjects.max()) for s in searches.values() for labels in (s.scores.probes, s.scores.references)
    )
    count = settings.resamples if len(present) >= MIN_SUBJECTS else 0
    weights = np.zeros((count, size))
    drawn = np.random.default_rng(settings.seed).multinomial(
        len(present), np.full(len(present), 1 / len(present)), count
    )
    weights[:, present] = drawn
    return weights


def _means(success: Success, values: NDArray[np.float64], draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """(r,) mean over the probes in each resample."""
    sums = np.bincount(success.subjects, weights=values, minlength=draws.shape[1])
    counts = np.bincount(success.subjects, minlength=draws.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((draws @ sums) / (draws @ counts))


def _rate(
    searches: Mapping[str, Success],
    table: Callable[[Success], NDArray[np.float64]],
    draws: NDArray[np.float64],
    settings: Resampling,
) -> tuple[Estimate, float | None]:
    """Maximum of a rate over all attacks, and the probability that chance does as well."""
    observed, resampled, by_chance, ends, reason = {}, [], [], [], None
    for name, success in searches.items():
        try:
            of_all = table(success)
        except NotComputable as error:
            reason = error
            continue
        own = success.own_of(of_all)
        observed[name] = float(own.mean())
        resampled.append(_means(success, own, draws))
        ends.append(ends_of_mean(success, own))
        by_chance.append(success.by_chance(of_all, settings.seed))
    if not observed:
        assert reason is not None
        return Estimate(value=None, unit="percent", safer="lower", reason=reason.reason, remedy=reason.remedy), None
    best = max(observed, key=lambda name: observed[name])
    chance = np.max(by_chance, axis=0)
    parameters = {
        "chance_percent": 100 * float(np.mean(by_chance)),
        "chance_of_the_strongest_percent": 100 * float(np.quantile(chance, 0.95)),
    }
    worst = np.max(resampled, axis=0)
    spread = _Spread(100 * worst, Ends.of_highest(ends).scaled(100))
    estimate = _estimate(searches, best, 100 * observed[best], "percent", spread, parameters=parameters)
    return estimate, p_value(observed[best], chance)


def _linkage(searches: Mapping[str, Success], draws: NDArray[np.float64]) -> Estimate:
    observed, resampled, ends = {}, [], []
    for name, success in searches.items():
        try:
            observed[name] = float(success.equal_error(np.ones((1, draws.shape[1])))[0])
        except NotComputable:
            continue
        resampled.append(success.equal_error(draws))
        ends.append(ends_of_equal_error(success))
    if not observed:
        reason = "No attack compared both copies of one person and of two."
        return Estimate(
            value=None, unit="percent", safer="higher", reason=reason, remedy="Use several captures of a person."
        )
    best = min(observed, key=lambda name: observed[name])
    worst = 100 * np.min(resampled, axis=0)
    spread = _Spread(worst, Ends.of_lowest(ends).scaled(100))
    return _estimate(
        searches, best, 100 * observed[best], "percent", spread, safer="higher", parameters={"chance_percent": 50.0}
    )


def _disclosure(searches: Mapping[str, Success], draws: NDArray[np.float64]) -> dict[str, Estimate]:
    """Disclosed bits on average and for the worst-off person, and the effective anonymity set."""
    bits = {name: disclosed_bits(success) for name, success in searches.items()}
    best = max(bits, key=lambda name: bits[name].mean())
    resampled = np.max([_means(searches[name], bits[name], draws) for name in bits], axis=0)
    people = searches[best].identities
    reach = Ends.of_highest([ends_of_mean(searches[name], bits[name], float(np.log2(people))) for name in bits])
    ranks = np.arange(1, people + 1)
    chance = float(np.log2(people / ranks).mean())
    average = float(bits[best].mean())
    each = {name: searches[name].by_subject(bits[name][None]).max() for name in bits}
    worst = max(each, key=lambda name: each[name])
    return {
        "rank_disclosure_bits": _estimate(
            searches, best, average, "bits", _Spread(resampled, reach), parameters={"chance_bits": chance}
        ),
        "rank_disclosure_worst_bits": _estimate(searches, worst, float(each[worst]), "bits", _NO_INTERVAL),
        "anonymity_set": _estimate(
            searches,
            best,
            people / 2**average,
            "people",
            _Spread(people / 2**resampled, Ends(people / 2**reach.high, people / 2**reach.low)),
            safer="higher",
            parameters={"chance_people": people / 2**chance},
        ),
    }


@dataclass(frozen=True)
class _Spread:
    """Ingredients of an interval.

    Attributes:
        resampled: (r,) value in each resample; empty for no interval.
        reach: Interval that must be covered as well; None for none.
    """

    resampled: NDArray[np.float64]
    reach: Ends | None = None


_NO_INTERVAL = _Spread(np.empty(0))


def _estimate(
    searches: Mapping[str, Success],
    attacker: str,
    value: float,
    unit: str,
    spread: _Spread,
    *,
    safer: str = "lower",
    parameters: Mapping[str, float] | None = None,
) -> Estimate:
    success = searches[attacker]
    subjects = len(np.unique(success.subjects))
    low, high, how = None, None, "none asked for, or too few subjects to resample"
    finite = spread.resampled[np.isfinite(spread.resampled)]
    if len(finite):
        low, high = (float(end) for end in np.quantile(finite, _TAILS))
        how = (
            f"95 % percentile bootstrap over {subjects} subjects, {len(spread.resampled)} resamples, the worst of "
            f"{len(searches)} attacks in each, approximate"
        )
        if spread.reach is not None:
            low, high = min(low, spread.reach.low), max(high, spread.reach.high)
            how += ", no narrower than exact bounds over people (Gaffke)"
    return Estimate(
        value=value,
        unit=unit,
        safer="higher" if safer == "higher" else "lower",
        low=low,
        high=high,
        interval=how,
        subjects=subjects,
        comparisons=len(success.hits),
        parameters={
            "attacker": attacker,
            "attacks": len(searches),
            "gallery_identities": success.identities,
            "own_source": "left out" if success.without_source else "in the gallery",
            **(parameters or {}),
        },
    )
