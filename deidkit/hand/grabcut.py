"""Separates a hand from its background: keypoints say where it must and cannot be, colours decide in between.

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

# Half widths in units of the palm's length (wrist to middle finger's knuckle), found on photographs of flat hands.
_SURE_BONE, _SURE_PALM = 0.04, -0.05
_FINGER, _PALM_EDGE = 0.17, 0.28
_TIP = 0.12
"""How far flesh may reach beyond the last keypoint of a finger, and certainly does by a third of it."""
_WRIST = 0.12
"""Where the hand ends: so far beyond the wrist keypoint, square to the palm's direction."""
_HOLE = 0.12
"""Side of the largest hole that is taken for a ring or a reflection, not for the gap between two fingers."""

_FOREIGN_HUE = 6.0
"""Standard deviations in a*b* from the hand's own colour beyond which nothing is skin: pegs, sleeves, paint."""

_FEWEST_PIXELS = 20
"""Pixels of sure background below which there is nothing to separate the hand from."""

_STEP = 3
"""Colours are sorted into those of hand and background by every third pixel in rows and columns. On drawn hands and on
photographs the masks are as good as by all of them, in half of the time."""


@dataclass
class GrabCut(Segmenter):
    """GrabCut seeded with the bones between keypoints, cut off at the wrist and closed as the paper does.

    The outline follows the colours within a band about the keypoints and never leaves it: where hand and background
    look the same, the mask is as wide as a hand can be, not arbitrary.
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
        found = _separate(np.asarray(small, np.uint8), own, self.iterations)
        smooth = cv2.resize(found.astype(np.float32), (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
        mask[low[1] : high[1], low[0] : high[0]] = smooth > 0.5
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8), iterations=2)
        return np.asarray(closed, bool)


def _separate(picture: NDArray[np.uint8], keypoints: NDArray[np.float64], iterations: int) -> NDArray[np.bool_]:
    """The hand in a small picture; both in the small picture's pixels."""
    shape = picture.shape[:2]
    length = float(np.linalg.norm(keypoints[9] - keypoints[0]))
    sure = _drawn(shape, keypoints, _SURE_BONE * length, _SURE_PALM * length, _TIP / 3 * length)
    possible = _drawn(shape, keypoints, _FINGER * length, _PALM_EDGE * length, _TIP * length) | sure
    towards_arm = _towards_arm(shape, keypoints)
    beyond = towards_arm > 0
    # The arm has the hand's colours: whatever lies beyond the wrist must not teach the background's.
    labels = np.where(beyond, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    if min(int((sure & ~beyond).sum()), int((~possible & ~beyond).sum())) >= _FEWEST_PIXELS:
        labels[possible] = _first_guess(picture, sure & ~beyond, ~possible & ~beyond, possible)
        labels[sure] = cv2.GC_FGD
        # On a perfectly even picture every cut costs the same and the search takes seconds: a little noise decides.
        noise = np.random.default_rng(0).integers(-2, 3, picture.shape, dtype=np.int16)
        grainy = np.clip(picture + noise, 0, 255).astype(np.uint8)
        _cut(grainy, labels, iterations)
        found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)) & possible
    else:
        found = possible
    return _tidy(found & (towards_arm <= _WRIST * length), sure, (_HOLE * length) ** 2)


def _cut(picture: NDArray[np.uint8], labels: NDArray[np.uint8], iterations: int) -> None:
    """GrabCut; changes the labels."""
    nowhere, background, foreground = (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65))
    is_hand = (labels[::_STEP, ::_STEP] == cv2.GC_FGD) | (labels[::_STEP, ::_STEP] == cv2.GC_PR_FGD)
    step = _STEP if min(int(is_hand.sum()), int((~is_hand).sum())) >= _FEWEST_PIXELS else 1
    some, their = (np.ascontiguousarray(plane[::step, ::step]) for plane in (picture, labels))
    cv2.setRNGSeed(0)  # the colour models start from a random clustering
    cv2.grabCut(some, their, nowhere, background, foreground, 0, cv2.GC_INIT_WITH_MASK)
    cv2.grabCut(picture, labels, nowhere, background, foreground, iterations, cv2.GC_EVAL)


def _drawn(
    shape: tuple[int, ...], keypoints: NDArray[np.float64], finger: float, palm: float, tip: float
) -> NDArray[np.bool_]:
    """Fingers as thick lines, the palm as its hull grown (or, if negative, shrunk) by `palm` pixels."""
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
            # Counting takes a quarter of the time of dilating: OpenCV transforms what is as large.
            part[:] = cv2.filter2D(part, cv2.CV_32F, disc, borderType=cv2.BORDER_CONSTANT) > least
    for finger_points in _FINGERS:
        joints = keypoints[list(finger_points)]
        last = joints[3] - joints[2]
        joints[3] += last / max(float(np.linalg.norm(last)), 1e-6) * max(tip - finger, 0.0)
        line = np.round(joints - 0.5).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(canvas, [line], False, 1, max(1, round(2 * finger)))
    return canvas.astype(bool)


def _towards_arm(shape: tuple[int, ...], keypoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many pixels each pixel lies beyond the wrist, on the arm's side."""
    direction = keypoints[0] - keypoints[9]
    direction = direction / max(float(np.linalg.norm(direction)), 1e-6)
    down, across = (np.arange(length) + 0.5 for length in shape)
    return np.asarray((across - keypoints[0, 0]) * direction[0] + ((down - keypoints[0, 1]) * direction[1])[:, None])


def _first_guess(
    picture: NDArray[np.uint8], hand: NDArray[np.bool_], background: NDArray[np.bool_], unlabelled: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """GrabCut labels from colours alone: two Gaussians over CIELAB, and what has no hand's hue at all.

    Args:
        picture: (h, w, 3).
        hand: (h, w), pixels that are surely of the hand.
        background: (h, w), those that surely are not.
        unlabelled: (h, w), n pixels to label.

    Returns:
        (n,) labels.
    """
    planes = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB))
    # One row for each channel: NumPy is slow where rows are as short as three.
    skin, others, colours = (
        np.stack([plane[place] for plane in planes]).astype(np.float64) for place in (hand, background, unlabelled)
    )
    likely = _log_density(colours, skin) > _log_density(colours, others)
    labels = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[_distance(colours[1:], *_gaussian(skin[1:])) > _FOREIGN_HUE**2] = cv2.GC_BGD
    return labels


def _gaussian(examples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance; a flat colour is still given some noise."""
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


def _tidy(found: NDArray[np.bool_], sure: NDArray[np.bool_], largest_hole: float) -> NDArray[np.bool_]:
    """Drop what does not touch the seeds, and fill holes of up to so many pixels; larger ones lie between fingers."""
    count, parts = cv2.connectedComponents(found.astype(np.uint8), connectivity=4)
    touching = np.zeros(count, bool)
    touching[np.unique(parts[sure & found])] = True
    touching[0] = False
    kept = touching[parts]
    _, gaps, sizes, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    filled = sizes[:, cv2.CC_STAT_AREA] <= largest_hole
    return np.asarray(kept | filled[gaps])
