"""Lines of a palm: principal lines from measured statistics, secondary lines, wrinkles and flexion creases.

Mean and modes of the principal lines were computed from the 1000 annotated triples published with Jin et al.,
"Diff-Palm", CVPR 2025 (Apache-2.0): a cubic Bezier curve fitted to each line, then principal components of the three
curves' 24 coordinates, 737 triples without an outlier. Nothing but these moments is taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deidkit.synthesis.anatomy import CHAINS, Anatomy, Points

# Unit ROI, x right and y down, of a hand whose index finger is on the left; life, head, heart line, four points each.
_MEAN = np.array([
    [0.082, 0.366], [0.329, 0.462], [0.495, 0.719], [0.602, 0.952],
    [0.042, 0.336], [0.328, 0.344], [0.619, 0.459], [0.844, 0.618],
    [0.308, 0.141], [0.507, 0.256], [0.749, 0.323], [0.983, 0.321],
])  # fmt: skip
_MODES = 1e-3 * np.array([
    [-10, 49, -34, 55, -47, 26, -51, 9, -4, 47, 9, 58, 15, 67, 17, 83, -17, 33, -16, 42, -8, 48, 0, 47],
    [-14, -8, 7, -23, 21, -7, 32, 2, 5, -1, 44, -16, 74, 20, 103, 41, -27, -30, -21, -23, -11, -15, 0, -15],
    [-32, -15, -30, -16, -38, -8, -42, -5, -2, -12, -7, -7, -20, -3, -23, -4, -69, -46, -54, -25, -29, -9, -1, -9],
    [-51, -21, -33, -39, -32, -17, -29, -14, 0, -10, 7, -22, 10, 1, 6, 11, 47, 6, 27, 18, 17, -1, 0, 2],
    [43, -5, 3, 31, -21, -4, -35, -14, -2, -22, 6, -13, 9, 1, 11, 2, 14, -16, 7, -6, 4, -15, 0, -9],
    [8, -20, 13, -8, 13, 8, 4, 19, -1, -18, 2, -18, -6, 7, -27, 47, 5, -15, -3, 5, 0, 9, 1, 7],
    [-17, 9, -8, 17, 0, 27, -1, 37, -9, -2, -3, -15, -8, 11, 8, -12, 9, -9, 3, 1, 3, -14, 0, -12],
    [5, 7, 3, -3, 2, -10, 6, -14, -19, 12, -11, -28, -11, 23, 6, -7, 2, -9, -4, 6, -3, 9, 0, 11],
    [3, -6, 6, -6, -6, 6, -4, 1, 4, -6, 4, -15, 1, 20, -4, -2, -16, 35, 7, -12, -2, -3, 1, -9],
])  # fmt: skip
_RESIDUAL = 0.011
"""Standard deviation of each coordinate's residual beyond the nine modes."""


@dataclass(frozen=True)
class Lines:
    """Lines sampled as dots.

    Attributes:
        points: (n, 2) positions in the hand's coordinates.
        strengths: (n,) darkness times the length, in palm widths, that a dot represents.
        widths: (n,) half-widths in palm widths.
    """

    points: Points
    strengths: NDArray[np.float64]
    widths: NDArray[np.float64]


def draw_creases(
    anatomy: Anatomy,
    rng: np.random.Generator,
    spacing: float,
    *,
    variety: float = 1.0,
    minor: float = 1.0,
    fingers: bool = True,
) -> Lines:
    """Sample all lines of one hand.

    Args:
        anatomy: Shape of the hand.
        rng: Random generator of the hand.
        spacing: Distance of dots along a line, in palm widths.
        variety: Factor on the measured variation of the principal lines about their mean.
        minor: Factor on the strength of secondary lines and wrinkles.
        fingers: Whether to include the creases of the fingers.
    """
    frame = RoiFrame(anatomy)
    depth = rng.uniform(0.75, 1.3)
    parts = [
        *_principal(frame, rng, spacing, depth, variety),
        *_secondary(frame, rng, spacing, minor * depth),
        _wrinkles(frame, rng, minor),
        *(_finger_creases(anatomy, rng, spacing, depth) if fingers else ()),
        *_wrist_creases(rng, spacing, depth),
    ]
    return Lines(*(np.concatenate([part[field] for part in parts]) for field in range(3)))


_Dots = tuple[Points, NDArray[np.float64], NDArray[np.float64]]


class RoiFrame:
    """Maps coordinates of the unit ROI, index finger on the right, to the hand's coordinates."""

    def __init__(self, anatomy: Anatomy) -> None:
        right, left = anatomy.valleys()
        line = right - left
        distance = float(np.hypot(*line))
        self.right = line / distance
        self.down = np.array([-self.right[1], self.right[0]])
        self.side = 1.2 * distance
        self.corner = (left + right) / 2 + 0.15 * distance * self.down - self.side / 2 * self.right

    def __call__(self, points: Points) -> Points:
        """(..., 2) hand coordinates of points in the unit ROI."""
        return np.asarray(self.corner + self.side * (points[..., :1] * self.right + points[..., 1:] * self.down))


def _principal(frame: RoiFrame, rng: np.random.Generator, spacing: float, depth: float, variety: float) -> list[_Dots]:
    modes = variety * np.clip(rng.standard_normal(len(_MODES)), -2.3, 2.3) @ _MODES
    unit = _MEAN + (modes + _RESIDUAL * rng.standard_normal(24)).reshape(12, 2)
    # The annotated regions are a quarter wider than the ROI of the valley rule and lie a little higher on the palm.
    own = np.stack([0.55 - 1.3 * (unit[:, 0] - 0.5), 0.48 + 1.15 * (unit[:, 1] - 0.36)], axis=1).reshape(3, 4, 2)
    life, head, heart = own
    life[1:3] += [[-0.04, -0.04], [-0.07, -0.02]]
    life = np.concatenate([life, _extended_end(life, rng.uniform(0.15, 0.5), bend=-0.5)[None]])
    heart = np.concatenate([heart, _extended_end(heart, rng.uniform(0.12, 0.3))[None]])
    if rng.random() < 0.07:  # single transverse palmar crease: heart and head line joined
        head = np.concatenate([head[:2], heart[-2:]])
        heart = heart[:3] + rng.uniform(-0.02, 0.02, 2)
    dots = []
    for control in (life, head, heart):
        strength, width = depth * rng.uniform(0.9, 1.5), rng.uniform(0.0035, 0.0065)
        for strand in range(3):  # a deep crease consists of several strands
            wander = 0.006 if strand == 0 else 0.012
            points = _wavy(frame(_bezier(control, _dot_count(control, frame, spacing))), rng, wander, 0.12)
            span = (0.0, 1.0) if strand == 0 else tuple(np.sort(rng.uniform(0, 1, 2)))
            share = (1.0, 0.42, 0.30)[strand]
            dots.append(_stroke(points, rng, strength * share, width * (1, 0.7, 0.6)[strand], span, 0.08, 45))
        dots += _branches(frame(_bezier(control, 60)), rng, spacing, 0.45 * strength)
    return dots


def _branches(line: Points, rng: np.random.Generator, spacing: float, strength: float) -> list[_Dots]:
    """Short branches off a line at small angles."""
    dots = []
    for _ in range(rng.integers(3, 8)):
        at = rng.integers(3, len(line) - 4)
        forward = line[at + 2] - line[at - 2]
        angle = np.arctan2(forward[1], forward[0]) + rng.choice([-1, 1]) * rng.uniform(0.25, 0.8)
        length = rng.uniform(0.06, 0.24)
        bend = rng.uniform(-0.5, 0.5)
        points = _arc(line[at], angle, length, bend, spacing)
        dots.append(_stroke(points, rng, strength * rng.uniform(0.4, 1), rng.uniform(0.003, 0.006), (-0.3, 1.0)))
    return dots


def _secondary(frame: RoiFrame, rng: np.random.Generator, spacing: float, depth: float) -> list[_Dots]:
    """Secondary lines, which differ most between hands: fate line, lines from the ulnar edge, and free lines."""
    dots = []
    controls = []
    if rng.random() < 0.75:  # fate line: from the wrist towards the middle finger
        fate = rng.uniform([[0.2, 0.95], [0.4, 0.05]], [[0.5, 1.3], [0.65, 0.5]])
        controls.append((fate, rng.uniform(0.35, 0.8)))
    for _ in range(rng.integers(1, 4)):  # from the ulnar edge, upwards
        edge, reach = rng.uniform([-0.2, 0.6], [0.3, 1.2]), rng.uniform([0.1, -0.5], [0.4, -0.1])
        controls.append((np.stack([edge, edge + reach]), rng.uniform(0.25, 0.6)))
    for _ in range(rng.integers(5, 13)):
        middle, angle, length = rng.uniform([-0.1, -0.05], [1.1, 1.15]), rng.uniform(0, np.pi), rng.uniform(0.12, 0.5)
        arm = length / 2 * np.array([np.cos(angle), np.sin(angle)])
        controls.append((np.stack([middle - arm, middle + arm]), rng.uniform(0.2, 0.75)))
    for ends, strength in controls:
        normal = np.array([-(ends[1] - ends[0])[1], (ends[1] - ends[0])[0]])
        control = np.stack([ends[0], ends.mean(0) + rng.normal(0, 0.13) * normal, ends[1]])
        points = _wavy(frame(_bezier(control, _dot_count(control, frame, spacing))), rng, 0.008, 0.12)
        dots.append(_stroke(points, rng, depth * strength, rng.uniform(0.0035, 0.0065), (-0.1, 1.1)))
    return dots


def _wrinkles(frame: RoiFrame, rng: np.random.Generator, strength: float) -> _Dots:
    """Hundreds of faint short lines in bundles, each with its own direction."""
    starts, angles = [], []
    abundance = rng.uniform(0.6, 1.5)
    for _ in range(rng.integers(9, 15)):
        middle = rng.uniform([-0.25, -0.2], [1.2, 1.5])
        thenar = middle[0] > 0.5 and middle[1] > 0.55
        angle = rng.normal(-0.85 if thenar else 0.4, 0.5 if thenar else 0.9)
        count = int(abundance * rng.integers(10, 34))
        offsets = rng.normal(0, rng.uniform(0.1, 0.3), (count, 2))
        starts.append(frame(middle + offsets))
        angles.append(angle + rng.normal(0, 1.2) * offsets[:, 0] + rng.normal(0, 0.18, count))
    count = sum(map(len, angles))
    lengths = np.minimum(rng.exponential(0.12, count) + 0.03, 0.4)
    strengths = strength * (0.7 * rng.beta(1.4, 3.0, count) + 0.08)
    widths = rng.uniform(0.0024, 0.0042, count)
    return _short_arcs(
        np.concatenate(starts), np.concatenate(angles), lengths, rng.normal(0, 0.4, count), strengths, widths
    )


def _short_arcs(
    starts: Points,
    angles: NDArray[np.float64],
    lengths: NDArray[np.float64],
    bends: NDArray[np.float64],
    strengths: NDArray[np.float64],
    widths: NDArray[np.float64],
) -> _Dots:
    """Many short arcs, each strongest in its middle; every argument has one item for each arc."""
    count = 60
    directions = angles[:, None] + bends[:, None] * np.linspace(-0.5, 0.5, count)
    step = (lengths / count)[:, None]
    arms = step[..., None] * np.stack([np.cos(directions), np.sin(directions)], axis=2)
    swell = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 0.7
    dark = strengths[:, None] * step * swell
    wide = np.broadcast_to(widths[:, None], dark.shape)
    return (starts[:, None] + np.cumsum(arms, axis=1)).reshape(-1, 2), dark.ravel(), wide.ravel()


def _finger_creases(anatomy: Anatomy, rng: np.random.Generator, spacing: float, depth: float) -> list[_Dots]:
    """Creases across the finger joints, and faint lines along the fingers."""
    dots = []
    k = anatomy.keypoints
    for number, chain in enumerate(CHAINS):
        for joint in (1, 2) if number == 0 else (0, 1, 2):
            here, after = k[chain[joint]], k[chain[joint + 1]]
            forward = (after - here) / np.hypot(*(after - here))
            if joint == 0:  # the crease at a finger's base lies above the knuckle
                here = here + 0.44 * (after - here)
            half = anatomy.half_widths[number][min(max(joint - 1, 0), 1)]
            for line in range(rng.integers(2, 4)):
                middle = here + forward * (rng.normal(0, 0.014) + (line - 0.5) * 0.035)
                tilt = rng.normal(0, 0.07)
                across = np.array([-forward[1], forward[0]]) + tilt * forward
                reach = half * rng.uniform(0.75, 1.05) * (1 if line < 2 else 0.6)
                sag = rng.uniform(-0.02, 0.03)
                control = np.stack([middle - reach * across, middle - sag * forward, middle + reach * across])
                count = max(8, int(2 * reach / spacing))
                points = _wavy(_bezier(control, count), rng, 0.006, 0.08)
                strength = depth * (0.75, 0.55, 0.35)[line] * rng.uniform(0.6, 1.1)
                dots.append(_stroke(points, rng, strength, rng.uniform(0.004, 0.007), (-0.05, 1.05)))
        dots.append(_finger_lines(anatomy, number, rng))
    return dots


def _wrist_creases(rng: np.random.Generator, spacing: float, depth: float) -> list[_Dots]:
    """Creases across the wrist."""
    dots = []
    for height in np.cumsum(rng.uniform(0.05, 0.10, rng.integers(2, 4))) - 0.02:
        control = np.array([[-0.46, height - 0.02], [0.0, height + rng.uniform(-0.03, 0.05)], [0.46, height - 0.03]])
        points = _wavy(_bezier(control, int(0.92 / spacing)), rng, 0.008, 0.1)
        dots.append(_stroke(points, rng, depth * rng.uniform(0.25, 0.6), rng.uniform(0.004, 0.007), (-0.05, 1.05)))
    return dots


def _finger_lines(anatomy: Anatomy, number: int, rng: np.random.Generator) -> _Dots:
    """Faint lines along and across a finger."""
    count = rng.integers(12, 24)
    chain = anatomy.keypoints[list(CHAINS[number])]
    bones = rng.integers(0 if number == 0 else 1, 3, count)
    arms = np.diff(chain, axis=0)[bones]
    normals = np.stack([-arms[:, 1], arms[:, 0]], axis=1) / np.linalg.norm(arms, axis=1)[:, None]
    half = anatomy.half_widths[number][1]
    starts = chain[bones] + rng.uniform(0, 0.9, (count, 1)) * arms + rng.uniform(-0.8, 0.8, (count, 1)) * half * normals
    across = np.where(rng.random(count) < 0.3, np.pi / 2, 0.0)
    angles = np.arctan2(arms[:, 1], arms[:, 0]) + rng.normal(0, 0.25, count) + across
    strengths, lengths = rng.uniform(0.1, 0.35, count), rng.uniform(0.04, 0.16, count)
    return _short_arcs(starts, angles, lengths, np.zeros(count), strengths, np.full(count, 0.0035))


def _bezier(control: Points, count: int) -> Points:
    """(count, 2) points of a Bezier curve of any degree (de Casteljau)."""
    t = np.linspace(0, 1, count)[:, None]
    curves = [np.broadcast_to(point, (count, 2)) for point in control]
    while len(curves) > 1:
        curves = [(1 - t) * one + t * other for one, other in pairwise(curves)]
    return np.asarray(curves[0])


def _arc(start: NDArray[np.float64], angle: float, length: float, bend: float, spacing: float) -> Points:
    count = max(4, int(length / spacing))
    directions = angle + bend * np.linspace(-0.5, 0.5, count)
    steps = length / count * np.stack([np.cos(directions), np.sin(directions)], axis=1)
    return np.asarray(start + np.cumsum(steps, axis=0))


def _extended_end(control: Points, length: float, bend: float = 0.0) -> NDArray[np.float64]:
    forward = control[-1] - control[-2]
    forward = forward / max(np.hypot(*forward), 1e-6)
    cos, sin = np.cos(bend), np.sin(bend)
    return np.asarray(
        control[-1] + length * np.array([forward[0] * cos - forward[1] * sin, forward[0] * sin + forward[1] * cos])
    )


def _dot_count(control: Points, frame: RoiFrame, spacing: float) -> int:
    return max(8, int(frame.side * np.hypot(*np.diff(control, axis=0).T).sum() / spacing))


def _wavy(points: Points, rng: np.random.Generator, size: float, period: float) -> Points:
    """Displace a line sideways by smooth noise with standard deviation `size` and correlation length about `period`."""
    length = np.hypot(*np.diff(points, axis=0).T).sum()
    knots = max(3, int(length / (0.5 * period)) + 1)
    wave = np.interp(np.linspace(0, knots - 1, len(points)), np.arange(knots), size * rng.standard_normal(knots))
    window = max(1, len(points) // knots)
    wave = np.convolve(
        np.pad(wave, (window // 2, window - 1 - window // 2), "edge"), np.full(window, 1 / window), "valid"
    )
    forward = np.gradient(points, axis=0)
    normal = np.stack([-forward[:, 1], forward[:, 0]], axis=1) / np.maximum(np.hypot(*forward.T), 1e-9)[:, None]
    return np.asarray(points + wave[:, None] * normal)


def _stroke(
    points: Points,
    rng: np.random.Generator,
    strength: float,
    width: float,
    span: tuple[float, ...],
    fading: float = 0.2,
    smooth: int = 9,
) -> _Dots:
    """Dots of a line with varying strength and width that fades out at the ends of its visible span."""
    t = np.linspace(0, 1, len(points))
    low, high = span[0], max(span[1], span[0] + 0.1)
    fade = np.clip((t - low) / fading, 0, 1) * np.clip((high - t) / (fading + 0.05), 0, 1)
    knots = max(3, len(points) // smooth)
    swell = np.interp(np.linspace(0, knots - 1, len(points)), np.arange(knots), rng.uniform(0.55, 1.25, knots))
    step = np.hypot(*np.diff(points, axis=0).T).sum() / len(points)
    return points, step * strength * fade * swell, width * (0.55 + 0.45 * fade) * np.sqrt(swell)
