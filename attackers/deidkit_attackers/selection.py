"""Selection among attacks by their performance on other people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import Labels


@dataclass(frozen=True)
class Chosen:
    """Selected candidates.

    Attributes:
        distances: (p, g) float32; each row comes from the candidate that does best on the other folds.
        names: The selected candidates, most frequent first.
    """

    distances: NDArray[np.float32]
    names: tuple[str, ...]


def by_row(distances: NDArray[np.floating]) -> NDArray[np.float32]:
    """Standardise each probe's distances over the gallery, so that candidates can be compared.

    This needs no labels: the adversary holds the gallery.
    """
    values = np.asarray(distances, np.float32)
    spread = values.std(axis=1, keepdims=True)
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-7), np.float32)


def splits(
    probes: Labels, references: Labels, folds: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]]:
    """Split into attacked probes and training data, for each fold.

    Yields:
        (p,) True for attacked probes; (p,) and (g,) True for probes and references of all other people.
    """
    of_probes, of_references = folds[probes.subjects], folds[references.subjects]
    for fold in np.unique(of_probes):
        yield of_probes == fold, of_probes != fold, of_references != fold


def choose(
    candidates: Mapping[str, NDArray[np.float32]],
    probes: Labels,
    references: Labels,
    folds: NDArray[np.int32],
    *,
    within: bool = False,
) -> Chosen:
    """Select for each fold the candidate that separates people best on the other folds.

    Args:
        candidates: Name -> (p, g) distances as `by_row` gives them.
        probes: Whose probes.
        references: Whose references.
        folds: Fold of each subject.
        within: Whether probes and references are the same pictures.
    """
    names = list(candidates)
    mated = probes.identities[:, None] == references.identities[None]
    compared = ~np.eye(len(probes), dtype=bool) if within else np.ones_like(mated)
    result = np.empty(mated.shape, np.float32)
    taken: list[str] = []
    for attacked, learned, known in splits(probes, references, folds):
        part = learned[:, None] & known
        same, other = part & mated & compared, part & ~mated
        quality = [separation(candidates[name], same, other) for name in names]
        best = names[int(np.argmax(quality))]
        result[attacked] = candidates[best][attacked]
        taken.append(best)
    return Chosen(result, tuple(sorted(dict.fromkeys(taken), key=lambda name: -taken.count(name))))


def shortlist(
    candidates: Mapping[str, NDArray[np.float32]],
    probes: Labels,
    references: Labels,
    folds: NDArray[np.int32],
    most: int,
) -> list[str]:
    """Select the best candidates on all folds but one, for each fold.

    Args:
        candidates: See `choose`; a subset of the pictures is enough.
        probes: Whose probes.
        references: Whose references.
        folds: Fold of each subject.
        most: Candidates kept per fold.
    """
    kept: dict[str, None] = {}
    mated = probes.identities[:, None] == references.identities[None]
    for _, learned, known in splits(probes, references, folds):
        part = learned[:, None] & known
        same, other = part & mated, part & ~mated
        quality = {name: separation(found, same, other) for name, found in candidates.items()}
        kept |= dict.fromkeys(sorted(quality, key=lambda name: -quality[name])[:most])
    return list(kept)


def separation(distances: NDArray[np.float32], same: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Difference of the mean distances of different and same identities in pooled deviations; 0 if one is empty."""
    if not same.any() or not other.any():
        return 0.0
    one, two = distances[same], distances[other]
    spread = float(np.sqrt((one.var() + two.var()) / 2))
    return float(two.mean() - one.mean()) / spread if spread > 1e-9 else 0.0
