"""How many processors an audit takes for its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deidkit.processors import available

SEEN = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("files", "processors"),
    [
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "100001 100000\n"}, min(2, SEEN)),
        ({"cpu.max": "9900000 100000\n"}, min(99, SEEN)),
        ({"cpu.max": "max 100000\n"}, SEEN),
        ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}, min(2, SEEN)),
        ({"cpu/cpu.cfs_quota_us": "20000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, SEEN),
        ({"cpu.max": "of another kind\n"}, SEEN),
        ({"cpu.max": "100000 0\n"}, SEEN),
        ({}, SEEN),
    ],
)
def test_no_more_processors_are_taken_than_the_container_may_use(
    tmp_path: Path, files: dict[str, str], processors: int
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert available(tmp_path) == processors
