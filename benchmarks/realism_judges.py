"""Discriminators that tell made patches from real ones, each judged on people it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from realism_features import Values
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5
RESAMPLES = 200
ROUNDS, BATCH = 8, 128
"""Of the network's training."""

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Fitted = Callable[[NDArray[np.generic]], Values]
Learner = Callable[[NDArray[np.generic], Flags], Fitted]
"""Learns from inputs (n, ...) and whether each was made; answers with a function to odds (n,), as logarithms."""


@dataclass(frozen=True)
class Patches:
    """Patches of many pictures, real and made.

    Attributes:
        inputs: (n, ...) what a judge sees of each.
        made: (n,) whether it was made.
        people: (n,) whose it is; of a made one, whose picture it was made from.
        regions: (n,) the region of the palm it was cut from.
    """

    inputs: NDArray[np.generic]
    made: Flags
    people: Numbers
    regions: Numbers


@dataclass(frozen=True)
class Interval:
    """A number and its 95 % interval over people."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Judgement:
    """How well made is told from real.

    Attributes:
        right: Share of patches judged rightly.
        auc: Area under the curve, patches.
        region_auc: The same of whole regions by their patches together.
    """

    right: Interval
    auc: Interval
    region_auc: Interval


def trees(inputs: NDArray[np.generic], made: Flags) -> Fitted:
    """Gradient boosting over features."""
    model = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.15, max_leaf_nodes=15, random_state=0)
    return model.fit(inputs, made).decision_function


def regression(inputs: NDArray[np.generic], made: Flags) -> Fitted:
    """Logistic regression over features."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)).fit(inputs, made).decision_function


def network(inputs: NDArray[np.generic], made: Flags) -> Fitted:
    """A small convolutional network over (n, side, side, 3) pixels."""
    import torch
    from torch import nn

    def seen(pixels: NDArray[np.generic]) -> torch.Tensor:
        logarithms = np.log(pixels.astype(np.float32) + 8)
        centred = logarithms - logarithms.mean(axis=(1, 2), keepdims=True)
        return torch.from_numpy(np.ascontiguousarray(centred.transpose(0, 3, 1, 2) * 8))

    def block(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(), nn.AvgPool2d(2)]

    torch.manual_seed(0)
    model = nn.Sequential(
        *block(3, 16),
        *block(16, 32),
        *block(32, 48),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(48, 1),
    )
    data, answers = seen(inputs), torch.from_numpy(made.astype(np.float32))
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    steps = ROUNDS * -(-len(data) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(ROUNDS):
        for some in torch.randperm(len(data)).split(BATCH):
            ways = [axis for axis in (2, 3) if torch.rand(()) < 0.5]
            loss = nn.functional.binary_cross_entropy_with_logits(model(data[some].flip(ways))[:, 0], answers[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()

    def odds(pixels: NDArray[np.generic]) -> Values:
        with torch.inference_mode():
            return np.concatenate([model(part)[:, 0].numpy() for part in seen(pixels).split(1024)]).astype(np.float64)

    return odds


def odds_on_strangers(patches: Patches, learn: Learner) -> Values:
    """(n,) odds that each patch was made, from judges that learned from other people."""
    odds = np.empty(len(patches.made))
    splits = GroupKFold(min(FOLDS, len(np.unique(patches.people))))
    for learned, judged in splits.split(patches.inputs, patches.made, patches.people):
        odds[judged] = learn(patches.inputs[learned], patches.made[learned])(patches.inputs[judged])
    return odds


def judged(patches: Patches, odds: Values) -> Judgement:
    """Sum up odds; people are drawn with replacement for the intervals."""
    _, first, which = np.unique(patches.regions, return_index=True, return_inverse=True)
    whole = np.bincount(which, odds) / np.bincount(which)
    of_region, made_regions = patches.people[first], patches.made[first]
    right = ((odds > 0) == patches.made).astype(np.float64)
    return Judgement(
        _interval(patches.people, lambda rows: float(right[rows].mean())),
        _interval(patches.people, lambda rows: auc_of(patches.made[rows], odds[rows])),
        _interval(of_region, lambda rows: auc_of(made_regions[rows], whole[rows])),
    )


def auc_of(made: Flags, odds: Values) -> float:
    """Area under the curve: how often a made one has higher odds than a real one, ties counted half."""
    many = int(made.sum())
    pairs = many * (len(made) - many)
    return float(rankdata(odds)[made].sum() - many * (many + 1) / 2) / pairs if pairs else float("nan")


def _interval(people: Numbers, measure: Callable[[Numbers], float]) -> Interval:
    rng = np.random.default_rng(0)
    everyone = np.unique(people)
    rows = {person: np.flatnonzero(people == person) for person in everyone}
    drawn = [
        measure(np.concatenate([rows[person] for person in rng.choice(everyone, len(everyone))]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Interval(measure(np.arange(len(people))), float(low), float(high))


def mean_of(trials: Sequence[Judgement]) -> Judgement:
    """The mean of several trials, number by number; of one, that one."""

    def mean(intervals: Sequence[Interval]) -> Interval:
        return Interval(*(float(np.mean([getattr(i, end) for i in intervals])) for end in ("value", "low", "high")))

    return Judgement(*(mean([getattr(trial, part) for trial in trials]) for part in ("right", "auc", "region_auc")))
