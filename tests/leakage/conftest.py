from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deidkit.protocols import Image

TONGJI = Path(__file__).resolve().parents[3] / "shared/data/tierB_local_only/tongji_roi_edcc/session1"


@pytest.fixture(scope="session")
def tongji() -> list[Image]:
    """50 palm regions of ten palms, five of each in a row, from beside the checkout."""
    if not TONGJI.is_dir():
        pytest.skip(f"no photographs in {TONGJI}")
    return [np.asarray(cv2.imread(str(file)), np.uint8) for file in sorted(TONGJI.glob("*.bmp"))]
