"""Requirements of standards, authorities and law on a report, and what an audit contributes to them."""

from __future__ import annotations

from dataclasses import dataclass

from deidkit.result import AuditResult, Estimate
from deidkit_reports import numbers
from deidkit_reports.headline import in_order
from deidkit_reports.pages import moment


@dataclass(frozen=True)
class Item:
    """A reporting item.

    Attributes:
        name: Name after the standard, paraphrased.
    """

    name: str
    says: str


@dataclass(frozen=True)
class Measured:
    """The number of one engine that measures a property.

    Attributes:
        number: Value with interval, or the reason why it is missing.
        by: Recognizer or attack with the worst number; empty if there is none.
    """

    engine: str
    number: str
    by: str


@dataclass(frozen=True)
class Property:
    """A property that a standard or an authority asks for.

    Attributes:
        name: Term for the property.
        source: Source of the term.
        measured_by: How this audit measures it.
        engines: Result for each engine; empty if it is not measured.
        open: What remains open.
    """

    name: str
    source: str
    asks: str
    measured_by: str
    engines: list[Measured]
    open: str


@dataclass(frozen=True)
class Provision:
    """A provision of law.

    Attributes:
        name: Article or recital.
        asks: What it is about.
        contributes: What this report contributes to the controller's own assessment.
        cannot: What it cannot say.
    """

    name: str
    asks: str
    contributes: str
    cannot: str


LAW = (
    Provision(
        "Recital 26",
        "Whether a person is identifiable, taking account of all means reasonably likely to be used, such as singling "
        "out, by the controller or by another person; cost, time and the technology available count.",
        "How far named means, used on these copies, put a name to them: recognizers as they are and the attacks "
        "listed as run, each with controls that show that it works, with intervals over people and the chance of a "
        "guess.",
        "Whether those are all the means reasonably likely to be used; what they cost; what can be learned from "
        "knowledge outside of the pictures, or from a key or originals kept elsewhere. It does not decide whether a "
        "person is identifiable.",
    ),
    Provision(
        "Article 9, with article 4(14) and recital 51",
        "Processing of biometric data for the purpose of uniquely identifying a natural person. Photographs are such "
        "data only when specific technical means that allow unique identification process them.",
        "Whether recognizers, which are such means, still distinguish people by the copies, and how well.",
        "For which purpose the copies will be processed, whether a ground of article 9(2) holds, and whether the "
        "copies show other special categories, such as health. The originals, and the making of copies from them, "
        "remain processing in their own right.",
    ),
    Provision(
        "Article 35(7)(c) and (d)",
        "A data protection impact assessment holds, among other things, an assessment of the risks to the rights and "
        "freedoms of data subjects and the measures to address them.",
        "Evidence for the likelihood of re-identification by the copies, for the effect of the measure "
        "\u201cde-identification\u201d, and for what it leaves; a repeatable test of that measure after every change.",
        "The severity of the consequences, the risk as a whole, whether what is left is acceptable, and whether prior "
        "consultation (article 36) is due.",
    ),
    Provision(
        "Article 35(7)(a) and (b), 35(2) and 35(9)",
        "A systematic description of the processing and its purposes, its necessity and proportionality; the advice "
        "of the data protection officer; the views of data subjects.",
        "Nothing, but for the description of the tool and of the pictures on which it was tested.",
        "All of it is the controller's to write.",
    ),
)
"""Provisions of Regulation (EU) 2016/679 for which a controller may use this report."""


def reporting_items(result: AuditResult) -> list[Item]:
    """Items that ISO/IEC 19795-1 requires in a report of a performance test."""
    data, provenance = result.dataset, result.provenance
    sessions = "not known" if data.sessions is None else str(data.sessions)
    left_out = "; ".join(f"{item.count}: {item.reason}" for item in data.exclusions) or "none"
    failures = sum(failure.count for failure in result.failures)
    kinds = {"hand": "whole hands", "roi": "palm regions that were cut out before", "mixed": "hands and palm regions"}
    environment = f"{provenance.platform}, Python {provenance.python}, deidkit {provenance.deidkit}"
    made = [f"{engine.component.label}: {engine.produced} of {engine.expected} made" for engine in in_order(result)]
    return [
        Item(
            "Type of evaluation",
            "Technology evaluation, off-line, of stored pictures; closed-set identification and verification.",
        ),
        Item("Systems under test", "; ".join(engine.component.label for engine in in_order(result)) or "none"),
        Item("Comparison subsystems", "; ".join(r.component.label for r in result.recognizers) or "none"),
        Item(
            "Test corpus",
            f"{data.component.label}, {kinds.get(data.kind, data.kind)}, fingerprint {data.fingerprint}",
        ),
        Item(
            "Test crew",
            f"{data.subjects} subjects, {data.identities} hands, {data.samples} samples, sessions: {sessions}",
        ),
        Item("Demographics", "Not recorded: differences between groups of people were not measured."),
        Item("Samples left out", left_out),
        Item("Copies", "; ".join(made) or "none"),
        Item(
            "Failures to enrol and to acquire",
            f"{failures} pictures without a result at some stage; rates by recognizer stand with the numbers.",
        ),
        Item(
            "Error rates",
            "FMR and FNMR with DET curves on originals; rejection of copies at the EER threshold and at fixed FMR; "
            "rank-1 identification with and without a copy's own original.",
        ),
        Item(
            "Decision policy",
            "Thresholds are set on the originals of this corpus, which flatters the recognizer and so the adversary.",
        ),
        Item(
            "Uncertainty",
            "95 % intervals over people, not over comparisons: bounds of the mean for rates (Gaffke), jackknife with "
            "Student's t for means and ratios. Each number names its own.",
        ),
        Item("Environment", f"{environment}, commit {provenance.commit}" if provenance.commit else environment),
        Item("Time of the test", f"{moment(provenance.started)} to {moment(provenance.finished)}"),
        Item(
            "Departures from the standard",
            "Copies are adversarial by design, and people who try to subvert a system are outside of ISO/IEC 19795-1: "
            "the audit is informed by it and is not a test under it.",
        ),
    ]


def protection(result: AuditResult) -> list[Property]:
    """Properties of ISO/IEC 24745 and 30136, by analogy, as copies are pictures and not templates."""
    return [
        Property(
            "Irreversibility",
            "ISO/IEC 24745, 30136",
            "That what was captured cannot be gained back from what is stored.",
            "Share of copies that the strongest attack identifies, attacks that undo the engine and restore the palm "
            "among them (a successful attack rate).",
            _strongest(result, "strongest_rank_1_percent"),
            "Attacks that nobody has made yet. A picture may be restored in part without naming its person.",
        ),
        Property(
            "Unlinkability",
            "ISO/IEC 24745, 30136",
            "That two protected references of one person cannot be told from those of two.",
            "Equal error rate of linkage among copies of different pictures; 50 % is a guess, 0 % links all.",
            _worst(result, "copy_linkage_eer_percent", lowest=True),
            "Linkage by what lies outside of the pictures: file names, times, order.",
        ),
        Property(
            "Renewability",
            "ISO/IEC 24745",
            "That several protected references can be made of one capture, and one be replaced without linking to it.",
            "Mean distance among several copies of one picture, on the recognizer's own scale; 0 means that they are "
            "all alike, and nothing is renewed.",
            _worst(result, "diversity_mean", lowest=True),
            "Revocation is a matter of keeping records, which this audit does not see.",
        ),
        Property(
            "Performance",
            "ISO/IEC 30136",
            "What protection costs whoever uses what is protected.",
            "Structural similarity of copy and original; usability by task stands in its own section.",
            [Measured(e.component.label, _words(e.quality.get("ssim")), "") for e in in_order(result)],
            "Uses that were not measured.",
        ),
    ]


def opinion(result: AuditResult) -> list[Property]:
    """The three risks of Opinion 05/2014 of the Article 29 Working Party (WP 216)."""
    source = "WP29 05/2014"
    return [
        Property(
            "Singling out",
            source,
            "Whether an individual's records can be isolated.",
            "Rank-1 identification of copies among the originals, own original in the gallery, by the worst "
            "recognizer.",
            _worst(result, "rank_1_percent", lowest=False),
            "Larger galleries, other recognizers.",
        ),
        Property(
            "Linkability",
            source,
            "Whether records of one individual can be linked.",
            "Equal error rate of linkage of copies to their originals; among copies, see the section before.",
            _worst(result, "linkage_eer_percent", lowest=True),
            "Other data bases that hold the same people.",
        ),
        Property(
            "Inference",
            source,
            "Whether attributes can be deduced.",
            "Not measured: no attribute of the people is known to the audit.",
            [],
            "Sex, age, skin tone, jewellery and health as far as copies show them.",
        ),
    ]


def _strongest(result: AuditResult, metric: str) -> list[Measured]:
    found = {a.engine: a for a in result.attacks}
    rows = []
    for engine in in_order(result):
        attacked = found.get(engine.component.label)
        if attacked is None or attacked.strongest is None:
            reason = attacked.reason if attacked else "no attack was made in this audit"
            rows.append(Measured(engine.component.label, f"not computed: {reason}", ""))
        else:
            rows.append(
                Measured(
                    engine.component.label, _words(attacked.strongest.metrics.get(metric)), attacked.strongest.attacker
                )
            )
    return rows


def _worst(result: AuditResult, metric: str, *, lowest: bool) -> list[Measured]:
    """The least favourable number over all recognizers, for each engine."""
    rows = []
    for engine in in_order(result):
        label = engine.component.label
        measured = [(cell.metrics.get(metric), cell.recognizer) for cell in result.cells if cell.engine == label]
        known = [(e, name) for e, name in measured if e is not None and numbers.known(e.value)]
        if not known:
            reasons = dict.fromkeys(numbers.why(e) for e, _ in measured)
            rows.append(Measured(label, f"not computed: {' '.join(reasons) or 'nothing was compared'}", ""))
            continue
        chosen = min if lowest else max
        estimate, name = chosen(known, key=lambda pair: pair[0].value or 0.0)
        rows.append(Measured(label, _words(estimate), name))
    return rows


def _words(estimate: Estimate | None) -> str:
    if estimate is None or not numbers.known(estimate.value):
        return f"not computed: {numbers.why(estimate)}"
    span = numbers.interval(estimate)
    return f"{numbers.text(estimate)} ({span})" if span else numbers.text(estimate)
