"""Augmentation of whole batches of training pictures: geometry, background, light, focus.

The shares of composited backgrounds, of grey and of blurred pictures, of soft mask edges and of light spots are those
of the authors' program; theirs were photographs, here they are drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit_analyzers.pklnet.framing import MARGIN
from deidkit_analyzers.pklnet.network import centres

NEW_BACKGROUND, GREY, BLURRED, SOFT_EDGE, LIGHT_SPOT = 0.8, 0.1, 0.2, 0.2, 0.05
"""Probabilities of augmentations: new background, grey picture, blur, soft edge of the mask, light spot."""
CUT_OFF, BORDERED, SHADOWED, TWO_MATERIALS = 0.25, 0.4, 0.3, 0.6
"""Probabilities: covered forearm, black borders, shadow on the background, background of two materials."""
KEPT_MARGIN = 0.5
"""Margin around the hand in stored training pictures, relative to the hand's extent."""


@dataclass
class Scene:
    """A batch of training inputs and targets.

    Attributes:
        pictures: (n, 3, h, w) float 0..255.
        mask: (n, h, w) bool.
        points: (n, 3, 2) x y in pixels.
        outlines: (n, 2, m, 2) x y in pixels.
    """

    pictures: Tensor
    mask: Tensor
    points: Tensor
    outlines: Tensor


class Draw:
    """Random draws for each picture of a batch."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count, self.generator = count, generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """(n, *shape) uniform values in low..high; (n, 1, 1, 1) by default."""
        return low + (high - low) * torch.rand(self.count, *(shape or (1, 1, 1)), generator=self.generator)

    def normal(self, deviation: float, *shape: int) -> Tensor:
        """(n, *shape) normal values, clipped at 2.5 standard deviations; (n, 1, 1, 1) by default."""
        drawn = torch.randn(self.count, *(shape or (1, 1, 1)), generator=self.generator)
        return deviation * drawn.clamp(-2.5, 2.5)

    def chance(self, share: float) -> Tensor:
        """(n, 1, 1, 1) bool, True with probability `share`."""
        return self.uniform(0.0, 1.0) < share

    def choice(self, options: Tensor) -> Tensor:
        """Choose one of k options for each picture: (k, n, ...) -> (n, ...)."""
        chosen = torch.randint(0, len(options), (self.count,), generator=self.generator)
        return options[chosen, torch.arange(self.count)]


def plain(kept: dict[str, Tensor], size: tuple[int, int]) -> Scene:
    """Frame stored pictures as in an audit, without augmentation."""
    count = len(kept["picture"])
    return _placed(kept, _nominal(kept, size).repeat(count, 1, 1), size)


def varied(kept: dict[str, Tensor], size: tuple[int, int], generator: torch.Generator) -> Scene:
    """Augment stored pictures.

    Args:
        kept: ``picture`` (n, a, b, 3) uint8, ``mask`` (n, a, b) uint8, ``points`` (n, 3, 2), ``outlines``
            (n, 2, m, 2) in pixels of those.
        size: Height and width of the result.
        generator: The only source of randomness.
    """
    draw = Draw(len(kept["picture"]), generator)
    scene = _placed(kept, _places(kept, size, draw), size)
    alpha = scene.mask[:, None].float()
    replaced = draw.chance(NEW_BACKGROUND)
    alpha = torch.where(replaced & draw.chance(CUT_OFF), alpha * _before_wrist(scene, draw), alpha)
    scene.mask = alpha[:, 0] > 0.5
    hand = _lit(scene.pictures, draw)
    ground = torch.where(replaced, _background(size, draw), scene.pictures)
    softened = blurred(alpha, 5)
    moved = torch.roll(softened, (int(draw.uniform(-8, 8)[0]), int(draw.uniform(-8, 8)[0])), (2, 3))
    ground = ground * (1.0 - torch.where(draw.chance(SHADOWED), draw.uniform(0.2, 0.7) * moved, 0.0 * moved))
    soft = torch.where(draw.chance(SOFT_EDGE), softened, blurred(alpha, 3))
    pictures = soft * hand + (1.0 - soft) * ground
    spot = _spot(size, draw)
    pictures = torch.where(draw.chance(LIGHT_SPOT), pictures + 255.0 * spot, pictures)
    pictures = torch.where(draw.chance(GREY), pictures.mean(dim=1, keepdim=True).expand_as(pictures), pictures)
    pictures = torch.where(draw.chance(BLURRED), blurred(blurred(pictures, 3), 3), pictures)
    noise = torch.randn(pictures.shape, generator=generator) * draw.uniform(0.0, 8.0)
    border = torch.where(draw.chance(BORDERED), _border(size, draw), torch.ones(()))
    scene.pictures = (pictures + noise).clamp(0.0, 255.0) * border
    scene.mask = scene.mask & (border[:, 0] > 0.5)
    return scene


def blurred(x: Tensor, side: int) -> Tensor:
    """Box blur with replicated borders."""
    half = side // 2
    return F.avg_pool2d(F.pad(x, (half,) * 4, mode="replicate"), side, 1)


def _nominal(kept: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
    """(3, 3) map from the frame to the stored picture, in pixels from their centres, as an audit frames it."""
    scale = kept["picture"].shape[1] / size[0] * (1.0 + 2.0 * MARGIN) / (1.0 + 2.0 * KEPT_MARGIN)
    return torch.diag(torch.tensor([scale, scale, 1.0]))


def _places(kept: dict[str, Tensor], size: tuple[int, int], draw: Draw) -> Tensor:
    """(n, 3, 3) random variations of the nominal map; the nominal map itself if points would leave the frame."""
    angle = draw.normal(math.radians(20.0), 1)[:, 0]
    zoom = torch.exp(draw.uniform(math.log(0.78), math.log(1.7), 1))[:, 0]
    cosine, sine, zero, one = zoom * angle.cos(), zoom * angle.sin(), torch.zeros_like(zoom), torch.ones_like(zoom)
    turn = torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one], dim=1).reshape(-1, 3, 3)
    skew, stretch = draw.normal(0.07, 1)[:, 0], torch.exp(draw.normal(0.06, 1)[:, 0])
    mirror = 1.0 - 2.0 * draw.chance(0.5)[:, 0, 0, 0].float()
    shear = torch.stack([mirror * stretch, skew, zero, zero, 1 / stretch, zero, zero, zero, one], dim=1)
    tilt = torch.eye(3).repeat(draw.count, 1, 1)
    tilt[:, 2, :2] = draw.normal(0.07, 2) / size[0]
    move = torch.eye(3).repeat(draw.count, 1, 1)
    move[:, :2, 2] = draw.normal(0.09, 2) * zoom[:, None] * torch.tensor([float(size[1]), float(size[0])])
    nominal = _nominal(kept, size)
    maps = nominal @ move @ turn @ shear.reshape(-1, 3, 3) @ tilt
    inside = _project(torch.linalg.inv(maps), kept["points"] - _middle(kept["picture"].shape[1:3]))
    room = 0.46 * torch.tensor([float(size[1]), float(size[0])])
    fits = (inside.abs() < room).flatten(1).all(dim=1)
    return torch.where(fits[:, None, None], maps, nominal)


def _placed(kept: dict[str, Tensor], maps: Tensor, size: tuple[int, int]) -> Scene:
    h, w = size
    middle, kept_middle = _middle(size), _middle(kept["picture"].shape[1:3])
    y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    places = torch.stack([x, y], dim=-1).reshape(1, -1, 2) - middle
    grid = (_project(maps, places.expand(len(maps), -1, -1)) / kept_middle).reshape(-1, h, w, 2)
    layers = torch.cat([kept["picture"].permute(0, 3, 1, 2).float(), 255.0 * kept["mask"][:, None].float()], dim=1)
    seen = F.grid_sample(layers, grid, padding_mode="border", align_corners=False)
    back = torch.linalg.inv(maps)
    outlines = kept["outlines"].flatten(1, 2)
    return Scene(
        seen[:, :3],
        seen[:, 3] > 127.5,
        _project(back, kept["points"] - kept_middle) + middle,
        (_project(back, outlines - kept_middle) + middle).reshape(kept["outlines"].shape),
    )


def _project(maps: Tensor, points: Tensor) -> Tensor:
    """(n, k, 2) points through (n, 3, 3) projective maps."""
    mapped = F.pad(points, (0, 1), value=1.0) @ maps.transpose(1, 2)
    return mapped[..., :2] / mapped[..., 2:]


def _middle(size: tuple[int, ...] | torch.Size) -> Tensor:
    return torch.tensor([size[1] / 2, size[0] / 2])


def _lit(pictures: Tensor, draw: Draw) -> Tensor:
    """Vary the hand's lighting: colour, brightness, gradient and contrast."""
    h, w = pictures.shape[2:]
    x, y = centres(w, pictures)[None, None, None, :], centres(h, pictures)[None, None, :, None]
    colour = torch.exp(draw.normal(0.15, 3, 1, 1) + draw.uniform(-1.0, 0.35))
    gradient = 1.0 + draw.uniform(-0.45, 0.45) * x + draw.uniform(-0.45, 0.45) * y
    bent = 255.0 * (pictures / 255.0).clamp(min=1e-3) ** torch.exp(draw.uniform(-0.35, 0.5))
    return bent * colour * gradient.clamp(min=0.2)


def _background(size: tuple[int, int], draw: Draw) -> Tensor:
    """(n, 3, h, w) backgrounds of one or two materials: flat colour, clouds, stripes or grid, patches."""
    flat, other = _colour(draw), _colour(draw)
    clouds = flat + draw.uniform(10, 120) * _noise(size, draw, 3)
    x, y = torch.arange(size[1])[None, None, None, :], torch.arange(size[0])[None, None, :, None]
    angle, period = draw.uniform(0, math.pi), draw.uniform(0.15, 1.2)
    first = torch.sin(period * (angle.cos() * x + angle.sin() * y))
    second = torch.where(draw.chance(0.5), torch.sin(period * (angle.cos() * y - angle.sin() * x)), -torch.ones(()))
    stripes = torch.where(torch.maximum(first, second) > draw.uniform(-0.2, 0.9), other, flat)
    patches = flat + draw.uniform(10, 100) * F.interpolate(draw.normal(1.0, 3, 7, 5), size=size, mode="nearest")
    materials = torch.stack([flat.expand(-1, -1, *size), clouds, stripes, patches])
    one, two = draw.choice(materials), draw.choice(materials)
    where = _noise(size, draw, 1) > draw.uniform(-0.6, 0.6)
    ground = torch.where(draw.chance(TWO_MATERIALS) & where, _shifted(two), one)
    return (ground + draw.uniform(0, 25) * _noise(size, draw, 1)).clamp(0.0, 255.0)


def _shifted(pictures: Tensor) -> Tensor:
    """Shift the batch by one, to get another picture's colours."""
    return pictures.roll(1, 0)


def _colour(draw: Draw) -> Tensor:
    """(n, 3, 1, 1) random colours: white, black, grey, any, or close to skin."""
    grey = draw.uniform(0, 255).expand(-1, 3, -1, -1)
    skin = torch.tensor([200.0, 150.0, 120.0]).reshape(1, 3, 1, 1) * draw.uniform(0.3, 1.2) + draw.normal(15, 3, 1, 1)
    some = [torch.full_like(grey, 250.0), torch.full_like(grey, 12.0), grey, draw.uniform(0, 255, 3, 1, 1), skin]
    return draw.choice(torch.stack(some)).clamp(0.0, 255.0)


def _noise(size: tuple[int, int], draw: Draw, channels: int) -> Tensor:
    """(n, channels, h, w) smooth noise of several scales about 0, mostly within -1..1."""
    total = torch.zeros(draw.count, channels, *size)
    for cells, weight in ((3, 0.5), (8, 0.3), (24, 0.2)):
        coarse = draw.normal(1.0, channels, cells + 1, cells)
        amount = weight * draw.uniform(0.3, 1.3)
        total += amount * F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return total


def _before_wrist(scene: Scene, draw: Draw) -> Tensor:
    """(n, 1, h, w) factor, 0 beyond a sleeve's edge below the palm."""
    h, w = scene.mask.shape[1:]
    top, centre = scene.points[:, :2].mean(dim=1), scene.points[:, 2]
    down = centre - top
    x, y = torch.arange(w)[None, None, :] + 0.5, torch.arange(h)[None, :, None] + 0.5
    square = (down**2).sum(dim=1)[:, None, None].clamp(min=1.0)
    along = ((x - top[:, :1, None]) * down[:, :1, None] + (y - top[:, 1:, None]) * down[:, 1:, None]) / square
    slope = draw.uniform(-0.2, 0.2)[:, 0] * (x - centre[:, :1, None]) / w
    return (along + slope < draw.uniform(2.2, 3.6)[:, 0])[:, None].float()


def _border(size: tuple[int, int], draw: Draw) -> Tensor:
    """(n, 1, h, w) factor, 0 beyond one to four straight edges, as if the picture ended within the frame."""
    x, y = torch.arange(size[1])[None, None, None, :], torch.arange(size[0])[None, None, :, None]
    left, right, top, bottom = (
        torch.where(draw.chance(0.4), draw.uniform(0.0, 0.18), torch.zeros(())) for _ in range(4)
    )
    across = (x >= left * size[1]) & (x < (1 - right) * size[1])
    return (across & (y >= top * size[0]) & (y < (1 - bottom) * size[0])).float()


def _spot(size: tuple[int, int], draw: Draw) -> Tensor:
    """(n, 1, h, w) round spot of light, 0..1."""
    x, y = torch.arange(size[1])[None, None, None, :], torch.arange(size[0])[None, None, :, None]
    away = (x - draw.uniform(0, 1) * size[1]) ** 2 + (y - draw.uniform(0, 1) * size[0]) ** 2
    return draw.uniform(0.3, 1.0) * torch.exp(-away / (2 * (draw.uniform(0.05, 0.3) * size[0]) ** 2))
