"""The outcome of one attack, with the controls that say whether it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks.contract import Attacker, NotApplicable, Tier
from deidkit.attacks.controls import BUDGET_SECONDS, Control, control_on_copies, controls_on_originals
from deidkit.attacks.material import AttackMaterial
from deidkit.attacks.scores import AttackScores
from deidkit.attacks.success import FMRS, SIGNIFICANCE, Success
from deidkit.errors import DeidkitError, Interruption, NotComputable
from deidkit.result import Estimate

Status = Literal["succeeded", "resisted", "inconclusive", "not applicable"]
Scope = Literal["palm", "context"]

MOST_ORIGINALS = 400
"""Approximate largest number of attacked originals, since the cost of an attack is quadratic in it."""

FEWEST_IDENTITIES = 7
"""With fewer, even perfect success could not be distinguished from chance at `SIGNIFICANCE`: 1 / 7! < .001 < 1 / 6!."""


@dataclass(frozen=True)
class AttackOutcome:
    """One row of the table of attacks.

    Attributes:
        scope: ``palm``, or ``context`` for its surroundings.
        status: ``succeeded`` if people are found more often than by chance; ``resisted`` if they are not and every
            control passed; ``not applicable`` if the data do not allow the attack; ``inconclusive`` otherwise, which
            never counts towards a PASS.
        metrics: Name -> estimate; see `METRICS`. Empty without scores.
        scores: Input to figures and to `strongest`; biometric data, to be kept no longer than the audit. None if the
            attack gave none.
        seconds: Wall-clock time of the attack without controls.
    """

    attacker: str
    tier: Tier
    scope: Scope
    status: Status
    sentence: str
    metrics: dict[str, Estimate] = field(default_factory=dict)
    controls: tuple[Control, ...] = ()
    scores: AttackScores | None = field(default=None, repr=False)
    seconds: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether its result is part of the headline: it has scores, and passed the control with random identities."""
        negative = [control.passed for control in self.controls if control.name in ("dealt", "constant")]
        return self.scores is not None and all(negative)


@dataclass(frozen=True)
class AttackPlan:
    """One planned attack.

    Attributes:
        controls: Result of `controls_on_originals` for this attacker and these originals.
        budget_seconds: Wall-clock limit of the attack.
    """

    name: str
    attacker: Attacker
    controls: tuple[Control, ...]
    budget_seconds: float = BUDGET_SECONDS


def plan_attacks(
    attackers: Mapping[str, Attacker],
    material: AttackMaterial,
    reference_percent: float,
    budget_seconds: float = BUDGET_SECONDS,
) -> list[AttackPlan]:
    """Run the controls that do not depend on the anonymizer, and put attackers that combine others last."""
    plans: list[AttackPlan] = []
    for name, attacker in sorted(attackers.items(), key=lambda item: item[1].combines):
        before = controls_to_combine(attacker, plans)
        controls = controls_on_originals(attacker, material, reference_percent, before, budget_seconds)
        plans.append(AttackPlan(name, attacker, controls, budget_seconds))
    return plans


def controls_to_combine(attacker: Attacker, plans: Sequence[AttackPlan]) -> dict[str, tuple[Control, ...]]:
    """Controls of the attacks that an attacker may combine: those of its own scope.

    The surroundings of the palm are not part of the headline and must not enter it through a combination.
    """
    return {plan.name: plan.controls for plan in plans if plan.attacker.scope == attacker.scope}


def run_attacks(plans: Sequence[AttackPlan], material: AttackMaterial) -> list[AttackOutcome]:
    """Run every attack on one anonymizer, in order. Raises Interruption if the user cancels."""
    outcomes: list[AttackOutcome] = []
    for plan in plans:
        outcomes.append(run_attack(plan, material, outcomes))
    return outcomes


def run_attack(
    plan: AttackPlan,
    material: AttackMaterial,
    earlier: Sequence[AttackOutcome] = (),
) -> AttackOutcome:
    """Run an attack and its control with random identities, and derive the status.

    Args:
        plan: Which attack.
        material: The available data; limited to `MOST_ORIGINALS` and, for an attacker that does not pool, to one copy
            of each original.
        earlier: Outcomes of other attacks on the same material; an attacker that combines others takes those of its
            own scope.

    Raises:
        Interruption: The user cancelled the audit.
    """
    attacker = plan.attacker
    part = material.limited(MOST_ORIGINALS)
    part = part if attacker.pools else part.first_copies()
    reason = _lacking(attacker, part)
    if not reason and any(control.given_up for control in plan.controls):
        reason = _too_slow("A control of it", plan)
    if reason:
        return _inconclusive(plan, reason)
    start = monotonic()
    combined = [outcome for outcome in earlier if outcome.scope == attacker.scope]
    part = replace(part, earlier={o.attacker: o.scores for o in combined if o.counts and o.scores is not None})
    timed = replace(part, cancelled=lambda: material.cancelled() or monotonic() - start > plan.budget_seconds)
    try:
        scores = attacker.attack(timed)
        seconds = monotonic() - start
        before = {outcome.attacker: outcome.controls for outcome in combined}
        dealt = control_on_copies(attacker, part, before, plan.budget_seconds)
        success = Success(scores, without_source=has_other_captures(scores))
    except NotApplicable as error:
        return _without_scores(plan, str(error), "not applicable")
    except NotComputable as error:
        return _inconclusive(plan, str(error))
    except Interruption:
        if material.cancelled():
            raise
        return _inconclusive(plan, _too_slow("It", plan))
    except DeidkitError as error:
        return _inconclusive(plan, str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a defect of a plugin must not end the audit, whatever it raises
        return _inconclusive(plan, f"It raised {type(error).__name__}; report it to its authors.")
    controls = (*plan.controls, dealt)
    status, sentence = _conclusion(success, controls, scores.note)
    return AttackOutcome(
        plan.name, attacker.tier, attacker.scope, status, sentence, metrics(scores), controls, scores, seconds
    )


def has_other_captures(scores: AttackScores) -> bool:
    """Whether any probe has a reference of its identity from another capture."""
    return scores.same_identity().count > 0


def metrics(scores: AttackScores) -> dict[str, Estimate]:
    """Point estimates of an attack's metrics; `strongest` gives the intervals that count.

    Returns:
        ``rank_1_percent`` (own source left out of the gallery), ``rank_1_with_source_percent``,
        ``linkage_eer_percent``, ``reidentified_at_fmr_1_percent``, ``reidentified_at_fmr_0_1_percent``,
        ``rank_disclosure_bits``, ``rank_disclosure_worst_bits``, ``anonymity_set``.
    """
    other = has_other_captures(scores)
    found: dict[str, Estimate] = {}
    for name, without in (("rank_1_percent", True), ("rank_1_with_source_percent", False)):
        found[name] = _estimate(scores, without, "percent", lambda success: 100 * float(success.hits.mean()))
    found["linkage_eer_percent"] = _estimate(scores, other, "percent", _equal_error, safer="higher")
    for fmr, name in zip(FMRS, ("1", "0_1"), strict=True):
        found[f"reidentified_at_fmr_{name}_percent"] = _estimate(scores, other, "percent", _reidentified_percent(fmr))
    found["rank_disclosure_bits"] = _estimate(
        scores, other, "bits", lambda success: float(disclosed_bits(success).mean())
    )
    found["rank_disclosure_worst_bits"] = _estimate(
        scores, other, "bits", lambda success: float(success.by_subject(disclosed_bits(success)[None]).max())
    )
    found["anonymity_set"] = _estimate(
        scores, other, "people", lambda s: s.identities / 2 ** float(disclosed_bits(s).mean()), safer="higher"
    )
    return found


def disclosed_bits(success: Success) -> NDArray[np.float64]:
    """(q,) log2(identities / rank): information about the identity that the search discloses, 0 for the last rank.

    Random ranks have a mean of about log2(e) = 1.44 bits, less for few identities; `strongest` reports it as chance.
    """
    return np.log2(success.identities / success.ranks)


def _reidentified_percent(fmr: float) -> Callable[[Success], float]:
    return lambda success: 100 * float(success.found(fmr).mean())


def _equal_error(success: Success) -> float:
    everybody = np.ones((1, len(success.error_tables[0])))
    return 100 * float(success.equal_error(everybody)[0])


def _estimate(
    scores: AttackScores,
    without_source: bool,
    unit: str,
    compute: Callable[[Success], float],
    safer: Literal["higher", "lower"] = "lower",
) -> Estimate:
    try:
        success = Success(scores, without_source)
        value = compute(success)
    except NotComputable as error:
        return Estimate(value=None, unit=unit, safer=safer, reason=error.reason, remedy=error.remedy)
    return Estimate(
        value=value,
        unit=unit,
        safer=safer,
        interval="none: that of the strongest attack accounts for the choice among all",
        subjects=len(np.unique(success.subjects)),
        comparisons=len(success.hits),
        parameters={
            "gallery_identities": success.identities,
            "chance_percent": 100 / success.identities,
            "own_source": "left out" if without_source else "in the gallery",
        },
    )


def _lacking(attacker: Attacker, material: AttackMaterial) -> str:
    subjects = len(np.unique(material.copies.labels.subjects))
    identities = len(np.unique(material.originals.labels.identities))
    if subjects < attacker.fewest_subjects:
        return f"It needs {attacker.fewest_subjects} subjects; there are {subjects}."
    if identities < FEWEST_IDENTITIES:
        return (
            f"With {identities} identities success could not be distinguished from chance; use at least "
            f"{FEWEST_IDENTITIES}."
        )
    return ""


def _too_slow(what: str, plan: AttackPlan) -> str:
    return f"{what} took longer than {plan.budget_seconds:g} s and was stopped; raise --attack-budget."


def _inconclusive(plan: AttackPlan, reason: str) -> AttackOutcome:
    return _without_scores(plan, reason, "inconclusive")


def _without_scores(plan: AttackPlan, reason: str, status: Status) -> AttackOutcome:
    return AttackOutcome(plan.name, plan.attacker.tier, plan.attacker.scope, status, reason, controls=plan.controls)


def _conclusion(success: Success, controls: tuple[Control, ...], note: str) -> tuple[Status, str]:
    failed = [control for control in controls if not control.passed]
    rate, chance = 100 * float(success.hits.mean()), 100 / success.identities
    seen = f"Rank 1 is {rate:.1f} %, chance {chance:.1f} %" + (f" ({note})." if note else ".")
    if any(control.name in ("dealt", "constant") for control in failed):
        return "inconclusive", f"It finds people where there are none: {failed[0].sentence}"
    if success.p_value <= SIGNIFICANCE:
        return "succeeded", seen
    if failed:
        return "inconclusive", f"It failed a control, so its failure says nothing: {failed[0].sentence}"
    return "resisted", seen
