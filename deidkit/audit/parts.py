"""Builds the plugins that a plan names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from deidkit import plugins
from deidkit.audit.engines import stop, turns
from deidkit.audit.plan import AuditPlan
from deidkit.datasets import detect
from deidkit.errors import DatasetError, Interruption, PluginError, UsageError
from deidkit.hand import HandAnalysis
from deidkit.metrics import CELL_METRICS, RECOGNIZER_METRICS
from deidkit.metrics.quality import OWN_QUALITY_METRICS
from deidkit.metrics.usability import USABILITY_METRICS
from deidkit.options import Spec, declared
from deidkit.protocols import Dataset, Engine, PalmVariant, QualityMeasure, Recognizer
from deidkit.result import Component


@dataclass(frozen=True)
class Parts:
    """The plugins of one audit, each with its description."""

    dataset: Dataset
    dataset_component: Component
    analysis: HandAnalysis
    analysis_components: list[Component]
    engines: list[tuple[Engine, Component]]
    recognizers: list[tuple[Recognizer, Component]]
    quality: list[tuple[QualityMeasure, Component]]
    interrupted: Event = field(default_factory=Event, repr=False)
    _turns: dict[int, AbstractContextManager[object]] = field(default_factory=dict, repr=False)

    def meant(self) -> list[str]:
        """What the same words can mean elsewhere: the files and folders that they name."""
        analysis = (self.analysis.analyzer, self.analysis.segmenter, self.analysis.roi_rule)
        others = (plugin for plugin, _ in (*self.engines, *self.recognizers, *self.quality))
        plugins_used = [self.dataset, *analysis, *others]
        values = [getattr(plugin, name) for plugin in plugins_used for name in declared(type(plugin))]
        return [str(value.resolve()) for value in values if isinstance(value, Path)]

    def turn(self, plugin: Engine | Recognizer | QualityMeasure) -> AbstractContextManager[object]:
        """Waits until a plugin may be called: at once for one that says it is thread-safe, one at a time else."""
        return self._turns.setdefault(id(plugin), turns(plugin))

    def interrupt(self) -> None:
        """Say that the work is interrupted, to the threads that do it and to the engines."""
        self.interrupted.set()
        for engine, _ in self.engines:
            stop(engine)

    def go_on(self) -> None:
        """Raise Interruption where the work is interrupted."""
        if self.interrupted.is_set():
            raise Interruption("the work was interrupted.")


def build(plan: AuditPlan, note: Callable[[str], None]) -> Parts:
    """Make every plugin of a plan, fetching model files where they are missing.

    Args:
        plan: What is to be audited.
        note: Called with one sentence where something takes a while.

    Raises:
        DeidkitError: A plugin, an option, a data set or a model file cannot be used.
    """
    dataset, dataset_component = open_dataset(plan.dataset, note)
    analysis, components = build_analysis(plan.analyzer, plan.segmenter, plan.roi_rule, plan.palm, note)
    parts = Parts(
        dataset=dataset,
        dataset_component=dataset_component,
        analysis=analysis,
        analysis_components=components,
        engines=[plugins.create("engine", text, note=note) for text in plan.engines],
        recognizers=[plugins.create("recognizer", text, note=note) for text in plan.recognizers],
        quality=[plugins.create("quality_measure", text, note=note) for text in plan.quality],
    )
    for measure, component in parts.quality:
        _refuse_known_name(measure, component)
    of_kind: dict[str, list[str]] = {
        "engine": [component.label for _, component in parts.engines],
        "recognizer": [component.label for _, component in parts.recognizers],
        "quality": [measure.metric for measure, _ in parts.quality],
    }
    for what, labels in of_kind.items():
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice:
            raise UsageError(f"two --{what} options mean the same thing: {twice}.")
    return parts


def _refuse_known_name(measure: QualityMeasure, component: Component) -> None:
    """A plugin's number under the name of one of deidkit's would stand in its place, and decide the verdict."""
    if measure.metric in {*CELL_METRICS, *RECOGNIZER_METRICS, *OWN_QUALITY_METRICS, *USABILITY_METRICS}:
        raise PluginError(
            f"quality measure '{component.name}' ({component.distribution}) calls its number '{measure.metric}', as "
            "deidkit calls one of its own; its author must give it another name."
        )


def build_analysis(
    analyzer: str, segmenter: str, roi_rule: str, palm: PalmVariant, note: Callable[[str], None]
) -> tuple[HandAnalysis, list[Component]]:
    """Make the hand analysis from the names of its parts."""
    detector, detector_component = plugins.create("hand_analyzer", analyzer, note=note)
    splitter, splitter_component = plugins.create("segmenter", segmenter, note=note)
    rule, rule_component = plugins.create("roi_rule", roi_rule, note=note)
    analysis = HandAnalysis(analyzer=detector, segmenter=splitter, roi_rule=rule, palm=palm)
    return analysis, [detector_component, splitter_component, rule_component]


def open_dataset(text: str, note: Callable[[str], None]) -> tuple[Any, Component]:
    """Open a data set from ``NAME``, ``NAME:PATH`` or a bare path, whose adapter is then detected.

    Raises:
        DatasetError: Nothing is at the path, or no adapter or several understand it.
        PluginError: The name is unknown.
    """
    if not text.strip():  # the path would be the working directory
        raise DatasetError("the data set is an empty text; name a folder, a manifest or an adapter.")
    known = {entry.name for entry in plugins.installed("dataset")}
    if Spec.parse(text).name in known:
        return plugins.create("dataset", text, note=note)
    path = Path(text).expanduser()
    if path.exists():
        return plugins.create("dataset", f"{detect(path)}:{path}", note=note)
    if "/" in text or "\\" in text or "." in text:
        raise DatasetError(f"there is no file or folder {text}.")
    plugins.find("dataset", Spec.parse(text).name)
    raise AssertionError  # find() raises: the name is not installed
