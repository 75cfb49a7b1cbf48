"""Every claim about speed in one table, each against a peer or a bound in the same run: python benchmarks/gates.py.

    python benchmarks/gates.py             # all rows, minutes
    python benchmarks/gates.py --quick     # a tenth of the size, generous limits, for CI
    python benchmarks/gates.py metrics store   # only rows whose names have one of these in them

Each row first asserts that subject and peer give the same numbers. A row holds, is missed, or says nothing because the
machine was too busy; peers that are not installed are named. Exit code 0 if all rows hold, 1 if one is missed, 2 if
none is missed and one says nothing, or where no row has a word that was given.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
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

BROKEN_PIPE = 128 + 13
"""Exit code of a tool that SIGPIPE ended."""


GATES: list[Gate] = [
    *gate_rows_scores.GATES, *gate_rows_comparison.GATES, *gate_rows_pictures.GATES, *gate_rows_networks.GATES
]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    names = [gate.name for gate in GATES]
    parser = argparse.ArgumentParser(
        description="Every claim about speed in one table, each against a peer or a bound."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"only rows with this in their name: {', '.join(names)}"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the size with generous limits, for CI")
    options = parser.parse_args(arguments)
    if unknown := [word for word in options.names if not any(word in name for name in names)]:
        print(f"gates.py: no row has '{unknown[0]}' in its name; there are {', '.join(names)}", file=sys.stderr)
        return 2
    size = QUICK if options.quick else FULL
    print(f"{'':44} {'measured':>22} {'gate':>12} {'aim':>10}   A/A", flush=True)
    found: list[Finding] = []
    for gate in GATES:
        if not options.names or any(word in gate.name for word in options.names):
            found += report(gate.measure, size)
    missed = [finding for finding in found if finding.verdict(size) == "MISSED"]
    unclear = [finding for finding in found if finding.verdict(size) == "too noisy"]
    print(f"\n{len(found)} rows: {len(missed)} missed, {len(unclear)} too noisy to say", flush=True)
    return 1 if missed else 2 if unclear else 0


def report(measure: Callable[[Size], list[Finding]], size: Size) -> list[Finding]:
    """Measure one gate and print its rows."""
    try:
        found = measure(size)
    except ModuleNotFoundError as error:
        print(f"{'':44} left out: the peer {error.name} is not installed", flush=True)
        return []
    for finding in found:
        print(finding.line(size), flush=True)
    return found


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter would complain at its end
        sys.exit(BROKEN_PIPE)
