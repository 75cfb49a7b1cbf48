"""The compiled shifted Hamming distance against its definition written out in numpy."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidkit.comparison import ShiftedHamming


def by_definition(comparator: ShiftedHamming, probe: np.ndarray, reference: np.ndarray) -> float:
    """Mean over groups of the smallest share of differing bits over all shifts."""
    height, width, span = comparator.height, comparator.width, comparator.max_shift
    total = 0.0
    for group in range(comparator.groups):
        planes = slice(group * comparator.planes_per_group, (group + 1) * comparator.planes_per_group)
        shares = []
        for dy in range(-span, span + 1):
            for dx in range(-span, span + 1):
                a = probe[planes, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
                b = reference[planes, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
                shares.append((a != b).mean())
        total += min(shares)
    return total / comparator.groups


@settings(max_examples=30, deadline=None)
@given(
    groups=st.integers(1, 3),
    planes=st.integers(1, 3),
    height=st.integers(4, 33),
    width=st.integers(4, 80),
    shift=st.integers(0, 3),
    count=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_agrees_with_the_definition_for_any_layout(groups, planes, height, width, shift, count, seed) -> None:
    comparator = ShiftedHamming(groups, planes, height, width, shift)
    rng = np.random.default_rng(seed)
    bits = rng.random((count, comparator.planes, height, width)) < rng.random()
    templates = comparator.pack(bits)
    np.testing.assert_array_equal(comparator.unpack(templates), bits)
    distances = comparator.compare(templates[:2], templates)
    wanted = [[by_definition(comparator, probe, reference) for reference in bits] for probe in bits[:2]]
    np.testing.assert_allclose(distances, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("comparator", [ShiftedHamming(2, 6, 32, 32, 2), ShiftedHamming(12, 1, 32, 32, 4)])
def test_a_shift_within_reach_costs_nothing_and_distances_are_symmetric(comparator: ShiftedHamming) -> None:
    rng = np.random.default_rng(1)
    bits = rng.random((1, 12, 40, 40)) < 0.5
    moved = np.stack([bits[0, :, 4:36, 4:36], bits[0, :, 5:37, 2:34], bits[0, :, 8:40, 8:40]])
    distances = comparator.compare(comparator.pack(moved), comparator.pack(moved))
    assert distances[0, 1] == 0.0
    assert (distances[0, 2] == 0.0) == (comparator.max_shift >= 4)
    np.testing.assert_array_equal(distances, distances.T)
    np.testing.assert_array_equal(np.diag(distances), 0.0)


@pytest.mark.parametrize("comparator", [ShiftedHamming(2, 6, 32, 32, 2), ShiftedHamming(12, 1, 32, 32, 4)])
def test_only_the_last_quotient_is_rounded(comparator: ShiftedHamming) -> None:
    """Equal distances must compare equal, or ties would be decided by rounding."""
    rng = np.random.default_rng(2)
    bits = rng.random((6, 12, 32, 32)) < 0.5
    found = comparator.compare(comparator.pack(bits[:2]), comparator.pack(bits))
    for i in range(2):
        for j in range(6):
            total = Fraction(0)
            for group in range(comparator.groups):
                planes = slice(group * comparator.planes_per_group, (group + 1) * comparator.planes_per_group)
                shares = []
                for dy, dx in comparator.shifts:
                    a = bits[i, planes, max(dy, 0) : 32 + min(dy, 0), max(dx, 0) : 32 + min(dx, 0)]
                    b = bits[j, planes, max(-dy, 0) : 32 + min(-dy, 0), max(-dx, 0) : 32 + min(-dx, 0)]
                    shares.append(Fraction(int((a != b).sum()), a.size))
                total += min(shares)
            assert found[i, j] == float(total / comparator.groups)


def test_templates_that_must_not_be_written_to_and_none_at_all() -> None:
    comparator = ShiftedHamming(2, 1, 8, 8, 1)
    templates = comparator.pack(np.random.default_rng(3).random((3, 2, 8, 8)) < 0.5)
    wanted = comparator.compare(templates, templates)
    templates.flags.writeable = False
    np.testing.assert_array_equal(comparator.compare(templates, templates), wanted)
    assert comparator.compare(templates[:0], templates).shape == (0, 3)
    assert comparator.compare(templates, templates[:0]).shape == (3, 0)


_PRINTS_DISTANCES = """
import numpy as np
from deidkit.comparison import ShiftedHamming
comparator = ShiftedHamming(2, 3, 32, 32, 1)
templates = comparator.pack(np.random.default_rng(4).random((40, 6, 32, 32)) < 0.5)
print(comparator.compare(templates[:3], templates).tolist())
"""


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["generic", "x86-64-v3"])
def test_a_processor_without_wide_vectors_gives_the_same_bits(processor: str, tmp_path) -> None:
    if processor != "generic" and os.uname().machine != "x86_64":
        pytest.skip("this is the name of an x86 processor")
    plain = {**os.environ, "NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    printed = subprocess.run(
        [sys.executable, "-c", _PRINTS_DISTANCES], env=plain, check=True, capture_output=True, text=True
    ).stdout
    comparator = ShiftedHamming(2, 3, 32, 32, 1)
    templates = comparator.pack(np.random.default_rng(4).random((40, 6, 32, 32)) < 0.5)
    assert printed.strip() == str(comparator.compare(templates[:3], templates).tolist())


def test_importing_the_package_does_not_import_numba() -> None:
    code = "import sys, deidkit.comparison; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_planes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="larger than the largest shift"):
        ShiftedHamming(1, 1, 32, 8, 8)
    with pytest.raises(ValueError, match="expected"):
        ShiftedHamming(1, 1, 32, 32, 0).pack(np.zeros((1, 2, 32, 32), dtype=bool))
