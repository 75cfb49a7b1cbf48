"""Gates of what is done with pictures: quality, templates and whole audits."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import harness

# isort: split
import cv2
import numpy as np
from gate import Finding, Gate, Size, by_processor

from deidkit import plugins
from deidkit.datasets.synthetic import Synthetic
from deidkit.hand import network, palm_detector
from deidkit.hand.grabcut import GrabCut
from deidkit.hand.mediapipe import KEYPOINT_FILE, KEYPOINT_OUTPUTS, KEYPOINT_SIDE, PALM_FILE, MediaPipe
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
    found = [
        Finding("SSIM: scikit-image takes", ratio, "x the time", "at least", by_processor(23, 11), 15, measured.again)
    ]
    small, large = multi_scale(SMALL, by_processor(17, 9), size), []
    if not size.tenth:
        large = multi_scale(LARGE, by_processor(28, 11), size)
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
    """A sampled Gabor bank against scipy and torch, and a template of MTCC in times of its Fourier transforms."""
    from scipy.signal import fftconvolve

    palm = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (128, 128), dtype=np.uint8), (0, 0), 2)
    kernels, picture = gabor.bank(6, 0.35, 2.78), palm.astype(np.float64)

    def scipy() -> np.ndarray:
        return np.stack([fftconvolve(picture, kernel, mode="same")[::4, ::4] for kernel in kernels])

    assert np.abs(scipy() - sampled_responses(picture, kernels)).max() < 1e-9
    mtcc, _ = plugins.create("recognizer", "mtcc")
    tile = np.zeros((144, 144))
    tile[8:136, 8:136] = picture
    spectrum, back = cv2.dft(tile), np.empty_like(tile)

    def transforms() -> None:
        cv2.dft(tile, back)
        for _ in kernels:
            cv2.dft(spectrum, back, cv2.DFT_INVERSE | cv2.DFT_SCALE, 128)

    measured = harness.measure(
        [
            harness.Candidate("ours", lambda: sampled_responses(picture, kernels)),
            harness.Candidate("scipy", scipy),
            harness.Candidate("mtcc", lambda: mtcc.extract([palm] * 8), 8),
            harness.Candidate("transforms", transforms),
        ],
        size.rounds,
    )
    ratio, again = measured.seconds["scipy"] / measured.seconds["ours"], measured.again
    bare, milliseconds = measured.seconds["mtcc"] / measured.seconds["transforms"], 1000 * measured.seconds["mtcc"]
    reading = f"{milliseconds:.2f} ms"
    found = [
        Finding("Gabor bank, sampled: scipy takes", ratio, "x the time", "at least", 16.5, 8, again),
        Finding("MTCC template", bare, "x its transforms", "at most", 2.7, 1.4, again, reading=reading),
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
    """Processor time of an audit without attacks, start included, for each drawn picture and each copy.

    In times of what the networks and the graph cut, which are others' programs, take alone for one picture: measured
    before and after each audit, as mean and not as smallest time, for that is what an audit is.
    """
    name, subjects = "audit of drawn pictures: a picture or copy", 30
    if size.tenth:
        print(f"{name:44} left out: at a tenth of the size it would be the time that the program takes to start")
        return []
    options = ["--engine", "pixelate", "--recognizer", "mtcc", "--attack", "none", "--threads", "1", "--quiet"]
    others = _OthersWork()
    bounds, found = [others.mean_seconds()], []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(2):  # the first one may compile
            output = Path(folder, str(run))
            command = [sys.executable, "-m", "deidkit", "audit", "--dataset", f"synthetic:{subjects}", *options]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [*command, "--output", output, "--db", f"{output}.db"], check=True, stdout=subprocess.DEVNULL
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            bounds.append(others.mean_seconds())
            found.append((seconds / (2 * 4 * subjects), *bounds[-2:]))
    each, earlier, later = min(found, key=lambda run: 2 * run[0] / (run[1] + run[2]))
    bound = (earlier + later) / 2
    reading = f"{1000 * each:.0f} ms, of which networks and graph cut {1000 * bound:.0f}"
    return [Finding(name, each / bound, "x its networks", "at most", 3.6, 1.65, again=later / earlier, reading=reading)]


class _OthersWork:
    """What an audit's hand analysis leaves to others' programs, on some drawn pictures.

    MediaPipe's networks, the palm detector twice and the other one three times a picture, and OpenCV's graph cut with
    just what the segmenter calls it with.
    """

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        drawn, analyzer, segmenter = Synthetic(subjects=3), MediaPipe(), GrabCut()
        self._pictures = [drawn.read(sample) for sample in drawn.samples()]
        use, files = network.runtime("auto"), analyzer.weight_files()
        self._palms = network.load(files[PALM_FILE], palm_detector.OUTPUTS, use)
        self._keypoints = network.load(files[KEYPOINT_FILE], KEYPOINT_OUTPUTS, use)
        self._cuts: list[tuple[Any, ...]] = []
        cut = cv2.grabCut

        def remembered(*arguments: Any) -> object:
            self._cuts.append(tuple(np.copy(each) for each in arguments))
            return cut(*arguments)

        with patch.object(cv2, "grabCut", remembered):
            for picture in self._pictures:
                segmenter.segment(picture, analyzer.detect(picture)[0])
        self.mean_seconds()  # the first calls take longer

    def mean_seconds(self, rounds: int = 3) -> float:
        """Processor seconds a picture: the mean, as an audit's time is one, not the smallest."""
        sides = (palm_detector.SIDE, KEYPOINT_SIDE)
        small, large = (np.zeros((side, side, 3), np.uint8) for side in sides)
        start = time.process_time()
        for _ in range(rounds):
            for _ in self._pictures:
                for _ in range(2):
                    self._palms(small)
                for _ in range(3):
                    self._keypoints(large)
            for picture, labels, where, *models, iterations, mode in self._cuts:
                changed = [labels.copy(), tuple(where.tolist()), *(model.copy() for model in models)]
                cv2.grabCut(picture, *changed, int(iterations), int(mode))
        return (time.process_time() - start) / rounds / len(self._pictures)


GATES = [Gate("similarity", similarity), Gate("templates", templates), Gate("audit", audit)]
