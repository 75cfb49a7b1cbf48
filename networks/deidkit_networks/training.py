"""The training loop: seeded batches, checkpoints, held-out measurements, weights and their card.

Not a framework's loop: a training that was killed and resumed must end in the same bits as one that was not.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from deidkit.atomic import replacing
from deidkit.errors import DatasetError, UsageError
from deidkit.progress import Progress
from deidkit.training import TrainingJob
from deidkit_networks import checkpoint, device, interruption, model_card, weights
from deidkit_networks.preparation import Prepared, prepare
from deidkit_networks.splitting import Split, split
from deidkit_networks.trainable import Batch, Module, Trainable

CHECKPOINT_SECONDS = 60.0
"""Work that a kill can cost."""

EVALUATIONS = 10
"""How often the held-out pictures are measured on while training."""

EVALUATION_BATCH = 64
EVALUATION_PICTURES = 2000
"""At most so many held-out pictures while training; all of them at the end."""

FINISH_PICTURES = 10_000
"""At most so many training pictures for `Trainable.finish`: their features are in memory at once."""

WEIGHTS, CARD, CHECKPOINT, HISTORY = "weights.safetensors", "MODEL_CARD.md", "checkpoint.pt", "history.csv"
"""Files of the output folder."""


@dataclass
class _State:
    """Where a training stands."""

    step: int = 0
    seconds: float = 0.0
    progress: float = 0.0
    loss: float = math.nan
    evaluations: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class NetworkTrainer(Trainable[Module]):
    """A network that is trained by what `Trainable` says of it."""

    def train(self, job: TrainingJob, progress: Progress) -> Sequence[Path]:
        """Train the network, or resume its training.

        By number of epochs the result depends on data, seed and options alone, however often the training was killed
        and resumed on the same kind of machine; by minutes it depends on the machine's speed, too.

        Returns:
            Weights, model card and history.

        Raises:
            DatasetError: The data set does not do for it.
            UsageError: The folder cannot be used, or an option does not fit.
        """
        where = device.choose(job.device)
        recipe = _recipe(self, job)
        try:
            job.output.mkdir(parents=True, exist_ok=True)
            _check_folder(job, recipe)
        except OSError as error:
            raise UsageError(
                f"the output folder {job.output} cannot be written to: {error.strerror}; name another with --output."
            ) from error
        prepared = prepare(
            job.examples, self.keep, job.output / "prepared", _data_recipe(self, job),
            truth=self.truth, progress=progress,
        )  # fmt: skip
        parts = split(prepared.labels, held_out=job.held_out, first=job.first, seed=job.seed)
        with interruption.interrupt_deferred() as interrupted:
            progress.note(
                f"{len(prepared.labels)} pictures of {len(prepared.identities)} identities"
                + (f", {prepared.left_out} left out" if prepared.left_out else "")
                + f"; {parts.rule}; on {device.title(where)}."
            )
            run = _Run(self, job, prepared, parts, where, recipe)
            run.train(progress, interrupted)
            run.save()
        return run.publish()


class _Run:
    """A running training: the network, its optimizer, and their progress."""

    def __init__(
        self,
        trainable: Trainable[Any],
        job: TrainingJob,
        prepared: Prepared,
        parts: Split,
        where: torch.device,
        recipe: dict[str, Any],
    ) -> None:
        self.trainable, self.job, self.prepared, self.parts = trainable, job, prepared, parts
        self.device, self.recipe = where, recipe
        self.precision = device.resolve(job.precision, where)
        self.batch = job.batch or trainable.batch
        learned = np.unique(prepared.labels[parts.train])
        self.labels = np.searchsorted(learned, prepared.labels)  # classes: only those that are trained on
        torch.manual_seed(job.seed)
        self.module = trainable.build(len(learned)).to(where)
        self.optimizer = trainable.optimizer(self.module)
        self.initial_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average: AveragedModel | None = None
        if decay := trainable.average:
            self.average = AveragedModel(self.module, multi_avg_fn=_moving_average(decay), use_buffers=True)
        self.state = _State()
        self._mates: dict[int, NDArray[np.int64]] = {
            label: parts.train[prepared.labels[parts.train] == label] for label in learned
        }
        self._draws = len(parts.train) // max(1, self.batch // trainable.views)
        if self._draws == 0:
            raise DatasetError(
                f"{len(parts.train)} training pictures do not fill a batch of {self.batch}; use a smaller --batch."
            )
        if (job.output / CHECKPOINT).is_file():
            self._restore()

    @property
    def epochs(self) -> float:
        """How often each training picture is to be shown."""
        return self.job.epochs if self.job.epochs is not None else self.trainable.epochs

    def train(self, progress: Progress, interrupted: Callable[[], bool]) -> None:
        """Train to the end, or until it is interrupted."""
        steps = max(1, round(self.epochs * self._draws))
        total = 1000 if self.job.minutes else steps
        with progress.stage(f"train {self.trainable.name}", total) as stage:
            stage.advance(int(self.state.progress * total))
            begun, before, saved = time.monotonic(), self.state.seconds, time.monotonic()
            while self.state.progress < 1.0 and not interrupted():
                at = int(self.state.progress * total)
                self._step()
                now = time.monotonic()
                self.state.seconds = before + now - begun
                self.state.progress = (
                    min(1.0, self.state.seconds / (60.0 * self.job.minutes))
                    if self.job.minutes
                    else self.state.step / steps
                )
                stage.advance(int(self.state.progress * total) - at)
                if self.state.progress * EVALUATIONS >= self.state.evaluations + 1:
                    self.state.evaluations = int(self.state.progress * EVALUATIONS)
                    self._record(progress)
                if now - saved >= CHECKPOINT_SECONDS:
                    self.save()
                    saved = time.monotonic()

    def _step(self) -> None:
        step = self.state.step
        torch.manual_seed(self._seed(1, step))  # for dropout
        generator = torch.Generator().manual_seed(self._seed(2, step))
        for group, initial in zip(self.optimizer.param_groups, self.initial_rates, strict=True):
            group["lr"] = initial * self.trainable.rate(self.state.progress)
        chosen = self._chosen(step)
        batch = {
            name: value.to(self.device, non_blocking=True)
            for name, value in self.trainable.augment(self._load(chosen), generator).items()
        }
        labels = torch.from_numpy(self.labels[chosen]).to(self.device)
        self.module.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            loss = self.trainable.loss(self.module, batch, labels, self.state.progress)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UsageError(
                f"training diverged at step {step}: the loss is {value}. Use a smaller learning rate or another seed."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.module)
        self.state.loss = value if math.isnan(self.state.loss) else 0.98 * self.state.loss + 0.02 * value
        self.state.step += 1

    def _chosen(self, step: int) -> NDArray[np.int64]:
        """Numbers of the pictures of a step: each once an epoch as first view, with mates of the same identity."""
        rows = self.batch // self.trainable.views
        epoch, place = divmod(step, self._draws)
        order = np.random.default_rng(self._seed(3, epoch)).permutation(self.parts.train)
        first = order[place * rows : (place + 1) * rows]
        rng = np.random.default_rng(self._seed(4, step))
        views = [first]
        for _ in range(self.trainable.views - 1):
            views.append(np.array([rng.choice(self._others(number)) for number in first], np.int64))
        return np.asarray(np.concatenate(views), np.int64)

    def _others(self, number: int) -> NDArray[np.int64]:
        mates: NDArray[np.int64] = self._mates[self.prepared.labels[number]]
        return mates[mates != number] if len(mates) > 1 else mates

    def _seed(self, *key: int) -> int:
        return int(np.random.SeedSequence(self.job.seed, spawn_key=key).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _load(self, numbers: NDArray[np.int64]) -> Batch:
        return {
            name: torch.from_numpy(np.ascontiguousarray(array[numbers])) for name, array in self.prepared.arrays.items()
        }

    def _batches(self, numbers: NDArray[np.int64]) -> Iterator[Batch]:
        for start in range(0, len(numbers), EVALUATION_BATCH):
            loaded = self._load(numbers[start : start + EVALUATION_BATCH])
            yield {name: value.to(self.device) for name, value in loaded.items()}

    @property
    def best(self) -> nn.Module:
        """What is measured and published: the averaged network where there is one."""
        return self.average.module if self.average is not None else self.module

    def evaluate(self, limit: int | None = None) -> dict[str, float]:
        """Measure on held-out pictures."""
        numbers = self.parts.test[:limit]
        if not len(numbers):
            return {}
        self.best.eval()
        with torch.no_grad():
            return self.trainable.evaluate(self.best, self._batches(numbers), self.prepared.labels[numbers])

    def _record(self, progress: Progress) -> None:
        measured = self.evaluate(EVALUATION_PICTURES)
        row = {"step": self.state.step, "minutes": self.state.seconds / 60, "loss": self.state.loss, **measured}
        self.state.history.append(row)
        measurements = ", ".join(f"held-out {name} {value:.4g}" for name, value in measured.items())
        progress.note(
            f"{100 * self.state.progress:.0f} %, step {self.state.step}, {self.state.seconds / 60:.1f} min: "
            f"loss {self.state.loss:.4g}{', ' if measurements else ''}{measurements}"
        )
        self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        checkpoint.write(
            self.job.output / CHECKPOINT,
            {
                "module": self.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state_dict() if self.average is not None else {},
                "state": asdict(self.state),
            },
        )

    def _restore(self) -> None:
        path = self.job.output / CHECKPOINT
        stored = checkpoint.read(path)
        try:
            self.module.load_state_dict(stored["module"])
            self.optimizer.load_state_dict(stored["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(stored["average"])
            self.state = _State(**stored["state"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise UsageError(f"{path} is of another version of this training; choose another output folder.") from error

    def publish(self) -> list[Path]:
        """Write weights, card and history."""
        self.best.eval()
        torch.manual_seed(self._seed(5))
        with torch.no_grad():
            numbers = self.parts.train[:FINISH_PICTURES]
            self.trainable.finish(self.best, self._batches(numbers), self.prepared.labels[numbers])
        measured = self.evaluate()
        tensors, settings = self.trainable.publish(self.best)
        facts = {
            "recipe": self.recipe,
            "split": self.parts.rule,
            "pictures": {
                "trained on": len(self.parts.train),
                "measured on": len(self.parts.test),
                "left out": self.prepared.left_out,
            },
            "identities": {
                "trained on": len(self._mates),
                "measured on": len(np.unique(self.prepared.labels[self.parts.test])),
            },
            "steps": self.state.step,
            "epochs": round(self.state.step / self._draws, 2),
            "batch": self.batch,
            "minutes": round(self.state.seconds / 60, 1),
            "device": device.title(self.device),
            "parameters": sum(tensor.numel() for tensor in tensors.values()),
            "loss": self.state.loss,
            "held_out": measured,
        }
        folder = self.job.output
        made = weights.Weights(self.trainable.name, settings, self.job.description, tensors, facts)
        weights.save(folder / WEIGHTS, made)
        exported = self.trainable.export(self.best, folder, self.job.description)
        (folder / CARD).write_text(model_card.text(made, self.job), encoding="utf-8")
        names = list(dict.fromkeys(name for row in self.state.history for name in row))
        with (folder / HISTORY).open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, names, lineterminator="\n")
            table.writeheader()
            table.writerows(self.state.history)
        return [*exported, folder / WEIGHTS, folder / CARD, folder / HISTORY]


def _moving_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """The exponential moving average of weights; at first over fewer steps, so as not to remember the random start."""

    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
        share = max(1.0 - decay, 9.0 / (10.0 + float(count)))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, share)
            else:
                old.copy_(new)

    return update


def _recipe(trainable: Trainable[Any], job: TrainingJob) -> dict[str, Any]:
    """Everything the weights depend on."""
    return {
        **_data_recipe(trainable, job),
        "epochs": None if job.minutes else (job.epochs if job.epochs is not None else trainable.epochs),
        "minutes": job.minutes,
        "batch": job.batch or trainable.batch,
        "seed": job.seed,
        "precision": job.precision,
        "held_out": None if job.first is not None else job.held_out,
        "first": job.first,
        "options": _options_for_card(job.trainer.options, trainable),
    }


def _data_recipe(trainable: Trainable[Any], job: TrainingJob) -> dict[str, Any]:
    return {
        "trainer": f"{trainable.name} {trainable.version} ({job.trainer.distribution})",
        "data": job.description,
        "fingerprint": job.examples.fingerprint(),
        "parts": [f"{part.kind} {part.label} {part.version}" for part in job.components],
        "kept by": _options_for_card({name: job.trainer.options[name] for name in trainable.kept_by}, trainable),
    }


def _options_for_card(options: dict[str, Any], trainable: Trainable[Any]) -> dict[str, Any]:
    """Options as a card may show them: files by name and content, not by where they lie on this machine."""
    return {
        name: _file_identity(value) if isinstance(value := getattr(trainable, name, given), Path) else given
        for name, given in options.items()
    }


def _file_identity(path: Path) -> str:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes() if file.is_file() else b"")
    return f"{path.name} (SHA-256 {total.hexdigest()})"


def _check_folder(job: TrainingJob, recipe: dict[str, Any]) -> None:
    """Check that the folder holds the training that is requested."""
    path = job.output / "training.json"
    text = json.dumps(recipe, sort_keys=True, indent=1)
    if path.is_file():
        if not job.resume:
            raise UsageError(
                f"{job.output} holds a training already: add --resume to continue, or choose another folder."
            )
        found = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name, value in json.loads(text).items() if found.get(name) != value]
        if other:
            raise UsageError(
                f"{job.output} holds a training with other {', '.join(other)}: repeat its command with --resume, or "
                "choose another folder."
            )
        return
    if job.resume:
        raise UsageError(f"there is no training in {job.output} to resume.")
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
