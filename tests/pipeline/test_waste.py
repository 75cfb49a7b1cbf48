"""Nothing is looked for twice in the same pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import deidkit

COUNTING = '''
from pathlib import Path
from deidkit.hand.mediapipe import MediaPipe

class Counting(MediaPipe):
    """Notes each picture that it looks at."""

    def detect(self, image):
        with (Path(__file__).parent / "looked").open("a") as file:
            file.write(".")
        return super().detect(image)
'''


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "looked"), [("identity", 6), ("blur", 12)])
def test_a_copy_that_is_its_original_is_not_analysed_again(tmp_path: Path, engine: str, looked: int) -> None:
    (tmp_path / "counting.py").write_text(COUNTING)
    dataset = "synthetic:3,pictures=2,width=300,height=400"
    found = deidkit.audit(
        dataset, [engine], "compcode", analyzer=f"{tmp_path}/counting.py:Counting", attack="none", threads=1
    )
    assert found.result.engines[0].produced == 6
    assert len((tmp_path / "looked").read_text()) == looked


@pytest.mark.slow
def test_opencv_has_no_threads_beside_those_of_an_audit(palms: Path, elsewhere: Path) -> None:
    seen = set()

    def mirrored(image: np.ndarray) -> np.ndarray:
        seen.add(cv2.getNumThreads())
        return np.ascontiguousarray(image[:, ::-1])

    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        deidkit.audit(palms, [mirrored], "compcode", attack="none")
        assert (seen, cv2.getNumThreads()) == ({1}, 3)
    finally:
        cv2.setNumThreads(before)
