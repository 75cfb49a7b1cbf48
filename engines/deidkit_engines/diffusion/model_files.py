"""Model files that the published de-identifier is built on."""

from __future__ import annotations

from deidkit.models import Model, in_place
from deidkit.models.hub import Hub

MODELS = (
    Model(
        name="paint-by-example",
        purpose="repaints a masked region after exemplars (Paint by Example, the published de-identifier's model)",
        files=in_place(
            "model_index.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.bin",
            "vae/config.json",
            "vae/diffusion_pytorch_model.bin",
            "image_encoder/config.json",
            "image_encoder/pytorch_model.bin",
            "scheduler/scheduler_config.json",
            "feature_extractor/preprocessor_config.json",
        ),
        licence="CreativeML Open RAIL-M",
        source=Hub("Fantasy-Studio/Paint-by-Example", megabytes=5240),
    ),
)
