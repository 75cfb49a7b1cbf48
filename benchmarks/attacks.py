"""Which cheat is shown by what: python benchmarks/attacks.py [options].

    --dataset D      as deidkit audit takes it; synthetic:10,pictures=2 by default
    --attack SET     quick (default), standard or thorough
    --attacker NAME  a further attacker, several times
    --exclude FILE   samples to leave out, as deidkit audit takes it
    --only NAME      one engine of the gallery, several times; all by default

A row for each engine of the gallery of the tests: rank 1 of the ignorant attacker and of the strongest attack in
percent, and everything that an audit has against the engine. An honest engine must have nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import deidkit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/attackers"))

from gallery import GALLERY, HONEST, accusations


def main() -> int:
    parser = argparse.ArgumentParser(description="Which cheat is shown by what.")
    parser.add_argument("--dataset", default="synthetic:10,pictures=2")
    parser.add_argument("--attack", default="quick", choices=["quick", "standard", "thorough"])
    parser.add_argument("--attacker", action="append", default=[])
    parser.add_argument("--exclude", type=Path)
    parser.add_argument("--only", action="append", default=[])
    given = parser.parse_args()
    everything = {**GALLERY, **HONEST}
    names = given.only or list(everything)
    result = deidkit.audit(
        given.dataset,
        [everything[name].make(name) for name in names],
        "mtcc",
        attack=given.attack,
        attackers=given.attacker,
        exclude=given.exclude,
        threads=1,
    ).result
    print(f"{result.dataset.subjects} people, {result.dataset.samples} pictures of {given.dataset}\n")
    print("| engine | T0 | strongest | by | against it | as it should be |")
    print("| --- | --- | --- | --- | --- | --- |")
    wrong = 0
    for engine, attacked in zip(result.engines, result.attacks, strict=True):
        name, against = engine.component.label, accusations(engine, attacked)
        ignorant = next(row for row in attacked.attacks if row.component.name == "ignorant")
        best = attacked.strongest
        right = everything[name].judged_rightly(engine, attacked)
        wrong += not right
        shown = [ignorant.metrics.get("rank_1_percent"), best and best.metrics["strongest_rank_1_percent"]]
        numbers = ["-" if e is None or e.value is None else f"{e.value:.0f}" for e in shown]
        cells = [name, *numbers, best.attacker if best else "-", ", ".join(sorted(against)), "yes" if right else "NO"]
        print(f"| {' | '.join(cells)} |", flush=True)
    for timing in result.timings:
        if timing.seconds >= 1:
            print(f"{timing.stage}: {timing.seconds:.0f} s", file=sys.stderr)
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())
