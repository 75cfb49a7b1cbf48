from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import Memo


class Counting:
    """Doubles pictures, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
        self.count += len(pictures)
        return pictures.astype(np.int64) * 2


def test_a_picture_is_worked_out_once_wherever_it_comes_again() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8)
    memo, double = Memo(), Counting()
    for rows in ([0, 1, 2], [2, 1], [0, 0, 0, 3], [5, 4, 3, 2, 1, 0]):
        found = memo.rows("double", pictures[rows], double)
        assert np.array_equal(found, pictures[rows] * np.int64(2))
        found[:] = 0  # whoever writes into it spoils it for nobody else
    assert double.count == 6


def test_another_question_or_type_is_another_result() -> None:
    pictures = np.ones((1, 4, 4), np.uint8)
    memo, double = Memo(), Counting()
    memo.rows("double", pictures, double)
    memo.rows("again", pictures, double)
    memo.rows("double", pictures.astype(np.int8), double)
    memo.rows("double", pictures.reshape(1, 16), double)
    assert double.count == 4


def test_memory_is_bounded_and_results_stay_right() -> None:
    pictures = np.arange(10 * 16, dtype=np.uint8).reshape(10, 4, 4)
    memo, double = Memo(most_bytes=3 * 16 * 8), Counting()  # of three pictures
    for _ in range(2):
        assert np.array_equal(memo.rows("double", pictures, double), pictures * np.int64(2))
    assert double.count == 10 + 7


def test_no_picture_is_no_result() -> None:
    assert Memo().rows("double", np.empty((0, 4, 4), np.uint8), Counting()).shape == (0, 4, 4)


def test_threads_that_ask_for_the_same_wait_for_it() -> None:
    pictures = np.arange(64, dtype=np.uint8).reshape(16, 2, 2)
    memo, double = Memo(), Counting()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: memo.rows("double", pictures, double), range(16)))
    assert all(np.array_equal(one, pictures * np.int64(2)) for one in found)
    assert double.count == 16
