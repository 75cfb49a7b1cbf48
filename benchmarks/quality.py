"""Speed of the quality metrics against scikit-image and scipy: python benchmarks/quality.py [--quick]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import harness  # before numpy

# isort: split
import cv2
import numpy as np
from scipy.ndimage import correlate1d
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deidkit.leakage import examine_copy
from deidkit.measures.quality import picture_quality
from deidkit.measures.ssim import MS_SIGMA, MS_WINDOW, SCALES, ms_ssim, ssim_map


def pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture with detail at all scales, a copy that is blurred in its middle, and the mask of the middle."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((height, width, 3)).astype(np.float32)
    layers = [2 * sigma * cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1, 4, 16, 64)]
    original = np.clip(128 + 25 * sum(layers), 0, 255).astype(np.uint8)
    palm = np.zeros((height, width), bool)
    palm[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = True
    output = original.copy()
    output[palm] = cv2.GaussianBlur(original, (0, 0), 5)[palm]
    return original, output, palm


def ms_ssim_by_definition(original: np.ndarray, output: np.ndarray) -> float:
    """MS-SSIM in double precision, a filter a map, as most implementations do it."""
    offsets = np.arange(MS_WINDOW) - MS_WINDOW // 2
    bell = np.exp(-(offsets**2) / (2 * MS_SIGMA**2))
    bell /= bell.sum()
    inner = slice(MS_WINDOW // 2, -(MS_WINDOW // 2))

    def blurred(plane: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(plane, bell, axis=0), bell, axis=1)[inner, inner]

    products = []
    for channel in range(3):
        x, y = (picture[..., channel] / 255 for picture in (original, output))
        product = 1.0
        for scale, weight in enumerate(SCALES):
            if scale:
                x, y = (_halved(plane) for plane in (x, y))
            mean_x, mean_y = blurred(x), blurred(y)
            contrast = (2 * (blurred(x * y) - mean_x * mean_y) + 0.03**2) / (
                blurred(x * x) - mean_x**2 + blurred(y * y) - mean_y**2 + 0.03**2
            )
            light = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
            last = scale == len(SCALES) - 1
            product *= max((light * contrast if last else contrast).mean(), 0) ** weight
        products.append(product)
    return float(np.mean(products))


def _halved(plane: np.ndarray) -> np.ndarray:
    if plane.shape[0] % 2 or plane.shape[1] % 2:
        plane = np.pad(plane, ((1, 0), (1, 0)), mode="edge")
    height, width = plane.shape[0] // 2, plane.shape[1] // 2
    return plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))


def main(*, quick: bool) -> None:
    cv2.setNumThreads(1)
    height, width = (480, 640) if quick else (1200, 1600)
    rounds = 5 if quick else 15
    original, output, palm = pair(height, width)
    size = f"{width} x {height} RGB, 1 thread"

    wanted = structural_similarity(original, output, channel_axis=-1)
    assert abs(float(ssim_map(original, output).mean()) - wanted) < 1e-12
    measured = harness.measure(
        [
            harness.Candidate("deidkit", lambda: ssim_map(original, output)),
            harness.Candidate(
                "scikit-image", lambda: structural_similarity(original, output, channel_axis=-1), slow=not quick
            ),
        ],
        rounds,
    )
    harness.print_table(f"SSIM, uniform 7 x 7, {size}", measured, "deidkit", "pictures")

    assert abs(ms_ssim(original, output) - ms_ssim_by_definition(original, output)) < 1e-6
    measured = harness.measure(
        [
            harness.Candidate("deidkit", lambda: ms_ssim(original, output)),
            harness.Candidate("scipy", lambda: ms_ssim_by_definition(original, output), slow=not quick),
        ],
        rounds,
    )
    harness.print_table(f"MS-SSIM, five scales, {size}", measured, "deidkit", "pictures")

    whole = picture_quality(original, output, palm)
    assert whole["psnr"] is not None
    assert abs(whole["psnr"] - peak_signal_noise_ratio(original, output)) < 1e-10
    everything = "deidkit: all seven numbers"
    measured = harness.measure(
        [
            harness.Candidate(everything, lambda: picture_quality(original, output, palm)),
            harness.Candidate("deidkit: is the palm still there?", lambda: examine_copy(original, output, palm)),
            harness.Candidate("scikit-image: PSNR alone", lambda: peak_signal_noise_ratio(original, output)),
        ],
        rounds,
    )
    harness.print_table(f"All that is measured of one copy, {size}", measured, everything, "pictures")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="SSIM, MS-SSIM and PSNR beside other packages.")
    parser.add_argument("--quick", action="store_true", help="smaller pictures and fewer rounds")
    main(quick=parser.parse_args().quick)
