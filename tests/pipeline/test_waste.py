"""Nothing is looked for twice in the same pixels."""

from __future__ import annotations

from pathlib import Path

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
