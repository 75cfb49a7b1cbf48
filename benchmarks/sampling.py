"""What a sample of comparisons costs in certainty: python benchmarks/sampling.py [PEOPLE [DRAWS]] [--coverage].

Two pictures each of people who are points in space with noise, all comparisons, and samples of them: how far the number
of a sample lies from that of all comparisons (standard deviation over draws), and half the width of the interval that
is reported, with and without all comparisons. In percentage points, except for the mean of the impostor scores.

With --coverage: the share of the intervals of as many populations that hold the number of many other people.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from deidkit.comparison import ComparisonSettings, Templates, all_pairs, compare_all
from deidkit.comparison.sampling import sampled_layout
from deidkit.measures import IntervalSettings, score_estimates
from deidkit.result import Estimate

METRICS = ("eer_percent", "fnmr_percent_at_fmr_1_percent", "fnmr_percent_at_fmr_0_1_percent", "impostor_mean")


class Distance:
    """Cosine distance."""

    score_range = (0.0, 2.0)

    def compare(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        return np.float32(1.0) - probes @ references.T


def drawn(people: int, population: int = 0) -> Templates:
    """People in 24 dimensions; some are noisier than others."""
    rng = np.random.default_rng(population)
    subjects = np.repeat(np.arange(people, dtype=np.int32), 2)
    centres = rng.standard_normal((people, 24), dtype=np.float32) + 0.5
    noise = rng.gamma(4.0, 0.2, people).astype(np.float32)[subjects, None]
    data = centres[subjects] + noise * rng.standard_normal((len(subjects), 24), dtype=np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    return Templates(data, subjects, subjects, np.arange(len(subjects), dtype=np.int32))


def measured(templates: Templates, pairs: int | None = None) -> dict[str, Estimate]:
    """The metrics of all comparisons or of a sample."""
    found = compare_all(Distance(), templates, identify=False, settings=ComparisonSettings(pairs=pairs))
    sets = {"genuine": found.same_identity, "impostor": found.different_identity}
    estimates = score_estimates(sets, IntervalSettings())
    return {name: estimates[name] for name in METRICS}


def half(estimate: Estimate) -> float:
    """Half the width of an interval."""
    return float("nan") if estimate.low is None or estimate.high is None else (estimate.high - estimate.low) / 2


def main(people: int, draws: int) -> None:
    templates = drawn(people)
    count = len(templates) * (len(templates) - 1) // 2
    full = measured(templates)
    print(f"{people} people, {count:,} comparisons, {draws} draws")
    print(f"{'sampled':>12}  " + "  ".join(f"{name:>34}" for name in METRICS))
    print(
        f"{'all':>12}  " + "  ".join(f"{full[name].value:14.4f}    +- {half(full[name]):9.4f}    " for name in METRICS)
    )
    for share in (100, 30, 10):
        found = []
        for seed in range(draws):
            all_pairs.sampled_layout = partial(sampled_layout, seed=seed)  # type: ignore[attr-defined]
            found.append(measured(templates, count // share))
        cells = []
        for name in METRICS:
            values = [each[name].value for each in found if each[name].value is not None]
            spread = float(np.std(np.array(values) - full[name].value)) if values else float("nan")
            cells.append(f"off by {spread:8.4f}, +- {np.median([half(each[name]) for each in found]):9.4f}    ")
        print(f"{count // share:12,}  " + "  ".join(cells), flush=True)


def coverage(people: int, populations: int) -> None:
    """How often intervals hold what they are to hold, by all comparisons, a tenth and a fiftieth of them."""
    many = [measured(drawn(2_500, 10**6 + number)) for number in range(3)]
    truth = {name: float(np.mean([each[name].value for each in many])) for name in METRICS}
    count = people * (2 * people - 1)
    for share in (1, 10, 50):
        held: dict[str, list[bool]] = {name: [] for name in METRICS}
        for population in range(populations):
            all_pairs.sampled_layout = partial(sampled_layout, seed=population)  # type: ignore[attr-defined]
            found = measured(drawn(people, population), None if share == 1 else count // share)
            for name, estimate in found.items():
                if estimate.low is not None and estimate.high is not None:
                    held[name].append(estimate.low <= truth[name] <= estimate.high)
        cells = [f"{name} {100 * np.mean(each):.1f} % of {len(each)}" for name, each in held.items() if each]
        print(f"{count // share:12,}  " + "   ".join(cells), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a sample of comparisons costs in certainty.")
    parser.add_argument("people", nargs="?", type=int, default=2_000, help="drawn people; 2000 by default")
    parser.add_argument("draws", nargs="?", type=int, default=20, help="samples or populations drawn; 20 by default")
    parser.add_argument("--coverage", action="store_true", help="how often intervals hold the number of other people")
    given = parser.parse_args()
    (coverage if given.coverage else main)(given.people, given.draws)
