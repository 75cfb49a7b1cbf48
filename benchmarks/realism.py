"""Whether made palms can be told from real ones: python benchmarks/realism.py --dataset D [options].

    --dataset D     as deidkit audit takes it, several times for several together; synthetic:12,pictures=3 by default
    --engine E      as deidkit audit takes it, several times; resynth, blur and mask by default
    --copies N      copies of each picture by engines that can make several; 1 by default
    --side S        pixels of a palm region's side; 160 by default, about what photographs of 800 x 600 hold
    --patch P       pixels of a patch's side; 32 by default
    --judge J       regression and trees by default, over features; network is a small convolutional one over pixels,
                    which needs torch: pip install 'torch>=2.6'

A discriminator learns on the palms of some people, as they are and as an engine made them, which patch is which, and
judges patches of people it has not seen. .50 is chance. Beside the engines stand controls: real palms against real ones
(two halves of people at random, and two halves of each person's pictures), which must be at chance or the measure is
broken; and another real person's palm laid into the hand's light and colour, as a palm without fault would be.

Needs scikit-learn and scikit-image: pip install 'scikit-learn>=1.4' 'scikit-image>=0.24'.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import count

import numpy as np
from numpy.typing import NDArray
from realism_judges import (
    Judgement,
    Learner,
    Patches,
    auc_of,
    judged,
    mean_of,
    network,
    odds_on_strangers,
    regression,
    trees,
)
from realism_palms import Collected, Palms, collect, halves_of_people, halves_of_pictures

from deidkit.errors import DeidkitError, UsageError

JUDGES: dict[str, Learner] = {"regression": regression, "trees": trees, "network": network}
TENTHS = (0.1, 0.5, 0.9)


def together(real: Palms, made: Palms, *, pixels: bool = False, columns: NDArray[np.bool_] | None = None) -> Patches:
    """Patches of real and made palms as a judge sees them: features, some of them, or pixels."""
    number = count()
    inputs, flags, people, regions = [], [], [], []
    for is_made, palms in ((False, real), (True, made)):
        seen = palms.patches if pixels else palms.values if columns is None else palms.values[..., columns]
        patches = seen.shape[1]
        inputs.append(seen.reshape(-1, *seen.shape[2:]))
        flags += [is_made] * (len(seen) * patches)
        people.append(np.repeat(palms.people, patches))
        regions.append(np.repeat([next(number) for _ in palms.people], patches))
    return Patches(np.concatenate(inputs), np.array(flags), np.concatenate(people), np.concatenate(regions))


def judgement(pairs: Iterable[tuple[Palms, Palms]], learn: Learner) -> Judgement | None:
    """The mean judgement of several trials; None where there is none."""
    trials = [together(*pair, pixels=learn is network) for pair in pairs]
    return mean_of([judged(patches, odds_on_strangers(patches, learn)) for patches in trials]) if trials else None


def print_judgements(found: Collected, judges: Sequence[str]) -> None:
    controls = {"real, other people": halves_of_people, "real, same people": halves_of_pictures}
    for name in judges:
        learn = JUDGES[name]
        print(f"\n| {name} | patches judged rightly | AUC of patches | AUC of regions |\n| --- | --- | --- | --- |")
        for control, halves in controls.items():
            if learn is regression:  # the quickest: what is tried is the measure, over many halves
                _print_row(control, judgement(halves(found.real), learn))
        for maker, trial in found.trials.items():
            _print_row(maker, judgement([trial], learn))


def _print_row(name: str, row: Judgement | None) -> None:
    cells = [row.right, row.auc, row.region_auc] if row else ["-"] * 3
    print(f"| {name} | {' | '.join(map(str, cells))} |", flush=True)


def group_of(feature: str) -> str:
    return feature.split(":")[0]


def print_groups(found: Collected) -> None:
    """What gives a palm away: the AUC of patches of judges that see features of one group alone."""
    print("\n| AUC of patches by one group alone |", " | ".join(found.trials), "|")
    print("| --- |" + " --- |" * len(found.trials))
    groups = np.array([group_of(name) for name in found.names])
    for group in dict.fromkeys(groups.tolist()):
        cells = []
        for trial in found.trials.values():
            patches = together(*trial, columns=groups == group)
            cells.append(f"{auc_of(patches.made, odds_on_strangers(patches, regression)):.2f}")
        print(f"| {group} | {' | '.join(cells)} |", flush=True)


def print_spread(found: Collected) -> None:
    """Spectrum and colours of whole regions against the spread over real ones; amplitudes of patches."""
    print("\nFor each: regions within the middle 95 % of real ones; shift, in their SD; amplitude of all patches, of")
    print("the quietest tenth, the median and the loudest tenth, in parts of the real ones'")
    print("\n| feature |", " | ".join(found.trials), "|")
    print("| --- |" + " --- |" * len(found.trials))
    for column, name in enumerate(found.names):
        group = group_of(name)
        if group in ("spectrum", "colour grain", "colour"):
            cells = [_spread(*(p.values[..., column] for p in trial), group) for trial in found.trials.values()]
            print(f"| {name} | {' | '.join(cells)} |")


def _spread(real: NDArray[np.float64], made: NDArray[np.float64], group: str) -> str:
    """The cell of one feature, (regions, patches) of real and made palms."""
    whole, copies = real.mean(axis=1), made.mean(axis=1)
    if whole.std() < 1e-6:
        return "-"
    low, high = np.quantile(whole, [0.025, 0.975])
    inside = 100 * ((copies >= low) & (copies <= high)).mean()
    cell = f"{inside:.0f} %; {(copies.mean() - whole.mean()) / whole.std():+.1f}"
    if group == "colour":
        return cell
    ratios = [np.mean(np.exp(made)) / np.mean(np.exp(real))]  # they are logarithms of power
    ratios += list(np.exp(np.quantile(made, TENTHS) - np.quantile(real, TENTHS)))
    return f"{cell}; {' '.join(f'{ratio**0.5:.2f}' for ratio in ratios)}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Whether made palms can be told from real ones.")
    parser.add_argument("--dataset", action="append", default=[])
    parser.add_argument("--engine", action="append", default=[])
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--side", type=int, default=160)
    parser.add_argument("--patch", type=int, default=32)
    parser.add_argument("--judge", action="append", choices=list(JUDGES), default=[])
    given = parser.parse_args()
    engines = given.engine or ["resynth", "blur", "mask"]
    try:
        if not 24 <= given.patch <= given.side or given.copies < 1:
            raise UsageError("--patch must be 24 or more and at most --side, and --copies 1 or more.")
        if "network" in given.judge and find_spec("torch") is None:
            raise UsageError("--judge network needs torch. Install it with: pip install 'torch>=2.6'")
        found = collect(given.dataset or ["synthetic:12,pictures=3"], engines, given.copies, given.side, given.patch)
    except DeidkitError as error:
        print(error, file=sys.stderr)
        return 2
    size = found.real.patches.shape
    print(f"{len(np.unique(found.real.people))} people, {size[0]} palms, {size[1]} patches each")
    for reason, times in found.failures.items():
        print(f"left out, {times} times: {reason}")
    print_judgements(found, given.judge or ["regression", "trees"])
    print_groups(found)
    print_spread(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
