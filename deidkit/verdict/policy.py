"""Policies: requirements with reasons, from a TOML file, a built-in name, or single lines."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from deidkit import toml
from deidkit.errors import UsageError, did_you_mean
from deidkit.findings import FINDING_COUNTS
from deidkit.measures import ATTACK_METRICS
from deidkit.titles import metric_named, title_of
from deidkit.verdict.rules import Condition, Minimum, Rule

OF_STRONGEST = frozenset(ATTACK_METRICS)
"""Metrics of the strongest attack."""

TIERS_OF_ATTACKS = tuple(f"T{number}" for number in range(8))
"""Tiers whose attackers give scores."""

_BUILT_IN = files("deidkit.verdict") / "policies"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Requirements on an engine.

    Attributes:
        name: Name of the policy; empty for single lines only.
        rules: The requirements; without any, only leaks are judged.
        identity_control: Whether a PASS needs an identity control that was run with every recognizer and behaved.
    """

    name: str = ""
    reason: str = ""
    rules: tuple[Rule, ...] = ()
    identity_control: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of its content, in hex; empty for an empty policy."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest() if self.rules else ""

    def with_lines(self, lines: Iterable[str]) -> Policy:
        """This policy with further requirements, a line each, see `Condition.parse`.

        Raises:
            UsageError: A line is not of that form.
        """
        return replace(self, rules=(*self.rules, *(Rule.parse(line) for line in lines)))

    def check(self, metrics: Iterable[str], recognizers: Sequence[str], tiers: Collection[str] | None = None) -> None:
        """Reject requirements that this audit cannot measure, before it starts.

        Args:
            metrics: Names of all metrics that are measured on copies, besides counts of findings.
            recognizers: Labels of the recognizers.
            tiers: Tiers of the attackers; None if unrestricted.

        Raises:
            UsageError: A metric or a recognizer is unknown, the message suggests the nearest; or no attacker is of a
                tier.
        """
        known = sorted({*metrics, *FINDING_COUNTS})
        for rule in self.rules:
            metric = rule.condition.metric
            if metric not in known:
                raise UsageError(f"no metric is named '{metric}'. {_suggestion(metric, known)}")
            if not any(rule.concerns(label) for label in recognizers):
                raise UsageError(
                    f"the requirement '{rule.text}' is for the recognizer '{rule.recognizers}', which is not among "
                    f"those of this audit: {', '.join(recognizers)}."
                )
            if rule.tier and tiers is not None and rule.tier not in tiers:
                raise UsageError(
                    f"the requirement '{rule.text}' is for attacks of tier {rule.tier}, and this audit makes none; add "
                    "one with --attacker, or a set with --attack."
                )

    def impossible_with(self, subjects: int) -> list[str]:
        """One sentence for each reason why no result can pass with so few people."""
        least = max((rule.minimum.subjects for rule in self.rules), default=0)
        sentences = (
            [] if subjects >= least else [f"with {subjects} people nothing passes {self.name}: it takes {least}"]
        )
        found = (rule.condition.impossible_with(subjects) for rule in self.rules)
        return sentences + [sentence for sentence in found if sentence]

    def wrong_ways(self) -> list[str]:
        """One sentence for each requirement that penalizes safer engines."""
        return [sentence for rule in self.rules if (sentence := rule.condition.wrong_way())]


class _Minimum(msgspec.Struct, forbid_unknown_fields=True):
    subjects: Annotated[int, msgspec.Meta(ge=0)] = 0
    comparisons: Annotated[int, msgspec.Meta(ge=0)] = 0

    def at_least(self, other: _Minimum) -> Minimum:
        return Minimum(max(self.subjects, other.subjects), max(self.comparisons, other.comparisons))


class _Requirement(msgspec.Struct, forbid_unknown_fields=True):
    metric: str
    limit: str
    reason: str
    recognizers: str = "all"
    attackers: str = "all"
    bound: str = "interval"
    minimum: _Minimum = msgspec.field(default_factory=_Minimum)
    band_end: float | None = None

    def rule(self, minimum: _Minimum) -> Rule:
        if self.bound not in ("interval", "point"):
            raise UsageError(f"the bound of '{self.metric}' is '{self.bound}'; it can be 'interval' or 'point'.")
        text = f"{self.metric} {self.limit}{' on point' if self.bound == 'point' else ''}"
        condition = Condition.parse(text).with_band(self.band_end)
        tier = self._tier(condition)
        of_tier = f"{text} by {tier}" if tier else text
        return Rule(of_tier, condition, self.recognizers, self.minimum.at_least(minimum), self.reason, tier)

    def _tier(self, condition: Condition) -> str:
        """Tier that the requirement applies to; empty for all attackers."""
        if self.attackers == "all":
            return ""
        if self.attackers not in TIERS_OF_ATTACKS:
            raise UsageError(
                f"the attackers of '{self.metric}' are '{self.attackers}'; it can be 'all', of which the strongest "
                f"counts, or a tier: {', '.join(TIERS_OF_ATTACKS)}. What T8 and T9 find are counts of findings."
            )
        if condition.metric not in OF_STRONGEST:
            raise UsageError(f"'{self.metric}' is not a metric of attacks, so that it has no attackers.")
        return self.attackers


class _File(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    reason: str
    requirement: list[_Requirement]
    identity_control: bool = False
    minimum: _Minimum = msgspec.field(default_factory=_Minimum)


def load_policy(text: str) -> Policy:
    """Parse a policy from TOML, see docs/policies.md.

    Raises:
        UsageError: It is not TOML, a key is missing, unknown or of the wrong type, or a requirement cannot be read.
    """
    try:
        file = toml.record(text, _File)
    except ValueError as error:
        raise UsageError(f"the policy cannot be read: {error}.") from error
    if not file.requirement:
        raise UsageError("the policy states no requirement; add a table [[requirement]].")
    rules = tuple(requirement.rule(file.minimum) for requirement in file.requirement)
    return Policy(name=file.name, reason=file.reason, rules=rules, identity_control=file.identity_control)


def find_policy(name: str) -> Policy:
    """Load a built-in policy by name, or a file by its path; an empty policy without a name.

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    if not name:
        return Policy()
    text = policy_text(name)
    try:
        return load_policy(text)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def policy_text(name: str) -> str:
    """The TOML of a built-in policy by name, or of a file by its path.

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    if name in built_in_policies():
        return (_BUILT_IN / f"{name}.toml").read_text(encoding="utf-8")
    path = Path(name)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: no text, or a name no file can have
        raise UsageError(
            f"there is no policy '{name}', neither a file that can be read nor a built-in one."
            f"{did_you_mean(name, built_in_policies())} Built in: {', '.join(built_in_policies())}."
        ) from error


def built_in_policies() -> list[str]:
    """Names of the policies that come with deidkit, the mildest first."""
    return ["screening", "publication", "release"]


def _suggestion(metric: str, known: Sequence[str]) -> str:
    titles = {title_of(name): name for name in known}
    near = get_close_matches(metric, [*known, *titles], n=1)
    hint = metric_named(titles.get(near[0], near[0])) if near else ""
    listed = "All stand in 'deidkit metrics --list'; a finding is required by its name, e.g. 'unchanged <= 0'."
    return f"Did you mean '{hint}'? {listed}" if hint else listed
