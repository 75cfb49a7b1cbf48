"""The result of an audit: every number in every report, and all that is needed to repeat it.

The JSON report is exactly `AuditResult`; the HTML, CSV and LaTeX reports read nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA_VERSION = 2

Status = Literal["PASS", "FAIL", "INCONCLUSIVE", "NO REQUIREMENT"]

Weight = Literal["leak", "hole", "note"]
"""What a finding does to a verdict: a leak makes it FAIL, a hole in the evidence keeps it from PASS, a note neither."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One number with its evidence, or the reason why there is none.

    Attributes:
        value: The number; None where it could not be computed, and then `reason` says why.
        unit: ``percent``, ``distance``, ``ratio``, ``dB``, ``count``, ``bits`` ...
        safer: Which way means better privacy, quality or usability; None where neither does.
        low: Lower end of the interval, None where there is none.
        high: Upper end.
        interval: How it was made, e.g. ``95 %, two-sided, 40 subjects: jackknife over subjects, Student's t``.
        subjects: Number of subjects behind the number.
        comparisons: Number of comparisons (or of pictures, for quality and usability).
        reason: Why it was not computed.
        remedy: What would make it computable.
        parameters: Everything that defines the number and is not in its name.
        exact: Whether it counts this audit's own pictures, so that there is nothing an interval could say.
    """

    value: float | None
    unit: str
    safer: Literal["higher", "lower"] | None = None
    low: float | None = None
    high: float | None = None
    interval: str = ""
    subjects: int | None = None
    comparisons: int | None = None
    reason: str = ""
    remedy: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    exact: bool = False

    @property
    def threshold_range(self) -> tuple[float, float] | None:
        """Lowest and highest rate over the thresholds that are as good as the one used; None for other metrics.

        Near an equal error rate of zero they lie far apart, and the rate is hardly estimable.
        """
        ends = [self.parameters.get(f"percent_at_threshold_{end}") for end in ("low", "high")]
        known = [float(end) for end in ends if end is not None]
        return (min(known), max(known)) if known else None


@dataclass(frozen=True, kw_only=True)
class Component:
    """One plugin as it was used.

    Attributes:
        kind: ``engine``, ``recognizer``, ``dataset``, ``hand_analyzer``, ``segmenter``, ``roi_rule``,
            ``quality_measure``.
        name: Entry-point name.
        label: What tells it from its siblings in a table, e.g. ``pixelate (block=16)``.
        version: The plugin's own.
        distribution: Package and version that brought it.
        options: Every option with its value, defaults included.
        weights: File name -> SHA-256 of each model file used.
        control: Whether it is there to calibrate the audit.
        baseline: Whether it is a yardstick that is measured and not judged.
        remark: What a reader must know about it, e.g. what its weights were trained on; one clause, or empty.
    """

    kind: str
    name: str
    label: str
    version: str
    distribution: str
    options: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    control: bool = False
    baseline: bool = False
    remark: str = ""

    @property
    def judged(self) -> bool:
        """Whether a verdict is given on it: controls and baselines are measured only."""
        return not (self.control or self.baseline)


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Density of one kind of score, for a figure.

    Attributes:
        low: Left edge of the first bin.
        high: Right edge of the last bin.
        counts: Comparisons in each bin.
        count: All comparisons of this kind.
    """

    low: float
    high: float
    counts: list[int]
    count: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points of a line in a figure: `x` and `y` are equally long."""

    x: list[float]
    y: list[float]


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Samples left out for one reason."""

    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """What was audited.

    Attributes:
        component: The adapter.
        fingerprint: SHA-256 over every sample's key, identity and content digest.
        samples: Number of samples used, after exclusions.
        subjects: Number of people.
        identities: Number of hands.
        sessions: Number of sessions, None where the data set does not tell.
        kind: ``hand``, ``roi`` or ``mixed``.
        exclusions: What was left out and why.
        notes: Findings about the data set (duplicates, aliases), one sentence each.
        hands: Number of hands in a picture -> how many originals show that many; empty where it was not counted.
    """

    component: Component
    fingerprint: str
    samples: int
    subjects: int
    identities: int
    sessions: int | None
    kind: str
    exclusions: list[Exclusion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hands: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RecognizerResult:
    """How good one recognizer is on the originals: a weak one proves nothing.

    Attributes:
        component: The recognizer.
        metrics: Name -> estimate, on originals only.
        histograms: ``genuine`` and ``impostor``.
        det: FNMR (y) against FMR (x), both in percent, originals only.
        cmc: Identification rate in percent (y) against rank (x), originals only.
        failures_to_acquire: Samples that gave no template.
    """

    component: Component
    metrics: dict[str, Estimate]
    histograms: dict[str, Histogram]
    det: Curve
    cmc: Curve
    failures_to_acquire: int


@dataclass(frozen=True, kw_only=True)
class CoverageFinding:
    """Something wrong with an engine's outputs; made by `deidkit.findings.FindingType.found`.

    Attributes:
        finding: Name of its type, e.g. ``missing``, ``unchanged``, ``metadata``.
        count: How many pictures or files.
        explanation: One clause for the reader.
        weight: What it does to a verdict.
        detail: What was found, where a type has several kinds, e.g. ``GPS position``.
    """

    finding: str
    count: int
    explanation: str
    weight: Weight = "hole"
    detail: str = ""

    @property
    def name(self) -> str:
        """The type with its detail, e.g. ``metadata: GPS position``."""
        return f"{self.finding}: {self.detail}" if self.detail else self.finding


@dataclass(frozen=True, kw_only=True)
class GalleryItem:
    """A de-identified sample to look at.

    Attributes:
        file: Thumbnail of the de-identified picture, relative to the report's folder; begins with the audit's id.
        original: Thumbnail of the original, only with --include-originals.
        caption: Sample number and seed; names no person.
    """

    file: str
    caption: str
    original: str | None = None


@dataclass(frozen=True, kw_only=True)
class EngineResult:
    """What one engine did to the pictures, whoever looks at them.

    Attributes:
        component: The engine.
        produced: De-identified pictures made.
        expected: Pictures that should have been made.
        seeds: Seeds that were run.
        coverage: Findings about the outputs.
        quality: Name -> estimate (SSIM, PSNR ... whole, inside and outside the palm).
        usability: Name -> estimate (errors on the common set, changes in success rate).
        gallery: De-identified samples to look at.
        seconds_per_image: Mean time of the engine itself.
        warnings: Sentences about this engine's plugin raising or breaking its contract, a part of `AuditResult.raised`.
    """

    component: Component
    produced: int
    expected: int
    seeds: list[int]
    coverage: list[CoverageFinding]
    quality: dict[str, Estimate]
    usability: dict[str, Estimate]
    gallery: list[GalleryItem]
    seconds_per_image: float | None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One engine against one recognizer.

    Attributes:
        engine: The engine's label.
        recognizer: The recognizer's label.
        metrics: Name -> estimate.
        histograms: ``genuine``, ``impostor``, ``deidentified`` (against the very source), ``deidentified_other``
            (against other samples of the identity), ``deidentified_nonmated``, ``diversity``, ``linkage_mated``,
            ``linkage_nonmated``; those that could be made.
        det: Linkage to the very picture a copy was made from: FNMR (y) against FMR (x) in percent.
        det_other: The same for other samples of the identity.
        det_copies: The same for linkage among copies.
        cmc: Identification rate in percent (y) against rank (x), own original in the gallery.
        failures_to_acquire: De-identified pictures that gave no template.
    """

    engine: str
    recognizer: str
    metrics: dict[str, Estimate]
    histograms: dict[str, Histogram]
    det: Curve
    cmc: Curve
    failures_to_acquire: int
    det_other: Curve = field(default_factory=lambda: Curve(x=[], y=[]))
    det_copies: Curve = field(default_factory=lambda: Curve(x=[], y=[]))


@dataclass(frozen=True, kw_only=True)
class AttackControl:
    """One control of an attack.

    Attributes:
        name: ``positive``, ``weak``, ``constant`` or ``dealt``.
        passed: Whether the attack did what it should.
        rank_1_percent: Its rank-1 identification rate; None where it could not be run.
        sentence: What was seen and what was wanted.
    """

    name: str
    passed: bool
    rank_1_percent: float | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """One attacker on the copies of one engine.

    Attributes:
        component: The attacker.
        tier: ``T0`` to ``T9``.
        tier_name: The tier in the literature's terms.
        knowledge: What the adversary knows.
        scope: ``palm``, or ``context`` for what stands around it, which is kept out of the headline.
        status: ``succeeded``, ``resisted``, ``inconclusive`` or ``not applicable``.
        sentence: Why.
        metrics: Name -> estimate, points only.
        controls: Those that were run.
        seconds: Wall time without controls.
    """

    component: Component
    tier: str
    tier_name: str
    knowledge: str
    scope: Literal["palm", "context"]
    status: Literal["succeeded", "resisted", "inconclusive", "not applicable"]
    sentence: str
    metrics: dict[str, Estimate]
    controls: list[AttackControl]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class PersonFound:
    """How often one person is found.

    Attributes:
        number: Of the person, from 1, in the order of the names in the data set.
        share_percent: Of their copies that are found at rank 1.
    """

    number: int
    share_percent: float


@dataclass(frozen=True, kw_only=True)
class GroupFound:
    """How often the people of a group are found.

    Attributes:
        column: What divides people: ``hand``, ``session`` or a further column of a manifest.
        value: Which of them.
        subjects: How many people.
        rank_1_percent: How often; not computed for a group of very few.
    """

    column: str
    value: str
    subjects: int
    rank_1_percent: Estimate


@dataclass(frozen=True, kw_only=True)
class StrongestAttack:
    """The worst over all attacks on an engine.

    Attributes:
        attacker: Label of the attacker with the best rank 1.
        attacks: How many attacks were compared.
        p_value: Probability that the best of as many attacks does as well by chance.
        metrics: ``strongest_...`` -> estimate; the interval accounts for the choice among the attacks.
        always: People of whom every copy is found at rank 1.
        sometimes: People of whom some copies are.
        never: People of whom none is.
        worst: Those who are found most often, at most five.
        groups: By hand, session and every further column of a manifest that has few values.
    """

    attacker: str
    attacks: int
    p_value: float
    metrics: dict[str, Estimate]
    always: int
    sometimes: int
    never: int
    worst: list[PersonFound] = field(default_factory=list)
    groups: list[GroupFound] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class EngineAttacks:
    """All attacks on one engine.

    Attributes:
        engine: The engine's label.
        attacks: One row for each attacker.
        strongest: The worst of them; None where none counts, and then `reason` says why.
        reason: Why there is no strongest attack.
        calls: Pictures that the engine was asked for beside its copies: by an adversary who runs it on his gallery,
            and to see whether it repeats itself.
    """

    engine: str
    attacks: list[AttackResult]
    strongest: StrongestAttack | None
    reason: str = ""
    calls: int = 0


@dataclass(frozen=True, kw_only=True)
class FailureCount:
    """Pictures that gave no result, for one reason at one stage.

    Attributes:
        stage: ``read``, ``hand``, ``roi``, ``engine`` ...
        subject: ``original`` or the engine's label.
        reason: One sentence.
        count: How many.
    """

    stage: str
    subject: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One check: a stated requirement held against one engine and, where it applies, one recognizer.

    Attributes:
        text: The requirement as it was written.
        engine: Engine label.
        recognizer: Recognizer label, empty for quality, usability and counts of findings.
        status: ``PASS``, ``FAIL`` or ``INCONCLUSIVE``.
        measured: The end of the interval, or the number, that decided; None where there was none.
        explanation: One sentence.
        metric: Name of the metric.
        reason: Why the policy states the requirement; empty for one without a reason.
        subjects_needed: About how many subjects would decide it, if more of them gave the same number; None where it is
            decided or nobody can tell.
    """

    text: str
    engine: str
    recognizer: str
    status: Status
    measured: float | None
    explanation: str
    metric: str = ""
    reason: str = ""
    subjects_needed: int | None = None


@dataclass(frozen=True, kw_only=True)
class EngineVerdict:
    """What the audit says about one engine.

    Attributes:
        engine: Engine label.
        status: FAIL where a leak was found or a requirement failed, else INCONCLUSIVE where anything is not decided.
        sentence: The verdict in one sentence.
        leaks: A sentence for each finding that shows identity in the copies.
        holes: A sentence for each thing that the evidence lacks: nothing passes beside one.
    """

    engine: str
    status: Status
    sentence: str
    leaks: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the audit says against the stated requirements.

    Attributes:
        status: Of the whole audit: FAIL if any engine fails, else INCONCLUSIVE if any could not be judged.
        sentence: The verdict in one sentence.
        requirements: Every check, those that failed first.
        engines: The verdict on each engine that is judged, those that fail first.
        policy: Name of the policy; empty where single requirements were stated.
        policy_digest: SHA-256 of everything that the policy states, in hex; empty where nothing was stated.
    """

    status: Status
    sentence: str
    requirements: list[Requirement] = field(default_factory=list)
    engines: list[EngineVerdict] = field(default_factory=list)
    policy: str = ""
    policy_digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where, when and with what the audit ran.

    Attributes:
        command: The command line.
        deidkit: Version of deidkit.
        commit: Git commit of the code when it runs from a checkout, else empty.
        python: Version.
        platform: Operating system and processor.
        packages: Name -> version of the packages that numbers depend on.
        started: UTC, ISO 8601.
        finished: UTC, ISO 8601.
        wall_seconds: Time spent in this run (a resumed audit counts only its last run).
        seeds: Seeds of the engines.
        options: Every option of the audit.
    """

    command: str
    deidkit: str
    commit: str
    python: str
    platform: str
    packages: dict[str, str]
    started: str
    finished: str
    wall_seconds: float
    seeds: dict[str, Any]
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Time spent in one stage."""

    stage: str
    items: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """Everything an audit found.

    Attributes:
        raised: Sentences about plugins that raised or broke their contract; such evidence is incomplete.
        attackers: The attackers.
        attacks: What they found, for each engine.
    """

    schema_version: int
    audit_id: str
    provenance: Provenance
    dataset: DatasetSummary
    hand_analysis: list[Component]
    recognizers: list[RecognizerResult]
    engines: list[EngineResult]
    cells: list[Cell]
    failures: list[FailureCount]
    timings: list[Timing]
    verdict: Verdict
    notes: list[str] = field(default_factory=list)
    quality_measures: list[Component] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    attackers: list[Component] = field(default_factory=list)
    attacks: list[EngineAttacks] = field(default_factory=list)
