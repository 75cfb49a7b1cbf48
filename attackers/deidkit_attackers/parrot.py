"""T4: matchers trained on copies of other people and their originals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Memo, NotApplicable, Tier
from deidkit.errors import NotComputable
from deidkit.protocols import option
from deidkit_attackers import lines
from deidkit_attackers.kept import kept_places
from deidkit_attackers.matching import embeddings
from deidkit_attackers.selection import by_row, choose, splits

_SHRINKAGE = 0.1
_COMPONENTS = 300
_RIDGE = 0.3

Vectors = NDArray[np.float32]
"""(n, d) float32."""

Projection = Callable[[Vectors], Vectors]


class Heads(NamedTuple):
    """Learned projections into a common space.

    Attributes:
        copies: Projection of the features of copies.
        originals: Projection of the features of originals.
    """

    copies: Projection
    originals: Projection


@dataclass(frozen=True)
class Parrot:
    """Learns which features of copies and originals go together: line features of two scales, or embeddings."""

    head: Literal["discriminant", "correlation"] = option(
        "discriminant", "What is learned: discriminant analysis of people, or canonical correlation of pairs"
    )

    features: Literal["lines", "embeddings"] = option(
        "lines", "What is learned from: line features, or the templates of every recognizer of palm regions together"
    )

    version: ClassVar[str] = "4"
    tier: ClassVar[Tier] = "T4"
    knowledge: ClassVar[str] = (
        "The adversary trains a matcher on copies of other people with their originals (semi-informed, parrot)."
    )
    learns: ClassVar[bool] = True
    fewest_subjects: ClassVar[int] = 8
    weak: ClassVar[str] = "mosaic"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Compare copies of each fold by a matcher trained on the other folds, by features, by both, or by kept places.

        Raises:
            NotApplicable: There is no recognizer of palm regions to take embeddings from.
            NotComputable: Too few copies of other people have their original among the captures.
        """
        originals, copies, sources = material.originals, material.copies, material.source_rows()
        ours, theirs = self._features(copies.regions, material), self._features(originals.regions, material)
        shape = (len(copies), len(originals))
        plain, projected = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for attacked, learned, known in splits(copies.labels, originals.labels, material.folds):
            material.check()
            rows = np.flatnonzero(learned & (sources >= 0))
            if len(np.unique(copies.labels.identities[rows])) < 3:
                raise NotComputable("Fewer than 3 other people can be learned from.", "Use more subjects.")
            if self.head == "correlation":
                heads = _correlation(ours[rows], theirs[sources[rows]])
            else:
                people = copies.labels.identities[rows], originals.labels.identities[known]
                heads = _discriminant(ours[rows], theirs[known], *people)
            projected[attacked] = _cosine_distances(heads.copies(ours[attacked]), heads.originals(theirs))
            means = ours[rows].mean(axis=0), theirs[sources[rows]].mean(axis=0)
            plain[attacked] = _cosine_distances(ours[attacked] - means[0], theirs - means[1])
        # With few people the learned directions are few, and the plain features can do better.
        found = {self.head: projected, self.features: plain, "both": by_row(projected + plain)}
        if self.features == "lines":
            found["kept places"] = kept_places(material)
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        note = f"{self.head} learned on other people, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)

    def _features(self, regions: NDArray[np.uint8], material: AttackMaterial) -> Vectors:
        if self.features == "lines":
            return _line_vectors(regions, material.memo)
        if not material.recognizers:
            raise NotApplicable("No recognizer of palm regions is there to take embeddings from.")
        return embeddings(material, regions)


def _discriminant(
    copies: Vectors, originals: Vectors, of_copies: NDArray[np.int32], of_originals: NDArray[np.int32]
) -> Heads:
    """Fisher's discriminant analysis after principal components (Belhumeur et al., IEEE TPAMI 1997).

    Copies and originals are centred separately, which removes what the anonymizer does to everybody.
    """
    shift_copies, shift_originals = copies.mean(axis=0), originals.mean(axis=0)
    features = np.concatenate([copies - shift_copies, originals - shift_originals])
    _, people = np.unique(np.concatenate([of_copies, of_originals]), return_inverse=True)
    axes = _principal(features, _COMPONENTS)
    reduced = features @ axes
    counts = np.bincount(people)[:, None]
    means = np.zeros((len(counts), reduced.shape[1]), np.float32)
    np.add.at(means, people, reduced)
    means /= counts
    within = reduced - means[people]
    scatter = within.T @ within / max(1, len(within) - len(means))
    scatter += _SHRINKAGE * np.trace(scatter) / len(scatter) * np.eye(len(scatter), dtype=np.float32)
    values, vectors = np.linalg.eigh(scatter)
    whitening = vectors / np.sqrt(np.maximum(values, 1e-12))
    _, directions = np.linalg.eigh(np.cov((means @ whitening).T))
    kept = min(len(means) - 1, reduced.shape[1])
    projection = np.asarray(axes @ whitening @ directions[:, ::-1][:, :kept], np.float32)
    return Heads(lambda x: (x - shift_copies) @ projection, lambda x: (x - shift_originals) @ projection)


def _correlation(copies: Vectors, originals: Vectors) -> Heads:
    """Canonical correlation analysis with a ridge, in the space of the pairs (Hardoon et al., Neural Comput. 2004)."""
    shift_copies, shift_originals = copies.mean(axis=0), originals.mean(axis=0)
    one, other = copies - shift_copies, originals - shift_originals
    first, second = _principal(one, _COMPONENTS), _principal(other, _COMPONENTS)
    whiten_first, whiten_second = _whitening(one @ first), _whitening(other @ second)
    left = one @ first @ whiten_first
    right = other @ second @ whiten_second
    u, strengths, vt = np.linalg.svd(left.T @ right / len(left), full_matrices=False)
    weights = np.sqrt(strengths)
    to_first = np.asarray(first @ whiten_first @ u * weights, np.float32)
    to_second = np.asarray(second @ whiten_second @ vt.T * weights, np.float32)
    return Heads(lambda x: (x - shift_copies) @ to_first, lambda x: (x - shift_originals) @ to_second)


def _whitening(reduced: Vectors) -> Vectors:
    """(r, r) whitening matrix, regularised by a ridge."""
    covariance = reduced.T @ reduced / len(reduced)
    covariance += _RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance), dtype=np.float32)
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-12)), np.float32)


def _principal(features: Vectors, most: int) -> Vectors:
    """(d, r) principal axes of centred features, from the (n, n) Gram matrix."""
    values, vectors = np.linalg.eigh(features @ features.T)
    kept = values > 1e-5 * max(float(values[-1]), 1e-12)
    values, vectors = values[kept][::-1][:most], vectors[:, kept][:, ::-1][:, :most]
    if not len(values):  # every picture is the same
        return np.zeros((features.shape[1], 1), np.float32)
    return np.asarray(features.T @ vectors / np.sqrt(values), np.float32)


def _line_vectors(regions: NDArray[np.uint8], memo: Memo) -> Vectors:
    """(n, 3072) line features averaged over 2 x 2 samples, which tolerates small shifts."""
    found = lines.features(regions, memo=memo)
    count, planes, height, width = found.shape
    pooled = found.reshape(count, planes, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
    return np.asarray(pooled.reshape(count, -1), np.float32)


def _cosine_distances(copies: Vectors, originals: Vectors) -> NDArray[np.float32]:
    """(n, m) cosine distances as `by_row` gives them."""
    return by_row(-_unit(copies) @ _unit(originals).T)


def _unit(vectors: Vectors) -> Vectors:
    sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, sizes, out=np.zeros_like(vectors), where=sizes > 1e-9), np.float32)
