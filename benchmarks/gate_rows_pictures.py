"""Gates of what is done with pictures: quality, templates and whole audits."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness

# isort: split
import cv2
import numpy as np
from gate import Finding, Gate, Size, by_processor

from deidkit import plugins
from deidkit.descriptors import stderr_silenced
from deidkit.hand.mediapipe import KEYPOINT_FILE, PALM_FILE, MediaPipe
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
    most = by_processor(1.9, 2.7)
    found = [
        Finding("Gabor bank, sampled: scipy takes", ratio, "x the time", "at least", 16.5, 8, again),
        Finding("MTCC template", bare, "x its transforms", "at most", most, 1.4, again, reading=reading),
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

    In times of what the networks and a graph cut, which are others' programs, take alone for one picture: measured
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
    bound, quickest = (earlier + later) / 2, 1000 * min(run[0] for run in found)
    reading = f"{1000 * each:.0f} ms; networks and graph cut {1000 * bound:.0f}"
    return [
        Finding(name, each / bound, "x its networks", "at most", 4.0, 1.65, again=later / earlier, reading=reading),
        Finding(f"{name}, time", quickest, "ms", "at most", 400, 100),
    ]


class _OthersWork:
    """What an audit leaves to others' programs for a picture, the same whatever deidkit does with them.

    MediaPipe's networks in LiteRT, the palm detector twice and the other one three times, and one of OpenCV's graph
    cuts: of a picture with the longer side that a segmenter cuts at, its colours from every third row and column.
    """

    def __init__(self) -> None:
        from ai_edge_litert.interpreter import Interpreter

        cv2.setNumThreads(1)
        files = MediaPipe().weight_files()
        self._networks = []
        for file, looks in ((PALM_FILE, 2), (KEYPOINT_FILE, 3)):
            with stderr_silenced():  # the library prints a line when it is first used
                network = Interpreter(str(files[file]), num_threads=1)
                network.allocate_tensors()
            entry = network.get_input_details()[0]
            network.set_tensor(entry["index"], np.zeros(entry["shape"], np.float32))
            self._networks += [network] * looks
        self._picture, self._labels = _hand_to_cut()
        self.mean_seconds(1)  # the first calls take longer

    def mean_seconds(self, rounds: int = 36) -> float:
        """Processor seconds a picture: the mean, as an audit's time is one, not the smallest."""
        start = time.process_time()
        for _ in range(rounds):
            for network in self._networks:
                network.invoke()
            models, nowhere = np.zeros((2, 1, 65)), (0, 0, 1, 1)
            some, their = (np.ascontiguousarray(plane[::3, ::3]) for plane in (self._picture, self._labels))
            cv2.setRNGSeed(0)
            cv2.grabCut(some, their, nowhere, *models, 0, cv2.GC_INIT_WITH_MASK)
            cv2.grabCut(self._picture, self._labels.copy(), nowhere, *models, 1, cv2.GC_EVAL)
        return (time.process_time() - start) / rounds


def _hand_to_cut() -> tuple[np.ndarray, np.ndarray]:
    """A hand of 256 x 192 pixels, a little like its background, and labels for a graph cut: few pixels are sure."""

    def hand(thickness: int) -> np.ndarray:
        canvas = np.zeros((256, 192), np.uint8)
        cv2.ellipse(canvas, (96, 170), (24 + thickness, 34 + thickness), 0, 0, 360, 1, -1)
        for tip in ((22, 120), (58, 44), (90, 28), (120, 40), (152, 70)):
            cv2.line(canvas, (96, 160), tip, 1, thickness)
        return canvas.astype(bool)

    light = np.linspace(-25, 25, 192)[:, None] + np.random.default_rng(0).normal(0, 12, (256, 192, 3))
    colours = np.where(hand(20)[..., None], (200, 150, 130), (150, 150, 150))
    labels = np.full((256, 192), cv2.GC_BGD, np.uint8)
    labels[hand(30)], labels[hand(20)], labels[hand(2)] = cv2.GC_PR_BGD, cv2.GC_PR_FGD, cv2.GC_FGD
    return np.clip(colours + light, 0, 255).astype(np.uint8), labels


GATES = [Gate("similarity", similarity), Gate("templates", templates), Gate("audit", audit)]
