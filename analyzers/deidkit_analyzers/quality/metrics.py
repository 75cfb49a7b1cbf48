"""Metadata of the metrics of these measures; quick to import, without the networks."""

from __future__ import annotations

from functools import partial

from deidkit.measures.metric import Metric

_distance = partial(Metric, unit="distance", digits=4, group="quality", safer="lower")

METRICS = (
    _distance(
        name="lpips",
        title="LPIPS (VGG)",
        definition="Distance of original and copy to a network.",
        source="Zhang et al., CVPR 2018",
        lowest=0.0,
        short="LPIPS",
        model="vgg16",
    ),
    _distance(
        name="fid",
        title="FID",
        definition="Distance of the originals from the copies to a network.",
        source="Heusel et al., arXiv 1706.08500",
        lowest=0.0,
        short="FID",
        bounded=False,
        model="inception-fid",
    ),
    _distance(
        name="kid",
        title="KID",
        definition="The same with a kernel, without a bias of size.",
        source="Binkowski et al., arXiv 1801.01401",
        short="KID",
        bounded=False,
        model="inception-fid",
    ),
)
