"""The models deidkit knows. Adding one is adding an entry here, and a `Source` if it comes from a new kind of place.

A SHA-256, size or commit stands here only where it was read from the files themselves.
"""

from __future__ import annotations

from deidkit.models.hub import Hub
from deidkit.models.model import File, Model
from deidkit.models.web import Web
from deidkit.models.wheel import Wheel


def _as_in_repository(*names: str) -> tuple[File, ...]:
    """Files that keep their place and are not pinned yet."""
    return tuple(File(name=name, origin=name) for name in names)


MODELS: tuple[Model, ...] = (
    Model(
        name="hands",
        purpose="finds hands and their 21 keypoints (MediaPipe palm detector and hand landmark model)",
        files=(
            File(
                name="palm_detection_full.tflite",
                origin="mediapipe/modules/palm_detection/palm_detection_full.tflite",
                size=2_339_846,
                sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
            ),
            File(
                name="hand_landmark_full.tflite",
                origin="mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
                size=5_478_917,
                sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
            ),
        ),
        licence="Apache-2.0",
        source=Wheel(
            project="mediapipe",
            version="0.10.21",  # later wheels carry no model files
            python="3.11",
            platform="manylinux_2_28_x86_64",
            megabytes=36,
        ),
    ),
    Model(
        name="paint-by-example",
        purpose="repaints a masked region after exemplars (Paint by Example, the published de-identifier's model)",
        files=_as_in_repository(
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
    Model(
        name="wilor",
        purpose="finds hands with 2-D and 3-D keypoints (WiLoR, as wilor-mini packs it)",
        files=_as_in_repository(
            "pretrained_models/detector.pt",
            "pretrained_models/wilor_final.ckpt",
            "pretrained_models/MANO_RIGHT.pkl",
            "pretrained_models/mano_mean_params.npz",
        ),
        licence="CC-BY-NC-ND-4.0 (WiLoR), MANO licence (hand model), AGPL-3.0 (detector)",
        source=Hub("warmshao/WiLoR-mini", megabytes=2560),
        terms="for non-commercial purposes: its weights are under CC BY-NC-ND 4.0, and its hand model is MANO, which "
        "asks for registration at mano.is.tue.mpg.de",
    ),
    Model(
        name="sam2-tiny",
        purpose="segments a hand from its keypoints (SAM 2.1, the smallest size)",
        files=_as_in_repository("config.json", "model.safetensors"),
        licence="Apache-2.0",
        source=Hub("facebook/sam2.1-hiera-tiny", megabytes=156),
    ),
    Model(
        name="sam2-large",
        purpose="segments a hand from its keypoints (SAM 2.1, the size the published method uses)",
        files=_as_in_repository("config.json", "model.safetensors"),
        licence="Apache-2.0",
        source=Hub("facebook/sam2.1-hiera-large"),
    ),
    Model(
        name="vgg16",
        purpose="sees pictures for LPIPS (VGG-16 trained on ImageNet, by torchvision)",
        files=(File(name="vgg16-397923af.pth", origin="vgg16-397923af.pth"),),
        licence="BSD-3-Clause",
        source=Web("https://download.pytorch.org/models/vgg16-397923af.pth", megabytes=553, begins="397923af"),
    ),
    Model(
        name="inception-fid",
        purpose="sees pictures for FID (Inception v3 of December 2015, trained on ImageNet, by pytorch-fid)",
        files=(
            File(
                name="pt_inception-2015-12-05-6726825d.pth",
                origin="pt_inception-2015-12-05-6726825d.pth",
            ),
        ),
        licence="Apache-2.0",
        source=Web(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
            "pt_inception-2015-12-05-6726825d.pth",
            megabytes=91,
            begins="6726825d",
        ),
    ),
)
