"""Pictures of several hands: the two hands that are most alike count."""

from __future__ import annotations

import numpy as np
import pytest

from deidkit.comparison import Templates, compare_all

from .points import Distance


def pictures(hands: list[list[float]], identities: list[int]) -> Templates:
    labels = np.asarray(identities, np.int32)
    return Templates(
        data=np.asarray([[point] for picture in hands for point in picture]),
        identities=labels,
        subjects=labels,
        sources=np.arange(len(hands), dtype=np.int32),
        starts=np.concatenate([[0], np.cumsum([len(picture) for picture in hands])]),
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_the_best_of_all_hands_counts(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from deidkit.comparison import all_pairs

    monkeypatch.setattr(all_pairs, "PROBES", 4)
    monkeypatch.setattr(all_pairs, "REFERENCES", 5)
    rng = np.random.default_rng(0)
    hands = [rng.random(rng.integers(1, 4)).tolist() for _ in range(23)]
    identities = rng.integers(0, 6, 23).tolist()
    found = compare_all(Distance(), pictures(hands, identities), threads=threads)
    wanted = {True: [], False: []}
    for i in range(23):
        for j in range(i + 1, 23):
            best = min(abs(a - b) for a in hands[i] for b in hands[j])
            wanted[identities[i] == identities[j]].append(best)
    np.testing.assert_allclose(np.sort(found.same_identity.values), np.sort(wanted[True]))
    np.testing.assert_allclose(np.sort(found.different_identity.values), np.sort(wanted[False]))


def test_an_untreated_second_hand_is_found() -> None:
    originals = pictures([[0.1, 0.9], [0.12, 0.88], [0.5, 0.3], [0.52, 0.31]], [0, 0, 1, 1])
    copies = pictures([[0.7, 0.9], [0.69, 0.88], [0.71, 0.3], [0.68, 0.31]], [0, 0, 1, 1])  # one hand is as it was
    found = compare_all(Distance(), copies, originals)
    assert found.same_source.values.tolist() == [0.0] * 4
    assert found.identification_with_source is not None
    assert found.identification_with_source.hit_probability(1).tolist() == [1.0] * 4


def test_labels_must_fit_the_pictures() -> None:
    with pytest.raises(ValueError, match="equally many"):
        Templates(np.zeros((3, 1)), *(np.zeros(3, np.int32) for _ in range(3)), starts=np.array([0, 2, 3]))
