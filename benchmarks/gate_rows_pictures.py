"""Gates of what is done with pictures: quality, templates and whole audits."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import harness

# isort: split
import cv2
import numpy as np
from gate import Finding, Gate, Size

from deidkit import plugins
from deidkit.measures.quality import picture_quality
from deidkit.measures.ssim import ms_ssim, ssim_map
from deidkit_recognizers import gabor
from deidkit_recognizers.filtering import sampled_responses

SMALL, LARGE = (480, 640), (1200, 1600)


def pair(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture with detail and a blurred copy."""
    height, width = shape
    rng = np.random.default_rng(0)
    original = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 1.5)
    return original, cv2.GaussianBlur(original, (0, 0), 3)


def similarity(size: Size) -> list[Finding]:
    """SSIM and PSNR against scikit-image, MS-SSIM against pytorch-msssim."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    cv2.setNumThreads(1)
    original, output = pair(SMALL if size.tenth else LARGE)
    everywhere = np.ones(original.shape[:2], bool)
    wanted = structural_similarity(original, output, channel_axis=-1)
    assert abs(float(ssim_map(original, output).mean()) - wanted) < 1e-12
    assert abs(picture_quality(original, output, everywhere)["psnr"] - peak_signal_noise_ratio(original, output)) < 1e-9
    measured = harness.measure(
        [
            harness.Candidate("ours", lambda: ssim_map(original, output)),
            harness.Candidate("skimage", lambda: structural_similarity(original, output, channel_axis=-1)),
        ],
        size.rounds,
    )
    ratio = measured.seconds["skimage"] / measured.seconds["ours"]
    found = [Finding("SSIM: scikit-image takes", ratio, "x the time", "at least", 23, 15, measured.again)]
    small, large = multi_scale(SMALL, 17, size), [] if size.tenth else multi_scale(LARGE, 28, size)
    return found + large + small


def multi_scale(shape: tuple[int, int], gate: float, size: Size) -> list[Finding]:
    """MS-SSIM."""
    import torch
    from pytorch_msssim import ms_ssim as peer

    torch.set_num_threads(1)
    original, output = pair(shape)
    planes = [torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32)) for picture in (original, output)]
    theirs = float(peer(*planes, data_range=255))
    # it takes the mean over channels within each scale, we after the product over scales
    assert abs(ms_ssim(original, output) - theirs) < 2e-3
    measured = harness.measure(
        [
            harness.Candidate("ours", lambda: ms_ssim(original, output)),
            harness.Candidate("pytorch-msssim", lambda: peer(*planes, data_range=255)),
        ],
        size.rounds,
    )
    ratio = measured.seconds["pytorch-msssim"] / measured.seconds["ours"]
    name = f"MS-SSIM, {shape[1]} x {shape[0]}: pytorch-msssim takes"
    return [Finding(name, ratio, "x the time", "at least", gate, 20, measured.again)]


def templates(size: Size) -> list[Finding]:
    """A sampled Gabor bank against scipy and torch, and what a template takes in banks."""
    from scipy.signal import fftconvolve

    palm = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (128, 128), dtype=np.uint8), (0, 0), 2)
    kernels, picture = gabor.bank(6, 0.35, 2.78), palm.astype(np.float64)

    def scipy() -> np.ndarray:
        return np.stack([fftconvolve(picture, kernel, mode="same")[::4, ::4] for kernel in kernels])

    assert np.abs(scipy() - sampled_responses(picture, kernels)).max() < 1e-9
    mtcc, _ = plugins.create("recognizer", "mtcc")
    measured = harness.measure(
        [
            harness.Candidate("ours", lambda: sampled_responses(picture, kernels)),
            harness.Candidate("scipy", scipy),
            harness.Candidate("mtcc", lambda: mtcc.extract([palm] * 8), 8),
        ],
        size.rounds,
    )
    ratio, again = measured.seconds["scipy"] / measured.seconds["ours"], measured.again
    milliseconds = 1000 * measured.seconds["mtcc"]
    found = [
        Finding("Gabor bank, sampled: scipy takes", ratio, "x the time", "at least", 16.5, 8, again),
        Finding("MTCC template", milliseconds, "ms", "at most", 1.0, 0.8, again),
    ]
    return found + by_torch(picture, kernels, size)


def by_torch(picture: np.ndarray, kernels: np.ndarray, size: Size) -> list[Finding]:
    """The bank against torch's strided convolution in single precision."""
    import torch

    torch.set_num_threads(1)
    weights = torch.from_numpy(np.ascontiguousarray(kernels[:, None, ::-1, ::-1]).astype(np.float32))
    image = torch.from_numpy(picture.astype(np.float32))[None, None]

    def peer() -> object:
        return torch.nn.functional.conv2d(image, weights, stride=4, padding=kernels.shape[1] // 2)

    ours = sampled_responses(picture, kernels)
    assert np.abs(peer().numpy()[0] - ours).max() < 1e-4 * np.abs(ours).max()
    measured = harness.measure(
        [harness.Candidate("ours", lambda: sampled_responses(picture, kernels)), harness.Candidate("torch", peer)],
        size.rounds,
    )
    ratio = measured.seconds["torch"] / measured.seconds["ours"]
    name = "Gabor bank, sampled: torch (float32) takes"
    return [Finding(name, ratio, "x the time", "at least", 1.2, 1.2, measured.again)]


def audit(size: Size) -> list[Finding]:
    """Processor time of an audit without attacks, start included, for each drawn picture and each copy."""
    name, subjects = "audit of drawn pictures: a picture or copy", 30
    if size.tenth:
        print(f"{name:44} left out: at a tenth of the size it would be the time that the program takes to start")
        return []
    options = ["--engine", "pixelate", "--recognizer", "mtcc", "--attack", "none", "--threads", "1", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for run in range(2):  # the first one may compile
            output = Path(folder, str(run))
            command = [sys.executable, "-m", "deidkit", "audit", "--dataset", f"synthetic:{subjects}", *options]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [*command, "--output", output, "--db", f"{output}.db"], check=True, stdout=subprocess.DEVNULL
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    milliseconds = 1000 * min(found) / (2 * 4 * subjects)
    return [Finding(name, milliseconds, "ms", "at most", 190, 100)]


GATES = [Gate("similarity", similarity), Gate("templates", templates), Gate("audit", audit)]
