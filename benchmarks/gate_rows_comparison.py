"""Gates of the comparison: each against what the machine can do, measured in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import harness

# isort: split
import numpy as np
from gate import Finding, Gate, Size, by_processor
from popcount_limit import popcount_loop

from deidkit.comparison import ShiftedHamming, Templates, compare_all
from deidkit.measures.error_rates import equal_error_rate

BITS = ShiftedHamming(1, 3, 32, 32, 0)
MTCC = {"MTCC A": ShiftedHamming(2, 6, 32, 32, 2), "MTCC B": ShiftedHamming(12, 1, 32, 32, 4)}
LEAST_OF_LIMIT = {"MTCC A": by_processor(75, 60), "MTCC B": by_processor(75, 50)}
"""Where no instruction counts bits, words are counted by fours, of which a plane of MTCC B has but four."""


@dataclass(frozen=True)
class Codes:
    """A recognizer of codes that are already made."""

    comparator: ShiftedHamming
    score_range = (0.0, 1.0)

    @property
    def distance_steps(self) -> int | None:
        return self.comparator.steps

    def compare(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        return self.comparator.compare(probes, references)

    def compare_in_steps(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        return self.comparator.compare_in_steps(probes, references)


class Cosine:
    """A recognizer of embeddings."""

    score_range = (0.0, 2.0)

    def compare(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        return np.float32(1.0) - probes @ references.T


def labelled(data: np.ndarray) -> Templates:
    """Ten of each identity, two identities of each subject."""
    number = np.arange(len(data), dtype=np.int32)
    return Templates(data, number // 10, number // 20, number)


def codes(count: int) -> np.ndarray:
    """Codes of 3,072 bits that differ more between identities than within."""
    rng = np.random.default_rng(2)
    palms = np.repeat(rng.random((-(-count // 10), 3, 32, 32)) < 0.5, 10, axis=0)[:count]
    return BITS.pack(palms ^ (rng.random(palms.shape) < rng.uniform(0.2, 0.45, (count, 1, 1, 1))))


def embeddings(count: int, length: int = 512) -> np.ndarray:
    """Unit vectors, those of one identity alike."""
    rng = np.random.default_rng(3)
    centres = np.repeat(rng.standard_normal((-(-count // 10), length), dtype=np.float32), 10, axis=0)[:count]
    data = centres + 2 * rng.standard_normal((count, length), dtype=np.float32)
    return data / np.linalg.norm(data, axis=1, keepdims=True)


def all_of_it(recognizer: Codes | Cosine, templates: Templates) -> float:
    """What an audit does with the templates of originals up to the error rate, the search included."""
    pairs = compare_all(recognizer, templates, threads=1)
    same, different = pairs.same_identity.distribution(), pairs.different_identity.distribution()
    return equal_error_rate(same, different).eer


def by_hand(distances: np.ndarray, templates: Templates) -> float:
    """The same from a matrix of all distances."""
    from sklearn.metrics import roc_curve

    upper = np.triu_indices(len(distances), 1)
    same = (templates.identities[:, None] == templates.identities)[upper]
    false, true, _ = roc_curve(same, -distances[upper], drop_intermediate=False)
    place = np.argmin(np.abs(false - (1 - true)))
    return float((false[place] + 1 - true[place]) / 2)


def end_to_end(size: Size) -> list[Finding]:
    """All pairs, search and exact EER, in times of one bare product of as many embeddings of 512 numbers."""
    few = codes(300)
    apart = np.bitwise_count(few[:, None] ^ few[None]).sum(axis=2) / 3072
    assert abs(all_of_it(Codes(BITS), labelled(few)) - by_hand(apart, labelled(few))) < 1e-12
    some = embeddings(300)
    assert abs(all_of_it(Cosine(), labelled(some)) - by_hand(1 - some @ some.T, labelled(some))) < 1e-12
    found = []
    for full, hamming, cosine in (
        (2_601, by_processor(0.45, 1.2), by_processor(1.4, 1.9)),
        (7_881, by_processor(0.45, 1.1), by_processor(1.3, 1.6)),
    ):
        count = max(size.of(full), 600)
        packed, unit = labelled(codes(count)), labelled(embeddings(count))
        measured = harness.measure(
            [
                harness.Candidate("product", lambda unit=unit: unit.data @ unit.data.T),
                harness.Candidate("hamming", lambda packed=packed: all_of_it(Codes(BITS), packed)),
                harness.Candidate("cosine", lambda unit=unit: all_of_it(Cosine(), unit)),
            ],
            size.rounds,
        )
        for name, gate, aim in (("hamming", hamming, 0.4), ("cosine", cosine, 1.2)):
            ratio = measured.seconds[name] / measured.seconds["product"]
            row = f"{name}, search, EER, N = {count:,}"
            found.append(Finding(row, ratio, "x a product", "at most", gate, aim, measured.again, full_size_only=True))
    return found


def kernel(size: Size) -> list[Finding]:
    """The shifted Hamming kernel in parts of the rate of the same steps on data in the first-level cache."""
    found = []
    for name, comparator in MTCC.items():
        rng = np.random.default_rng(1)
        templates = comparator.pack(rng.random((1024, comparator.planes, 32, 32)) < 0.5)
        loop = popcount_loop(vectors := 1_000_000)
        words = len(comparator.shifts) * comparator.planes * comparator.words / 8
        measured = harness.measure(
            [
                harness.Candidate("limit", loop, round(vectors / words)),
                harness.Candidate("ours", lambda t=templates, c=comparator: c.compare(t[:16], t), 16 * 1024),
            ],
            size.rounds,
        )
        share = 100 * measured.seconds["limit"] / measured.seconds["ours"]
        row = f"{name} kernel, of the popcount limit"
        found.append(Finding(row, share, "%", "at least", LEAST_OF_LIMIT[name], 85, measured.again))
    return found + by_faiss(size)


def by_faiss(size: Size) -> list[Finding]:
    """Plain Hamming distances against faiss, where it is installed."""
    try:
        import faiss
    except ModuleNotFoundError:
        print(f"{'':44} left out: the peer faiss is not installed")
        return []
    packed = codes(1_152)
    probes, references = packed[:128], packed[128:]
    octets = [np.ascontiguousarray(part).view(np.uint8) for part in (probes, references)]
    counted = np.empty((128, 1024), dtype=np.int32)
    pointers = [faiss.swig_ptr(array) for array in (*octets, counted)]

    def peer() -> None:
        faiss.hammings(*pointers[:2], 128, 1024, octets[0].shape[1], pointers[2])

    peer()
    np.testing.assert_allclose(BITS.compare(probes, references), counted / 3072, atol=1e-15)
    measured = harness.measure(
        [
            harness.Candidate("ours", lambda: BITS.compare(probes, references)),
            harness.Candidate("faiss", peer),
        ],
        size.rounds,
    )
    ratio = measured.seconds["faiss"] / measured.seconds["ours"]
    least = by_processor(0.8, 1.6)
    return [Finding("3,072 bits: faiss takes", ratio, "x the time", "at least", least, 1.0, measured.again)]


def growth(size: Size) -> list[Finding]:
    """Time and memory from 500 to 20,000 templates, each in a process of its own."""
    counts = (500, 1_000, 2_000) if size.tenth else (500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000)
    seconds, memory = [], []
    for count in counts:
        words = harness.in_fresh_process(Path(__file__), str(count))
        seconds.append(float(words[0]))
        memory.append(float(words[1]))
        print(f"{'':44} N = {count:6,}: {seconds[-1]:7.3f} s, {memory[-1]:5.0f} MB more", flush=True)
    exponent = float(np.polyfit(np.log(counts[-3:]), np.log(seconds[-3:]), 1)[0])
    return [
        Finding(f"time grows with N^, to N = {counts[-1]:,}", exponent, "", "at most", 2.2, full_size_only=True),
        Finding(f"memory of N = {counts[0]:,} .. {counts[-1]:,}", max(memory), "MB", "at most", 150, 150),
    ]


def main(count: int) -> None:
    """One size, for `growth`: processor seconds of all pairs with search and EER, and memory beyond the templates."""
    import time

    templates = labelled(embeddings(count))
    before = harness.memory_now()
    all_of_it(Cosine(), labelled(templates.data[:100]))
    start = time.process_time()
    all_of_it(Cosine(), templates)
    print(f"{time.process_time() - start:.4f} {harness.peak_megabytes() - before:.0f}")


GATES: list[Gate] = [Gate("comparison", end_to_end), Gate("kernel", kernel), Gate("growth", growth)]

if __name__ == "__main__":
    import sys

    main(int(sys.argv[1]))
