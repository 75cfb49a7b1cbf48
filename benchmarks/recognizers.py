"""Time of one template, by recognizer: python benchmarks/recognizers.py [--quick] [NAME[:OPTIONS] ...].

Palm recognizers only; those on networks are also held against their bound: the multiplications they cannot do without,
at the rate of a large matrix product on the same thread.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import harness  # before numpy

# isort: split
import numpy as np

from deidkit import plugins

DEFAULT = ("mtcc", "compcode", "ordinalcode", "bocv", "ccnet")
PALMS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of one template, by recognizer.")
    parser.add_argument("names", nargs="*", metavar="NAME[:OPTIONS]", help=f"by default: {' '.join(DEFAULT)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    given = parser.parse_args()
    names = given.names or list(DEFAULT)
    palms = list(np.random.default_rng(0).integers(0, 256, (PALMS, 128, 128), dtype=np.uint8))
    candidates, flops = [], {}
    for name in names:
        recognizer, component = plugins.create("recognizer", name)
        if recognizer.input != "roi":
            print(f"{component.label} takes whole hands and is left out")
            continue
        if component.weights:
            flops[component.label] = multiplications(recognizer, palms)
        candidates.append(harness.Candidate(component.label, lambda r=recognizer: r.extract(palms), PALMS))
    measured = harness.measure(candidates, rounds=3 if given.quick else 9, sample=0.2)
    notes = {}
    if flops:
        peak = matrix_rate()
        print(f"matrix product: {peak / 1e9:.1f} GFLOP/s on one thread")
        for label, count in flops.items():
            share = count / peak / measured.seconds[label]
            notes[label] = f"{count / 1e6:.0f} MFLOP a template, {share:.0%} of the bound"
    harness.print_table("Templates of 128 x 128 palms", measured, candidates[0].name, "templates", notes)
    for label, seconds in measured.seconds.items():
        print(f"  {label}: {1000 * seconds:.2f} ms of one thread")


def multiplications(recognizer, palms) -> float:
    """Floating-point operations of one template, as torch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        recognizer.extract(palms)
    return counter.get_total_flops() / len(palms)


def matrix_rate() -> float:
    """Floating-point operations a second of a large product in single precision."""
    import torch

    side = 1024
    one = torch.randn(side, side)
    measured = harness.measure([harness.Candidate("product", lambda: one @ one)], rounds=5)
    return 2.0 * side**3 / measured.seconds["product"]


if __name__ == "__main__":
    main()
