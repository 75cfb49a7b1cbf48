"""Every claim about speed in one table, each against a peer or a bound in the same run: python benchmarks/gates.py.

    python benchmarks/gates.py             # all rows, minutes
    python benchmarks/gates.py --quick     # a tenth of the size, generous limits, for CI
    python benchmarks/gates.py cosine store   # only rows whose names have one of these in them

Each row first asserts that subject and peer give the same numbers. A row holds, is missed, or says nothing because the
machine was too busy; peers that are not installed are named. Exit code 0 if all rows hold, 1 if one is missed, 2 if
none is missed and one says nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# isort: split
import gate_rows_comparison
import gate_rows_networks
import gate_rows_pictures
import gate_rows_scores
from gate import Finding, Gate, Size

QUICK = Size(tenth=True, rounds=5, slack=2.5)
FULL = Size(tenth=False, rounds=11, slack=1.0)


def main(arguments: list[str]) -> int:
    size = QUICK if "--quick" in arguments else FULL
    words = [argument for argument in arguments if not argument.startswith("--")]
    gates: list[Gate] = [
        *gate_rows_scores.GATES, *gate_rows_comparison.GATES, *gate_rows_pictures.GATES, *gate_rows_networks.GATES
    ]  # fmt: skip
    chosen = [gate for gate in gates if not words or any(word in gate.name for word in words)]
    print(f"{'':44} {'measured':>22} {'gate':>12} {'aim':>10}   A/A")
    found: list[Finding] = []
    for gate in chosen:
        found += report(gate.measure, size)
    missed = [finding for finding in found if finding.verdict(size) == "MISSED"]
    unclear = [finding for finding in found if finding.verdict(size) == "too noisy"]
    print(f"\n{len(found)} rows: {len(missed)} missed, {len(unclear)} too noisy to say")
    return 1 if missed else 2 if unclear else 0


def report(measure: Callable[[Size], list[Finding]], size: Size) -> list[Finding]:
    """Measure one gate and print its rows."""
    try:
        found = measure(size)
    except ModuleNotFoundError as error:
        print(f"{'':44} left out: the peer {error.name} is not installed")
        return []
    for finding in found:
        print(finding.line(size), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
