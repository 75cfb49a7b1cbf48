"""Segmentation of a hand by colour, constrained by its keypoints.

Rother, Kolmogorov, Blake, "GrabCut: interactive foreground extraction using iterated graph cuts", ACM Trans. Graph.
23(3):309, 2004, seeded with the bones instead of by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Hand, Image, Mask, Segmenter, option

_FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
_PALM = (0, 1, 2, 5, 9, 13, 17)

# Half widths in parts of the palm's length (wrist to middle knuckle), tuned on photographs of flat hands.
_SURE_BONE, _SURE_PALM = 0.04, -0.05
_FINGER, _PALM_EDGE = 0.17, 0.28
_TIP = 0.12
"""Largest extent of a fingertip beyond its last keypoint, in palm lengths; a third of it is certainly hand."""
_WRIST_MARGIN = 0.12
"""Distance of the mask's end beyond the wrist keypoint, perpendicular to the palm's direction, in palm lengths."""
_LARGEST_HOLE = 0.12
"""Side of the largest hole, in palm lengths, that is filled (a ring, a reflection); gaps between fingers are larger."""

_FOREIGN_HUE = 6.0
"""Distance in a*b* from the hand's colour, in standard deviations, beyond which a pixel is not skin (pegs, sleeves)."""

_FEWEST_PIXELS = 20
"""Least number of certain background pixels for a segmentation."""

_MODEL_STRIDE = 3
"""Stride, in rows and columns, of the pixels that fit the colour models. On synthetic hands and photographs the masks
are as good as with all pixels, in half the time."""


@dataclass
class GrabCut(Segmenter):
    """GrabCut seeded with the bones between keypoints, cut off at the wrist and closed as in the paper.

    The outline follows colours within a band around the keypoints and never leaves it: if hand and background look the
    same, the mask is as wide as a hand can be, not arbitrary.
    """

    side: int = option(256, "Longer side in pixels at which the hand is separated", minimum=64, maximum=1024)
    iterations: int = option(1, "Rounds of colour model and graph cut", minimum=1, maximum=20)
    version: str = field(default="2", init=False)

    def segment(self, image: Image, hand: Hand) -> Mask:
        """The mask of one hand, closed with a 5 x 5 kernel, 2 iterations (arXiv 2504.08272)."""
        height, width = image.shape[:2]
        keypoints = np.asarray(hand.keypoints, np.float64)
        length = max(float(np.linalg.norm(keypoints[9] - keypoints[0])), 1.0)
        low = np.clip(np.floor(keypoints.min(axis=0) - 0.6 * length), 0, [width, height]).astype(int)
        high = np.clip(np.ceil(keypoints.max(axis=0) + 0.6 * length), 0, [width, height]).astype(int)
        mask = np.zeros((height, width), np.uint8)
        if (high - low).min() < 2:
            return mask.astype(bool)
        part = image[low[1] : high[1], low[0] : high[0]]
        scale = min(1.0, self.side / max(part.shape[:2]))
        size = np.maximum(np.round((high - low) * scale), 2).astype(int)
        small = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
        own = (keypoints - low) * (size / (high - low))
        found = _segment(np.asarray(small, np.uint8), own, self.iterations)
        smooth = cv2.resize(found.astype(np.float32), (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
        mask[low[1] : high[1], low[0] : high[0]] = smooth > 0.5
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8), iterations=2)
        return np.asarray(closed, bool)


def _segment(picture: NDArray[np.uint8], keypoints: NDArray[np.float64], iterations: int) -> NDArray[np.bool_]:
    """Segment a reduced picture; keypoints are in its pixels."""
    shape = picture.shape[:2]
    length = float(np.linalg.norm(keypoints[9] - keypoints[0]))
    sure = _skeleton_mask(shape, keypoints, _SURE_BONE * length, _SURE_PALM * length, _TIP / 3 * length)
    possible = _skeleton_mask(shape, keypoints, _FINGER * length, _PALM_EDGE * length, _TIP * length) | sure
    towards_arm = _distance_beyond_wrist(shape, keypoints)
    beyond = towards_arm > 0
    # Pixels beyond the wrist must not train the background model: the arm has the hand's colours.
    labels = np.where(beyond, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    if min(int((sure & ~beyond).sum()), int((~possible & ~beyond).sum())) >= _FEWEST_PIXELS:
        labels[possible] = _initial_labels(picture, sure & ~beyond, ~possible & ~beyond, possible)
        labels[sure] = cv2.GC_FGD
        # On a uniform picture all cuts have equal cost and the search takes seconds: add a little noise.
        noise = np.random.default_rng(0).integers(-2, 3, picture.shape, dtype=np.int16)
        grainy = np.clip(picture + noise, 0, 255).astype(np.uint8)
        _run_grabcut(grainy, labels, iterations)
        found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)) & possible
    else:
        found = possible
    return _cleaned(found & (towards_arm <= _WRIST_MARGIN * length), sure, (_LARGEST_HOLE * length) ** 2)


def _run_grabcut(picture: NDArray[np.uint8], labels: NDArray[np.uint8], iterations: int) -> None:
    """Run GrabCut; modifies the labels."""
    nowhere, background, foreground = (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65))
    is_hand = (labels[::_MODEL_STRIDE, ::_MODEL_STRIDE] == cv2.GC_FGD) | (
        labels[::_MODEL_STRIDE, ::_MODEL_STRIDE] == cv2.GC_PR_FGD
    )
    step = _MODEL_STRIDE if min(int(is_hand.sum()), int((~is_hand).sum())) >= _FEWEST_PIXELS else 1
    some, their = (np.ascontiguousarray(plane[::step, ::step]) for plane in (picture, labels))
    cv2.setRNGSeed(0)  # the colour models start from a random clustering
    cv2.grabCut(some, their, nowhere, background, foreground, 0, cv2.GC_INIT_WITH_MASK)
    cv2.grabCut(picture, labels, nowhere, background, foreground, iterations, cv2.GC_EVAL)


def _skeleton_mask(
    shape: tuple[int, ...], keypoints: NDArray[np.float64], finger: float, palm: float, tip: float
) -> NDArray[np.bool_]:
    """Mask of the fingers as thick lines and of the palm's hull, dilated (or, if negative, eroded) by `palm` pixels."""
    canvas = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.round(keypoints[list(_PALM)] - 0.5).astype(np.int32))
    cv2.fillConvexPoly(canvas, hull, 1)
    reach = round(abs(palm))
    if reach:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)).astype(np.float32)
        least = 0.5 if palm > 0 else float(disc.sum()) - 0.5
        left, top, width, height = cv2.boundingRect(hull)
        part = canvas[
            max(top - reach, 0) : max(top + height + reach, 0), max(left - reach, 0) : max(left + width + reach, 0)
        ]
        if part.size:
            # Filtering takes a quarter of the time of a dilation: OpenCV uses a Fourier transform for large kernels.
            part[:] = cv2.filter2D(part, cv2.CV_32F, disc, borderType=cv2.BORDER_CONSTANT) > least
    for finger_points in _FINGERS:
        joints = keypoints[list(finger_points)]
        last = joints[3] - joints[2]
        joints[3] += last / max(float(np.linalg.norm(last)), 1e-6) * max(tip - finger, 0.0)
        line = np.round(joints - 0.5).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(canvas, [line], False, 1, max(1, round(2 * finger)))
    return canvas.astype(bool)


def _distance_beyond_wrist(shape: tuple[int, ...], keypoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distance of each pixel beyond the wrist, towards the arm, in pixels."""
    direction = keypoints[0] - keypoints[9]
    direction = direction / max(float(np.linalg.norm(direction)), 1e-6)
    down, across = (np.arange(length) + 0.5 for length in shape)
    return np.asarray((across - keypoints[0, 0]) * direction[0] + ((down - keypoints[0, 1]) * direction[1])[:, None])


def _initial_labels(
    picture: NDArray[np.uint8], hand: NDArray[np.bool_], background: NDArray[np.bool_], unlabelled: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Initial GrabCut labels by colour: Gaussian models in CIELAB, and exclusion of hues that are not the hand's.

    Args:
        picture: (h, w, 3).
        hand: (h, w), certain hand pixels.
        background: (h, w), certain background pixels.
        unlabelled: (h, w), the n pixels to label.

    Returns:
        (n,) labels.
    """
    planes = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB))
    # Channels first: NumPy is slow on a last axis of length three.
    skin, others, colours = (
        np.stack([plane[place] for plane in planes]).astype(np.float64) for place in (hand, background, unlabelled)
    )
    likely = _log_density(colours, skin) > _log_density(colours, others)
    labels = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[_distance(colours[1:], *_gaussian(skin[1:])) > _FOREIGN_HUE**2] = cv2.GC_BGD
    return labels


def _gaussian(examples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance, regularised for flat colours."""
    return examples.mean(axis=1), np.cov(examples) + 4.0 * np.eye(len(examples))


def _distance(
    colours: NDArray[np.float64], mean: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) squared Mahalanobis distance of (channels, n) colours."""
    away = colours - mean[:, None]
    return np.asarray(((np.linalg.inv(spread) @ away) * away).sum(axis=0))


def _log_density(colours: NDArray[np.float64], examples: NDArray[np.float64]) -> NDArray[np.float64]:
    mean, spread = _gaussian(examples)
    return np.asarray(-0.5 * (_distance(colours, mean, spread) + np.linalg.slogdet(spread)[1]))


def _cleaned(found: NDArray[np.bool_], sure: NDArray[np.bool_], largest_hole: float) -> NDArray[np.bool_]:
    """Drop components that do not touch the seeds, and fill holes of up to `largest_hole` pixels."""
    count, parts = cv2.connectedComponents(found.astype(np.uint8), connectivity=4)
    touching = np.zeros(count, bool)
    touching[np.unique(parts[sure & found])] = True
    touching[0] = False
    kept = touching[parts]
    _, gaps, sizes, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    filled = sizes[:, cv2.CC_STAT_AREA] <= largest_hole
    return np.asarray(kept | filled[gaps])
