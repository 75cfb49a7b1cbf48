"""Metadata of the metrics of these measures; quick to import, without the networks."""

from __future__ import annotations

from functools import partial

from deidkit.measures.metric import Metric

_distance = partial(Metric, unit="distance", digits=4, group="quality", safer="lower")

METRICS = (
    _distance(
        name="lpips",
        title="LPIPS (VGG)",
        definition="Perceptual distance between original and copy, computed from features of the VGG-16 network.",
        source="Zhang et al., CVPR 2018",
        lowest=0.0,
        short="LPIPS",
        model="vgg16",
    ),
    _distance(
        name="fid",
        title="FID",
        definition="Fréchet distance between the Inception features of the originals and of the copies.",
        source="Heusel et al., arXiv 1706.08500",
        lowest=0.0,
        short="FID",
        bounded=False,
        model="inception-fid",
    ),
    _distance(
        name="kid",
        title="KID",
        definition="Kernel distance (squared maximum mean discrepancy) between the same features; unbiased.",
        source="Binkowski et al., arXiv 1801.01401",
        short="KID",
        bounded=False,
        model="inception-fid",
    ),
)
