"""Compiled loops over the pixels of a drawn hand. Importing this module imports numba.

They give bit-identical results to the same float32 operations in NumPy, without storing intermediate arrays.
Exponentials are left to NumPy, as the compiler's differ in the last bit.
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
"""Wrap of diffuse light around the terminator, for subsurface scattering."""

_WRAPPED, _ALONE, _UPRIGHT = np.float32(1.25), np.float32(0.4), np.float32(0.6)
_DARKEST = np.float32(1e-3)
_FLUSHED, _LINED = np.float32(0.5), np.float32(0.42)
_ARM_FROM, _ARM_OVER, _ARM = np.float32(0.1), np.float32(0.5), np.float32(0.5)
_RIM_WIDTH, _RIM = np.float32(0.06), np.float32(0.4)
_DEEPER, _LINE = np.float32(0.35), np.float32(0.6)


class Shading(NamedTuple):
    """Parameters of light and skin as float32.

    Attributes:
        x: Direction of the main light, component to the right.
        y: Component downwards.
        z: Component towards the camera.
        further: z + 1, the half vector's component towards the camera before normalization.
        half: Length of the half vector before normalization.
        ambient: Share of ambient light.
        direct: Share of direct light, 1 - `ambient`.
        gloss: Strength of specular reflection.
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
        """Round the parameters of a light and a skin to float32."""
        x, y, z = light.towards
        half = float(np.sqrt(x * x + y * y + (z + 1) ** 2))
        numbers = (x, y, z, z + 1, half, light.ambient, 1 - light.ambient, light.gloss, lines, blood, melanin)
        return cls(*(np.float32(number) for number in numbers))


@compiled
def covered(layers: NDArray[np.float32], unit: np.float32, cover: Plane, relief: Plane) -> None:
    """Compute the coverage of each pixel by the hand, 0..1, and extract the height map.

    Args:
        layers: (h, w, 4) maps warped to the picture.
        unit: Pixels in one palm width.
        cover: (h, w) output.
        relief: (h, w) output.
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
    """Compute brightness, specular reflection and pigments of the hand's pixels.

    Args:
        pixels: (n,) indices of the pixels in row-major order.
        layers: (h * w, 4) maps warped to the picture.
        slopes: Two (h * w,) gradients of the relief, to the right and downwards.
        along: (h, w) y coordinate on the hand at rest.
        blotches: (h * w,) relative variation of blood.
        shading: Parameters of light and skin.
        seen: (4, n) output: brightness, specular reflection, melanin and blood.
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
        # The skin of the arm, and of the hand's back at the rim, has more melanin than that of the palm.
        arm = min(max((along[pixel // width, pixel % width] - _ARM_FROM) / _ARM_OVER, _ZERO), _ONE)
        rim = min(max(_ONE - layers[pixel, OUTLINE] / _RIM_WIDTH, _ZERO), _ONE)
        melanin = shading.melanin * (_ONE + _ARM * arm + _RIM * rim)
        brown[i] = melanin * (_ONE + _DEEPER * lines) + _LINE * lines
        red[i] = blood + _LINED * lines


@compiled
def absorbed(brightness: Plane, brown: Plane, red: Plane, pigments: Plane, left: Plane) -> None:
    """Compute the logarithm of the skin's diffuse reflection; all arrays (n,).

    Args:
        brightness: Logarithm of the brightness.
        brown: Amount of melanin.
        red: Amount of haemoglobin.
        pigments: (3,) absorbance of a unit amount of melanin and of haemoglobin, and the exponent of the brightness.
        left: Output.
    """
    melanin, haemoglobin, shadow = pigments[0], pigments[1], pigments[2]
    for i in range(len(left)):
        left[i] = shadow * brightness[i] - (melanin * brown[i] + haemoglobin * red[i])


@compiled
def laid_over(
    pixels: NDArray[np.int64], skin: Plane, bare: np.float32, shine: Plane, cover: Plane, plane: Plane
) -> None:
    """Blend the skin into one colour plane of the picture.

    Args:
        pixels: (n,) indices of the pixels in row-major order.
        skin: (n,) diffuse reflection relative to bare skin.
        bare: Reflectance of skin without pigments.
        shine: (n,) specular reflection.
        cover: (h * w,) coverage of each pixel by the hand.
        plane: (h * w,) background, blended in place.
    """
    for i in range(len(pixels)):
        pixel = pixels[i]
        behind = plane[pixel]
        plane[pixel] = behind + cover[pixel] * (bare * skin[i] + shine[i] - behind)
