"""Compiled loops over the pixels of a drawn hand. Importing this module imports numba.

Each computes what NumPy would, operation by operation in 32 bits, and so the same bits, without writing every
intermediate result to memory. Exponentials are left to NumPy, whose own differ from the compiler's in the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled
from deidkit.synthesis.scene import Light
from deidkit.synthesis.surface import BLOOD, CREASE, HEIGHT, OUTLINE

Plane = NDArray[np.float32]

_ONE, _ZERO = np.float32(1), np.float32(0)
_WRAP = np.float32(0.25)
"""Light that enters the skin leaves it elsewhere: the shadow's edge is soft."""

_WRAPPED, _ALONE, _UPRIGHT = np.float32(1.25), np.float32(0.4), np.float32(0.6)
_DARKEST = np.float32(1e-3)
_FLUSHED, _LINED = np.float32(0.5), np.float32(0.42)
_ARM_FROM, _ARM_OVER, _ARM = np.float32(0.1), np.float32(0.5), np.float32(0.5)
_RIM_WIDTH, _RIM = np.float32(0.06), np.float32(0.4)
_DEEPER, _LINE = np.float32(0.35), np.float32(0.6)


class Shading(NamedTuple):
    """What light and skin are like, as numbers of 32 bits.

    Attributes:
        x: Towards the main light, to the right.
        y: Down.
        z: To the camera.
        further: `z` and 1.
        half: Length of what lies halfway between light and camera.
        ambient: Share of the even light.
        direct: The rest.
        gloss: How much the skin shines.
        lines: Strength of creases.
        blood: Amount of haemoglobin.
        melanin: Amount of melanin.
    """

    x: np.float32
    y: np.float32
    z: np.float32
    further: np.float32
    half: np.float32
    ambient: np.float32
    direct: np.float32
    gloss: np.float32
    lines: np.float32
    blood: np.float32
    melanin: np.float32

    @classmethod
    def of(cls, light: Light, *, lines: float, blood: float, melanin: float) -> Shading:
        """The same numbers, rounded."""
        x, y, z = light.towards
        half = float(np.sqrt(x * x + y * y + (z + 1) ** 2))
        numbers = (x, y, z, z + 1, half, light.ambient, 1 - light.ambient, light.gloss, lines, blood, melanin)
        return cls(*(np.float32(number) for number in numbers))


@compiled
def covered(layers: NDArray[np.float32], unit: np.float32, cover: Plane, relief: Plane) -> None:
    """How much of each pixel the hand covers, 0..1, and its height as a plane of its own.

    Args:
        layers: (h, w, 4), the maps as they are seen.
        unit: Pixels in one palm width.
        cover: (h, w), written.
        relief: (h, w), written.
    """
    half = np.float32(0.5)
    for row in range(cover.shape[0]):
        for column in range(cover.shape[1]):
            share = layers[row, column, OUTLINE] * unit + half
            cover[row, column] = min(max(share, _ZERO), _ONE)
            relief[row, column] = layers[row, column, HEIGHT]


@compiled
def lit(
    pixels: NDArray[np.int64],
    layers: NDArray[np.float32],
    slopes: tuple[Plane, Plane],
    along: Plane,
    blotches: Plane,
    shading: Shading,
    seen: NDArray[np.float32],
) -> None:
    """Brightness, shine and pigments of the hand's pixels.

    Args:
        pixels: (n,) which pixels, row by row.
        layers: (h * w, 4) the maps as they are seen.
        slopes: (h * w,) rise of the relief to the right, and downwards.
        along: (h, w) place on the hand at rest, downwards.
        blotches: (h * w,) blood that comes and goes.
        shading: Light and skin.
        seen: (4, n) brightness, shine, melanin and blood, written.
    """
    (to_right, down), width = slopes, along.shape[1]
    brightness, shine, brown, red = seen[0], seen[1], seen[2], seen[3]
    for i in range(len(pixels)):
        pixel = pixels[i]
        slope_x, slope_y = to_right[pixel], down[pixel]
        upright = _ONE / np.sqrt(_ONE + slope_x * slope_x + slope_y * slope_y)
        facing = (shading.z - shading.x * slope_x - shading.y * slope_y) * upright
        diffuse = max((facing + _WRAP) / _WRAPPED, _ZERO)
        mirrored = max((shading.further - shading.x * slope_x - shading.y * slope_y) * upright / shading.half, _ZERO)
        for _ in range(4):  # to the power of 16
            mirrored = mirrored * mirrored
        ambient = shading.ambient * (_ALONE + _UPRIGHT * upright)
        brightness[i] = max(ambient + shading.direct * diffuse, _DARKEST)
        shine[i] = shading.gloss * mirrored
        lines = shading.lines * layers[pixel, CREASE]
        blood = shading.blood * (_ONE + _FLUSHED * layers[pixel, BLOOD] + blotches[pixel])
        # The skin of the arm and of the back, which shows at the rim, is browner than that of the palm.
        arm = min(max((along[pixel // width, pixel % width] - _ARM_FROM) / _ARM_OVER, _ZERO), _ONE)
        rim = min(max(_ONE - layers[pixel, OUTLINE] / _RIM_WIDTH, _ZERO), _ONE)
        melanin = shading.melanin * (_ONE + _ARM * arm + _RIM * rim)
        brown[i] = melanin * (_ONE + _DEEPER * lines) + _LINE * lines
        red[i] = blood + _LINED * lines


@compiled
def absorbed(brightness: Plane, brown: Plane, red: Plane, pigments: Plane, left: Plane) -> None:
    """Logarithm of the light that the skin gives back; all (n,), the last one written.

    Args:
        brightness: Its logarithm.
        brown: Melanin.
        red: Haemoglobin.
        pigments: (3,) what an amount of 1 of melanin and of haemoglobin takes, and the exponent of the brightness.
        left: Written.
    """
    melanin, haemoglobin, shadow = pigments[0], pigments[1], pigments[2]
    for i in range(len(left)):
        left[i] = shadow * brightness[i] - (melanin * brown[i] + haemoglobin * red[i])


@compiled
def laid_over(
    pixels: NDArray[np.int64], skin: Plane, bare: np.float32, shine: Plane, cover: Plane, plane: Plane
) -> None:
    """Mix the skin's colour into a plane of the picture.

    Args:
        pixels: (n,) which pixels, row by row.
        skin: (n,) share of the light that it gives back.
        bare: What it gives back without pigments.
        shine: (n,).
        cover: (h * w,) how much of a pixel the hand covers.
        plane: (h * w,), changed.
    """
    for i in range(len(pixels)):
        pixel = pixels[i]
        behind = plane[pixel]
        plane[pixel] = behind + cover[pixel] * (bare * skin[i] + shine[i] - behind)
