"""deidkit for programmers: audit, de-identify, match, and load what is stored; the command line calls the same."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deidkit import arguments, audit_comparison, defaults, plugins
from deidkit.audit_changes import Comparison
from deidkit.contracts import picture_fault
from deidkit.errors import MissingDependency, SampleError, UsageError, did_you_mean
from deidkit.findings import FINDING_COUNTS, count_of
from deidkit.measures import SCORE_KINDS, IntervalSettings, score_estimates
from deidkit.measures.orientation import are_reversed
from deidkit.pipeline import (
    AuditPlan,
    Deidentification,
    DeidentificationPlan,
    Execution,
    build_analysis,
    run_audit,
    temporary_folder,
)
from deidkit.pipeline import deidentify as run_deidentification
from deidkit.pipeline.matching import Matcher
from deidkit.pipeline.options import AuditOptions
from deidkit.pipeline.plan import EngineChoice
from deidkit.processors import available
from deidkit.progress import Progress, Recorder, Silent
from deidkit.progress_lines import Lines
from deidkit.protocols import Dataset, Image, Recognizer
from deidkit.result import AuditResult, Estimate, Row, Verdict, rows
from deidkit.score_subjects import scores_of
from deidkit.scores import LARGEST_SCORE, Scores
from deidkit.store import load_result, opened_store
from deidkit.verdict import metric_called

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    "scope", "engine", "recognizer", "metric", "value", "low", "high", "unit", "subjects", "comparisons", "reason"
)  # fmt: skip
"""Columns of `Audit.rows` and `Audit.to_frame`."""


_ARGUMENTS = (*AuditOptions.__annotations__, *DeidentificationPlan.__annotations__, "output", "db")

_in_python = partial(
    arguments.instead_of_options,
    {name.replace("_", "-"): name for name in _ARGUMENTS}
    | {name: f"{name}=True" for name in ("isolate", "resume", "overwrite", "force", "roi")}
    | {"recognizer": "recognizer", "attacker": "attackers", "require": "requirements"},
)
"""Errors within say what the options of the command line are called here."""


@dataclass(frozen=True, repr=False)
class Audit:
    """A finished audit.

    Attributes:
        result: Everything found.
        folder: Where its report is; None where none was asked for.
        reports: The main file of each report.
        abandoned: Sentences about templates that other audits left.
        messages: What was noted while it ran, with the texts of plugins' exceptions, which are not stored; empty for
            an audit that was loaded.
    """

    result: AuditResult
    folder: Path | None = None
    reports: tuple[Path, ...] = ()
    abandoned: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()

    def __repr__(self) -> str:
        engines = ", ".join(engine.component.label for engine in self.result.engines)
        return f"<Audit {self.result.audit_id} of {engines}: {self.verdict.status}>"

    @property
    def verdict(self) -> Verdict:
        """What the audit says against the requirements."""
        return self.result.verdict

    def metric(self, name: str, engine: str | None = None, recognizer: str | None = None) -> Estimate:
        """One number; engine and recognizer may be left out where only one has it.

        Args:
            name: Of the metric, or its title or abbreviation (``rank_1_percent``, ``RR at FMR 1 %``,
                ``strongest_rank_1_percent``), or a kind of finding (``unchanged_count``), 0 where none was found.
            engine: Label, or its name where that is clear (``pixelate`` for ``pixelate (block=24.0)``).
            recognizer: Likewise.

        Raises:
            UsageError: No number, or more than one, is meant.
        """
        named = metric_called(arguments.text("name", name))
        found = self._counts(named) or [row for row in rows(self.result) if row.metric == named]
        if not found:
            reason = next((attacks.reason for attacks in self.result.attacks if attacks.reason), "")
            reason = reason if self.result.attacks else "no attack was run; audit with attack='standard'."
            if named.startswith("strongest_") and reason:
                raise UsageError(f"there is no '{name}': {reason}")
            known = sorted({row.metric for row in rows(self.result)})
            raise UsageError(f"no number is named '{name}' here.{did_you_mean(named, known) or ' See rows().'}")
        meant = [row for row in found if _is(engine, row.engine) and _is(recognizer, row.recognizer)]
        if len(meant) != 1:
            having = ", ".join(" x ".join(filter(None, (row.engine, row.recognizer))) for row in found)
            raise UsageError(f"{len(meant)} numbers are '{name}' of what you name; it is there of: {having}.")
        return meant[0].estimate

    def _counts(self, metric: str) -> list[Row]:
        """How many findings of a kind each engine has; nothing where the metric counts no findings."""
        kind = FINDING_COUNTS.get(metric)
        if kind is None:
            return []
        return [
            Row("findings", engine.component.label, "", metric, Estimate.of_count(count_of(kind, engine)))
            for engine in self.result.engines
        ]

    def rows(self) -> Iterator[dict[str, object]]:
        """Every number as a row with the columns `COLUMNS`; engine or recognizer is empty where a number has none."""
        for row in rows(self.result):
            place, e = (row.scope, row.engine, row.recognizer, row.metric), row.estimate
            numbers = (e.value, e.low, e.high, e.unit, e.subjects, e.comparisons, e.reason)
            yield dict(zip(COLUMNS, (*place, *numbers), strict=True))

    def to_frame(self) -> pandas.DataFrame:
        """Every number as a pandas data frame, see `rows`.

        Raises:
            MissingDependency: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise MissingDependency("to_frame() needs pandas. Install it with: pip install pandas") from error
        return pandas.DataFrame(list(self.rows()), columns=list(COLUMNS))

    def _repr_html_(self) -> str:
        """A short table for notebooks."""
        shown = ("deid_ratio_percent", "rejection_rate_percent", "rank_1_percent", "linkage_eer_percent")
        head = "".join(f"<th>{name}</th>" for name in ("engine", "recognizer", *shown))
        body = "".join(
            f"<tr><td>{escape(cell.engine)}</td><td>{escape(cell.recognizer)}</td>"
            + "".join(f"<td>{_short(cell.metrics.get(name))}</td>" for name in shown)
            + "</tr>"
            for cell in self.result.cells
        )
        verdict = f"<p><b>{self.verdict.status}</b>: {escape(self.verdict.sentence)}</p>"
        return f"{verdict}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _is(wanted: str | None, label: str) -> bool:
    return wanted is None or wanted in (label, label.partition(" (")[0])


def _short(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "not computed"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


@_in_python()
def audit(
    dataset: str | Path | Dataset,
    engines: EngineChoice | Sequence[EngineChoice],
    recognizers: str | Recognizer | Sequence[str | Recognizer] = (defaults.RECOGNIZER,),
    *,
    output: str | Path | None = None,
    db: str | Path | None = None,
    progress: Progress | bool = False,
    **options: Unpack[AuditOptions],
) -> Audit:
    """Audit anonymizers: how much identity they leave, at what cost.

    Several threads of a program get their audits one after another.

    Args:
        dataset: A folder, a manifest, an adapter (``synthetic:30``), or an object like `deidkit.protocols.Dataset`.
        engines: One or more of: a name with options (``blur:sigma=8``), ``module:Class``, ``./file.py:Class``, an
            object like `deidkit.protocols.Engine`, or a function from an RGB uint8 picture to one of the same size.
        recognizers: One or more names, references or objects like `deidkit.protocols.Recognizer`.
        output: Folder for the report; None for no report.
        db: Score store, a path or SQLAlchemy URL; None for one that is dropped at the end.
        progress: True for lines on standard error, or an object like `deidkit.progress.Progress`.
        options: See `AuditOptions`; the same as on the command line.

    Raises:
        DeidkitError: It cannot be evaluated.
    """
    listed = {name: _as_tuple(value) if name in _LISTS else value for name, value in options.items()}
    settings = arguments.checked(listed, AuditOptions, "audit()")
    formats = settings.pop("formats", ("html", "json") if output is not None else ())
    execution = {name: settings.pop(name) for name in _EXECUTION if name in settings}
    plan = AuditPlan(dataset=dataset, engines=_as_tuple(engines), recognizers=_as_tuple(recognizers), **settings)
    listener = Recorder(_listener(progress))
    with _output_and_store(output, db) as (folder, store):
        outcome = run_audit(
            plan,
            Execution(db=store, output=folder, formats=formats, **{"threads": available(), **execution}),
            listener,
        )
    report_folder = outcome.folder if formats else None
    return Audit(outcome.result, report_folder, tuple(outcome.written), tuple(outcome.abandoned), tuple(listener.notes))


_LISTS = ("quality", "requirements", "baselines", "attackers", "formats")
"""Options that are several; one alone is a list of one."""

_EXECUTION = ("resume", "overwrite", "work", "threads", "cluster", "command")
"""Options of how an audit is run; the others say what is audited."""


@_in_python()
def deidentify(
    source: str | Path,
    target: str | Path,
    engine: EngineChoice,
    *,
    progress: Progress | bool = False,
    **options: Any,
) -> Deidentification:
    """De-identify a picture, or every picture in a folder and below it.

    Args:
        source: A picture or a folder.
        target: Where copies go; they keep name and format.
        engine: As for `audit`.
        progress: As for `audit`.
        options: See `deidkit.pipeline.DeidentificationPlan`.

    Raises:
        DeidkitError: Nothing can be done. A picture that fails does not stop the others; see the result's ``failed``.
    """
    values = arguments.checked({"source": source, "target": target, **options}, DeidentificationPlan, "deidentify()")
    return run_deidentification(DeidentificationPlan(engine=engine, **values), _listener(progress))


def metrics(scores: Mapping[str, ArrayLike], subjects: Mapping[str, ArrayLike] | None = None) -> dict[str, Estimate]:
    """Every score metric from scores alone.

    Args:
        scores: Kind (``genuine``, ``impostor``, ``deidentified`` ...) -> (n,) distances: lower means more alike.
        subjects: Kind -> (n, 2) subjects of probe and reference, as numbers or texts, for each kind that has scores;
            (n,) where both sides are one person; None for no intervals.

    Warns:
        UserWarning: Subjects differ only by letter case, leading zeros or the like, and count as different people; or
            genuine scores are on average larger than impostor scores, as similarities are.

    Raises:
        UsageError: There are no scores, a kind is unknown, a score is not a finite number, a subject is missing, or
            scores and subjects do not belong together.
    """
    for what, mapping in (("scores", scores), ("subjects", {} if subjects is None else subjects)):
        if not isinstance(mapping, Mapping):
            raise UsageError(f"{what} are a mapping from kinds, not an object of type {type(mapping).__name__}.")
    if not scores:
        raise UsageError("there are no scores.")
    for kind in [*scores, *(subjects or {})]:
        if kind not in SCORE_KINDS:
            raise UsageError(f"'{kind}' is not a kind of score; the kinds are {', '.join(SCORE_KINDS)}.")
    if subjects is not None and (odd := sorted({*scores} ^ {*subjects})):
        raise UsageError(f"'{odd[0]}' has scores or subjects, not both; without subjects there are no intervals.")
    distances = {kind: _distances(kind, values) for kind, values in scores.items()}
    if are_reversed(distances):
        warnings.warn(
            "genuine scores are on average larger than impostor scores; if they are similarities, give them negated.",
            stacklevel=2,
        )
    if subjects is None:
        sets = {kind: Scores(values, *2 * (np.zeros(len(values), np.int32),)) for kind, values in distances.items()}
        return {name: replace(found, subjects=None) for name, found in score_estimates(sets, None).items()}
    return score_estimates(scores_of(distances, subjects), IntervalSettings())


def _distances(kind: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        found = np.asanyarray(values)
        distances = np.asarray(found, dtype=np.float64) if found.dtype.kind not in "cmM" else None
    except Exception:  # whatever an object raises that NumPy asks for its numbers, such as a tensor with gradients
        distances = None
    if distances is None:
        raise UsageError(f"scores '{kind}' are not an array of numbers.")
    if distances.ndim != 1:
        raise UsageError(f"scores '{kind}' are of shape {distances.shape}, not of one axis.")
    if np.ma.is_masked(found):
        raise UsageError(f"some scores '{kind}' are masked; leave out those that do not count (.compressed()).")
    if wrong := int((~(np.abs(distances) < LARGEST_SCORE)).sum()):
        raise UsageError(
            f"{wrong} scores '{kind}' are not finite numbers, or {LARGEST_SCORE:g} and more; leave out comparisons "
            "without a score."
        )
    return distances


@_in_python()
def load(audit_id: str = "latest", db: str | Path = "deidkit.db") -> Audit:
    """A stored audit.

    Args:
        audit_id: Its id, the beginning of one, or ``latest``.
        db: Score store, a path or SQLAlchemy URL.

    Raises:
        StoreError: There is none of that id, several, or it has not finished.
    """
    with opened_store(str(db), "read") as store:
        return Audit(load_result(store, str(audit_id)))


@_in_python()
def compare(*audits: str | Path, db: str | Path = "deidkit.db", force: bool = False) -> Comparison:
    """Hold audits against the first, number by number.

    Args:
        audits: Two or more, as on the command line: ids, ``latest``, paths of ``report.json``, each perhaps with one of
            its engines (``ID/ENGINE``, ``PATH::ENGINE``).
        db: Score store, a path or SQLAlchemy URL; audits in one store and of the same people are paired.
        force: Whether audits that measured unlike things are compared all the same.

    Raises:
        DeidkitError: One is not there, or they measured unlike things.
    """
    if len(audits) < 2:
        raise UsageError("compare takes two audits or more.")
    for audit in audits:
        if not isinstance(audit, str | Path):
            raise UsageError(f"compare takes ids and paths of audits, not an object of type {type(audit).__name__}.")
    return audit_comparison.compare(audit_comparison.load_sides([str(audit) for audit in audits], str(db)), force=force)


@dataclass(frozen=True)
class Distance:
    """How far two pictures lie apart for a recognizer: lower means more alike.

    Attributes:
        a: Place of the first among the pictures that were given.
        b: Place of the second.
        distance: Within the recognizer's score range.
    """

    a: int
    b: int
    distance: float


@_in_python()
def match(
    pictures: Iterable[str | Path | Image], recognizer: str | Recognizer = defaults.RECOGNIZER, *, roi: bool = False
) -> list[Distance]:
    """Compare every two pictures.

    Args:
        pictures: Files or RGB uint8 arrays.
        recognizer: A name with options, a reference or an object.
        roi: Whether they are palm regions already cut out.

    Raises:
        SampleError: A picture cannot be read, or no hand is found in it.
        UsageError: Something is not a picture, or there are fewer than two.
    """
    if isinstance(pictures, str | Path) or not isinstance(pictures, Iterable):
        raise UsageError("match takes a list of pictures.")
    pictures = list(pictures)
    for place, picture in enumerate(pictures):
        if not isinstance(picture, str | Path) and (fault := picture_fault(picture)):
            raise UsageError(f"picture {place} is {fault}.")
    if len(pictures) < 2:
        raise UsageError("match needs at least two pictures.")
    roi = arguments.truth("roi", roi)
    matcher = Matcher(plugins.create("recognizer", recognizer), None if roi else build_analysis().analysis)
    templates = []
    for place, picture in enumerate(pictures):
        try:
            templates.append(matcher.template(picture))
        except SampleError as error:
            raise SampleError(f"picture {place} cannot be compared: {error}") from error
    return [
        Distance(a, b, matcher.distance(templates[a], templates[b])) for a, b in combinations(range(len(templates)), 2)
    ]


def _listener(progress: Progress | bool | None) -> Progress:
    if progress is None or isinstance(progress, bool):
        return Lines() if progress else Silent()
    if not all(callable(getattr(progress, name, None)) for name in ("stage", "note")):
        raise UsageError("progress is True, False or an object like deidkit.progress.Progress.")
    return progress


def _as_tuple(choice: Any) -> tuple[Any, ...]:
    return tuple(choice) if isinstance(choice, list | tuple) else (choice,)


@contextmanager
def _output_and_store(output: str | Path | None, db: str | Path | None) -> Iterator[tuple[Path, str]]:
    """The folder and store of an audit; those not given are in a temporary folder."""
    with temporary_folder() as folder:
        place = folder / "audit" if output is None else arguments.path("output", output)
        yield place, str(folder / "deidkit.db" if not db else arguments.text("db", db))
