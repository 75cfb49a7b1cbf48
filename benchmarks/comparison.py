"""Speed of the comparison stage against peers and the machine's limits: python benchmarks/comparison.py [--quick]."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import harness

# isort: split  (the harness holds thread pools to one thread before numpy makes them)
import numpy as np
from popcount_limit import popcount_loop

from deidkit.comparison import ComparisonSettings, ShiftedHamming, Templates, compare_all

PRESETS = {"MTCC A": ShiftedHamming(2, 6, 32, 32, 2), "MTCC B": ShiftedHamming(12, 1, 32, 32, 4)}


def per_pair(
    comparator: ShiftedHamming,
    probe: np.ndarray,
    reference: np.ndarray,
    differing: Callable[[np.ndarray], int] = np.sum,
) -> float:
    """One distance the way reference implementations write it: planes of bools, a loop over shifts."""
    height, width, span = comparator.height, comparator.width, comparator.max_shift
    total = 0.0
    for start in range(0, comparator.planes, comparator.planes_per_group):
        planes = slice(start, start + comparator.planes_per_group)
        best = 1.0
        for dy in range(-span, span + 1):
            for dx in range(-span, span + 1):
                a = probe[planes, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
                b = reference[planes, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
                best = min(best, differing(a ^ b) / a.size)
        total += best
    return total / comparator.groups


def row_by_row(comparator: ShiftedHamming, probe: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Distances of one probe by numpy's own popcount: rows of bits in 32-bit words, all references at once."""
    span = comparator.max_shift
    height, width = comparator.height, comparator.width
    best = np.full((comparator.groups, len(references)), np.inf)
    full = np.uint32(2**width - 1)
    for dy in range(-span, span + 1):
        for dx in range(-span, span + 1):
            moved = (probe << np.uint32(dx)) & full if dx >= 0 else probe >> np.uint32(-dx)
            mask = (full << np.uint32(dx)) & full if dx >= 0 else full >> np.uint32(-dx)
            a = moved[:, max(-dy, 0) : height + min(-dy, 0)]
            b = references[:, :, max(dy, 0) : height + min(dy, 0)]
            differing = np.bitwise_count((a ^ b) & mask).sum(axis=2, dtype=np.int64)
            bits = comparator.planes_per_group * (height - abs(dy)) * (width - abs(dx))
            of_groups = differing.reshape(len(references), comparator.groups, -1).sum(axis=2).T / bits
            np.minimum(best, of_groups, out=best)
    return best.mean(axis=0)


def shifted_hamming(name: str, comparator: ShiftedHamming, rounds: int) -> None:
    rng = np.random.default_rng(1)
    bits = rng.random((1024, comparator.planes, 32, 32)) < 0.5
    bits[1] = np.roll(bits[0], (1, -2), (1, 2))
    templates = comparator.pack(bits)
    rows = np.packbits(bits, axis=-1, bitorder="little").view("<u4")[..., 0]
    few, probes = 6, 64
    ours = comparator.compare(templates[:probes], templates)
    peer = [[per_pair(comparator, a, b) for b in bits[:few]] for a in bits[:few]]
    assert np.abs(ours[:few, :few] - peer).max() < 1e-12
    assert np.abs(ours[1] - row_by_row(comparator, rows[1], rows)).max() < 1e-12
    loop = popcount_loop(vectors := 1_000_000)
    per_comparison = len(comparator.shifts) * comparator.planes * comparator.words / 8
    subject, limit = "deidkit", "limit: xor, and, popcount, add"

    def loop_over_pairs(differing: Callable[[np.ndarray], int]) -> Callable[[], object]:
        return lambda: [per_pair(comparator, bits[0], other, differing) for other in bits[:few]]

    measured = harness.measure(
        [
            harness.Candidate(subject, lambda: comparator.compare(templates[:probes], templates), probes * 1024),
            harness.Candidate(limit, loop, round(vectors / per_comparison)),
            harness.Candidate("numpy bitwise_count, rows", lambda: row_by_row(comparator, rows[0], rows), 1024),
            harness.Candidate("numpy, pair by pair, sum", loop_over_pairs(np.sum), few),
            harness.Candidate("numpy, pair by pair, count_nonzero", loop_over_pairs(np.count_nonzero), few),
        ],
        rounds,
    )
    share = measured.seconds[limit] / measured.seconds[subject]
    harness.print_table(
        f"Shifted Hamming distance, {name}: {comparator.planes} planes of 32 x 32 bits, "
        f"{len(comparator.shifts)} shifts, 1 thread",
        measured,
        subject,
        "pairs",
        {subject: f"{share:.0%} of the limit"},
    )
    everything = labelled(templates, 10)

    def all_pairs(threads: int) -> Callable[[], object]:
        return lambda: compare_all(_Packed(comparator), everything, threads=threads)

    one, two = (harness.wall_seconds(all_pairs(threads)) for threads in (1, 2))
    pairs = 1024 * 1023 / 2
    print(
        f"  all pairs of 1,024 with search, wall clock: {pairs / one / 1e6:.2f} M pairs/s in 1 thread, "
        f"{pairs / two / 1e6:.2f} M in 2 ({one / two:.2f} x)"
    )


@dataclass(frozen=True)
class _Packed:
    """A recognizer of templates that are already made."""

    comparator: ShiftedHamming
    score_range = (0.0, 1.0)

    def compare(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        return self.comparator.compare(probes, references)


class _Cosine:
    score_range = (0.0, 2.0)

    def compare(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        return np.float32(1.0) - probes @ references.T


def labelled(data: np.ndarray, per_identity: int) -> Templates:
    number = np.arange(len(data), dtype=np.int32)
    return Templates(data, number // per_identity, number // (2 * per_identity), number)


def threshold_at_eer(genuine: tuple[np.ndarray, np.ndarray], impostor: tuple[np.ndarray, np.ndarray]) -> float:
    """Where FMR and FNMR are closest; each set as ascending values and their weights."""
    thresholds = genuine[0]
    fnmr = 1 - np.cumsum(genuine[1]) / genuine[1].sum()
    accepted = np.concatenate([[0.0], np.cumsum(impostor[1])]) / impostor[1].sum()
    fmr = accepted[np.searchsorted(impostor[0], thresholds, side="right")]
    return float(thresholds[np.argmin(np.abs(fmr - fnmr))])


def end_to_end(count: int, rounds: int) -> None:
    comparator = ShiftedHamming(1, 3, 32, 32, 0)
    rng = np.random.default_rng(2)
    palms = np.repeat(rng.random((-(-count // 10), 3, 32, 32)) < 0.5, 10, axis=0)[:count]
    codes = comparator.pack(palms ^ (rng.random(palms.shape) < rng.uniform(0.2, 0.45, (count, 1, 1, 1))))
    templates = labelled(codes, 10)
    upper = np.triu_indices(count, 1)
    genuine = templates.identities[upper[0]] == templates.identities[upper[1]]

    def ours() -> float:
        pairs = compare_all(
            _Packed(comparator), templates, threads=1, identify=False, settings=ComparisonSettings(200_000)
        )
        same, other = pairs.same_identity.distribution(), pairs.different_identity.distribution()
        return threshold_at_eer((same.values, same.weights), (other.values, other.weights))

    def peer() -> float:
        scores = np.empty((count, count))
        for row, code in zip(scores, codes, strict=True):
            row[:] = np.bitwise_count(codes ^ code).sum(axis=1) / 3072
        scores = scores[upper]
        same, other = np.sort(scores[genuine]), np.sort(scores[~genuine])
        return threshold_at_eer((same, np.ones(same.size)), (other, np.ones(other.size)))

    def searched() -> object:
        return compare_all(_Packed(comparator), templates, threads=1)

    assert abs(ours() - peer()) <= 1 / 65_536
    pairs = count * (count - 1) // 2
    measured = harness.measure(
        [
            harness.Candidate("deidkit: histograms, EER", ours, pairs),
            harness.Candidate("deidkit: every score, search", searched, pairs),
            harness.Candidate("numpy: matrix, sort, EER", peer, pairs, slow=True),
        ],
        rounds,
    )
    title = f"End to end, {count:,} templates of 3,072 bits without shifts, unordered pairs, 1 thread"
    harness.print_table(title, measured, "deidkit: histograms, EER", "pairs")


def cosine(count: int, rounds: int) -> None:
    rng = np.random.default_rng(3)
    data = rng.normal(size=(count, 512)).astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    templates = labelled(data, 10)
    few = compare_all(_Cosine(), labelled(data[:300], 10), threads=1).different_identity.distribution()
    wanted = (1 - data[:300] @ data[:300].T)[np.triu_indices(300, 1)]
    apart = np.subtract.outer(np.arange(300) // 10, np.arange(300) // 10)[np.triu_indices(300, 1)] != 0
    assert np.abs(few.values - np.sort(wanted[apart])).max() < 1e-5
    pairs = count * (count - 1) // 2
    bare = "bare matrix product"
    measured = harness.measure(
        [
            harness.Candidate(bare, lambda: data @ data.T, pairs),
            harness.Candidate(
                "deidkit: histograms", lambda: compare_all(_Cosine(), templates, threads=1, identify=False), pairs
            ),
            harness.Candidate("deidkit: and search", lambda: compare_all(_Cosine(), templates, threads=1), pairs),
        ],
        rounds,
    )
    harness.print_table(f"Cosine distance, {count:,} x 512 float32, unordered pairs, 1 thread", measured, bare, "pairs")


def first_call() -> None:
    here = Path(__file__)
    with tempfile.TemporaryDirectory() as cache:
        cold = harness.in_fresh_process(here, "--first-call", environment={"NUMBA_CACHE_DIR": cache})
        warm = harness.in_fresh_process(here, "--first-call", environment={"NUMBA_CACHE_DIR": cache})
    print(f"\nFirst call in a process: {cold[0]} s to compile, {warm[0]} s once cached on disk")
    for count in ("7881", "20000"):
        before, after = harness.in_fresh_process(here, "--memory", count)
        print(
            f"Memory of all pairs with search, {count} templates of 512 float32: {before} MB before, {after} MB at most"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Comparisons and metrics beside other packages.")
    parser.add_argument("--quick", action="store_true", help="fewer templates and rounds")
    parser.add_argument("--first-call", action="store_true", help="only the seconds that a first call takes")
    parser.add_argument("--memory", type=int, metavar="N", help="only the memory, in MB, that N templates take")
    given = parser.parse_args()
    if given.first_call:
        start = time.perf_counter()
        comparator = ShiftedHamming(2, 6, 32, 32, 2)
        data = comparator.pack(np.random.default_rng(0).random((64, 12, 32, 32)) < 0.5)
        compare_all(_Packed(comparator), labelled(data, 4))
        print(f"{time.perf_counter() - start:.2f}")
    elif given.memory:
        data = np.random.default_rng(0).standard_normal((given.memory, 512), dtype=np.float32)
        data /= np.sqrt(np.einsum("ij,ij->i", data, data))[:, None]  # without a temporary that would hide ours
        templates = labelled(data, 20)
        before = harness.peak_megabytes()
        compare_all(_Cosine(), templates, threads=2)
        print(f"{before:.0f} {harness.peak_megabytes():.0f}")
    else:
        quick = given.quick
        rounds = 5 if quick else 15
        for name, comparator in PRESETS.items():
            shifted_hamming(name, comparator, rounds)
        end_to_end(1_000 if quick else 2_601, rounds)
        cosine(1_500 if quick else 7_881, rounds)
        if not quick:
            first_call()


if __name__ == "__main__":
    main()
