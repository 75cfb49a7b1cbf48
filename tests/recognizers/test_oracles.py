"""The hand-crafted recognizers against the distances of an independent implementation on real palms."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deidkit import plugins

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
ORACLE = SHARED / "oracles" / "handcrafted_tongji.npz"
PALMS = SHARED / "data" / "tierB_local_only" / "tongji_roi_edcc"

pytestmark = pytest.mark.skipif(
    not (ORACLE.is_file() and PALMS.is_dir()), reason="needs the folder `shared` with real palms beside the checkout"
)

COLUMNS = {
    "BOCV": "bocv",
    "CC": "compcode",
    "DOC": "doc",
    "DRCC": "drcc",
    "EBOCV": "ebocv",
    "EDM": "edm",
    "FC": "fusioncode",
    "FastCC": "fast-cc",
    "FastRLOC": "fast-rloc",
    "MTCC": "mtcc:preset=B",
    "OC": "ordinalcode",
    "PC": "palmcode",
    "RLOC": "rloc",
}
SINGLE_PRECISION = {"DOC": 2e-7}
"""The reference takes exp() of 16-bit integers, which numpy answers in single precision; ours is in double."""


@pytest.fixture(scope="module")
def palms() -> list[np.ndarray]:
    with np.load(ORACLE) as oracle:
        return [cv2.imread(str(PALMS / name), cv2.IMREAD_GRAYSCALE) for name in oracle["names"]]


@pytest.mark.parametrize("column", COLUMNS)
def test_distances_agree_with_the_reference(column: str, palms: list[np.ndarray]) -> None:
    recognizer, _ = plugins.create("recognizer", COLUMNS[column])
    templates = recognizer.extract(palms)
    distances = recognizer.compare(templates, templates)
    with np.load(ORACLE) as oracle:
        found = distances[oracle["i"], oracle["j"]]
        np.testing.assert_allclose(found, oracle[column], rtol=0, atol=SINGLE_PRECISION.get(column, 1e-9))
