"""The plugins of one audit, created from the names or objects of its plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Lock
from typing import Any, NamedTuple, Protocol

from deidkit import defaults, plugins
from deidkit.attacks import Attacker
from deidkit.datasets import detect
from deidkit.errors import DatasetError, Interruption, PluginError, UsageError
from deidkit.hand import HandAnalysis
from deidkit.measures import registry
from deidkit.options import Spec, declared
from deidkit.pipeline import remote
from deidkit.pipeline.plan import AuditPlan
from deidkit.plugins import Loaded
from deidkit.protocols import Dataset, Engine, PalmVariant, QualityMeasure, Recognizer
from deidkit.result import Component


class _ThreadAware(Protocol):
    thread_safe: bool


@dataclass(frozen=True)
class PluginSet:
    """The plugins of one audit, each with its description.

    Attributes:
        analysis_components: Analyzer, segmenter and ROI rule.
        attackers: Adversaries in addition to the recognizers.
        cancelled: Set to cancel the work.
    """

    dataset: Loaded[Dataset]
    analysis: HandAnalysis
    analysis_components: list[Component]
    engines: list[Loaded[Engine]]
    recognizers: list[Loaded[Recognizer]]
    quality: list[Loaded[QualityMeasure]]
    attackers: list[Loaded[Attacker]]
    cancelled: Event = field(default_factory=Event, repr=False)
    _locks: dict[int, AbstractContextManager[object]] = field(default_factory=dict, repr=False)

    @property
    def all(self) -> Sequence[Loaded[Any]]:
        """The data set, engines, recognizers, quality measures and attackers."""
        return [self.dataset, *self.engines, *self.recognizers, *self.quality, *self.attackers]

    def named_paths(self) -> list[Path]:
        """Files and folders named by options, as written there."""
        analysis = (self.analysis.analyzer, self.analysis.segmenter, self.analysis.roi_rule)
        used = [*analysis, *(loaded.plugin for loaded in self.all)]
        values = [getattr(plugin, name) for plugin in used for name in declared(type(plugin))]
        of_processes = [path for engine in self.engines for path in remote.paths_of(engine.plugin)]
        return [*(value for value in values if isinstance(value, Path)), *of_processes]

    def paths(self) -> list[str]:
        """Files and folders named by options, as full paths: relative ones depend on the working directory."""
        return [str(path.resolve()) for path in self.named_paths()]

    def exclusive(self, plugin: _ThreadAware) -> AbstractContextManager[object]:
        """A lock for calls of a plugin; a dummy if the plugin is thread-safe."""
        return self._locks.setdefault(id(plugin), nullcontext() if plugin.thread_safe else Lock())

    def cancel(self) -> None:
        """Cancel the work in all threads and engines."""
        self.cancelled.set()
        for engine in self.engines:
            with suppress(Exception):  # an error in one must not keep the others from being cancelled
                engine.plugin.stop()

    @property
    def parts(self) -> Sequence[Loaded[Any]]:
        """All plugins: the hand analysis and `all`."""
        analysis: list[Any] = [self.analysis.analyzer, self.analysis.segmenter, self.analysis.roi_rule]
        return [*map(Loaded, analysis, self.analysis_components), *self.all]

    def check_cancelled(self) -> None:
        """Raise Interruption if the work is cancelled."""
        if self.cancelled.is_set():
            raise Interruption("the work was interrupted.")


def build(plan: AuditPlan, note: Callable[[str], None]) -> PluginSet:
    """Create every plugin of a plan, fetching missing model files.

    Raises:
        DeidkitError: A plugin, an option, a data set or a model file cannot be used.
    """
    analysis, components = build_analysis(plan.analyzer, plan.segmenter, plan.roi_rule, plan.palm, note=note)
    made = PluginSet(
        dataset=open_dataset(plan.dataset, note),
        analysis=analysis,
        analysis_components=components,
        engines=[
            *(make_engine(choice, note, isolate=plan.isolate) for choice in plan.engines),
            *(_as_baseline(make_engine(choice, note, isolate=plan.isolate)) for choice in plan.baselines),
        ],
        recognizers=[plugins.create("recognizer", choice, note=note) for choice in plan.recognizers],
        quality=[plugins.create("quality_measure", choice, note=note) for choice in plan.quality],
        attackers=[plugins.create("attacker", choice, note=note) for choice in plan.all_attackers],
    )
    for sentence in dict.fromkeys(_stand_in(engine) for engine in made.engines if engine.plugin.stand_in()):
        note(sentence)  # once, for any number of compared settings
    for measure in made.quality:
        _refuse_known_name(measure)
    engines = [*plan.engines, *plan.baselines]
    _refuse_twice("engine", [engine.component.label for engine in made.engines], engines)
    _refuse_twice("recognizer", [recognizer.component.label for recognizer in made.recognizers], plan.recognizers)
    _refuse_twice("attacker", [attacker.component.label for attacker in made.attackers], plan.all_attackers)
    _refuse_twice("quality", [measure.plugin.metric for measure in made.quality], plan.quality)
    return made


def make_engine(choice: object, note: Callable[[str], None], *, isolate: bool) -> Loaded[Engine]:
    """Create an engine here or in a separate process; raises DeidkitError if it cannot be created."""
    return remote.create(choice, note) if isolate else plugins.create("engine", choice, note=note)


def _as_baseline(engine: Loaded[Engine]) -> Loaded[Engine]:
    return Loaded(engine.plugin, replace(engine.component, baseline=True))


def _stand_in(engine: Loaded[Engine]) -> str:
    return f"{engine.component.name}: {engine.plugin.stand_in()}."


def _refuse_twice(what: str, labels: Sequence[str], choices: Sequence[object]) -> None:
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is None:
        return
    if all(isinstance(choice, str) for choice, label in zip(choices, labels, strict=True) if label == twice):
        raise UsageError(f"two --{what} options mean the same thing: {twice}.")
    raise UsageError(
        f"two of {what} are called '{twice}', so that nobody could tell their numbers apart; give each class, or "
        "function defined with def, a name of its own."
    )


def _refuse_known_name(measure: Loaded[QualityMeasure]) -> None:
    """Reject a plugin's metric with the name of a built-in one, which it would replace in the verdict."""
    name = measure.plugin.metric
    if name in registry.own_names():
        raise PluginError(
            f"quality measure '{measure.component.name}' ({measure.component.distribution}) calls its number '{name}', "
            "as deidkit calls one of its own; its author must give it another name."
        )


class LoadedAnalysis(NamedTuple):
    """A hand analysis, with its analyzer, segmenter and ROI rule as a report names them."""

    analysis: HandAnalysis
    components: list[Component]


def build_analysis(
    analyzer: str = defaults.HAND_ANALYZER,
    segmenter: str = defaults.SEGMENTER,
    roi_rule: str = defaults.ROI_RULE,
    palm: PalmVariant = "paper",
    *,
    note: Callable[[str], None] = lambda sentence: None,
) -> LoadedAnalysis:
    """Create the hand analysis from the names of its components."""
    parts = [
        plugins.create(kind, text, note=note)
        for kind, text in (("hand_analyzer", analyzer), ("segmenter", segmenter), ("roi_rule", roi_rule))
    ]
    detector, splitter, rule = (part.plugin for part in parts)
    analysis = HandAnalysis(analyzer=detector, segmenter=splitter, roi_rule=rule, palm=palm)
    return LoadedAnalysis(analysis, [part.component for part in parts])


def open_dataset(choice: str | Path | Dataset, note: Callable[[str], None]) -> Loaded[Dataset]:
    """Open a data set from ``NAME``, ``NAME:PATH`` or a bare path, whose adapter is then detected, or an object.

    Raises:
        DatasetError: Nothing is at the path, or no adapter or several understand it.
        PluginError: The name is unknown.
    """
    if isinstance(choice, Path):
        choice = str(choice)
    if not isinstance(choice, str):
        return plugins.create("dataset", choice, note=note)
    if not choice.strip():  # the path would be the working directory
        raise DatasetError("the data set is empty; name a folder, a manifest or an adapter.")
    known = {entry.name for entry in plugins.installed("dataset")}
    if Spec.parse(choice).name in known:
        return plugins.create("dataset", choice, note=note)
    path = Path(choice).expanduser()
    if path.exists():
        return plugins.create("dataset", f"{detect(path)}:{path}", note=note)
    if ".py:" in choice:
        raise DatasetError(
            f"a data set cannot be named by its file, as in {choice}: register its class as an entry point in "
            "the group deidkit.datasets, or pass an object of it to deidkit.audit."
        )
    if "/" in choice or "\\" in choice or "." in choice:
        raise DatasetError(f"there is no file or folder {choice}.")
    try:
        plugins.find("dataset", Spec.parse(choice).name)
    except PluginError as error:
        raise DatasetError(f"there is no file or folder {choice}, and {error}") from error
    raise AssertionError  # find() raises: the name is not installed
