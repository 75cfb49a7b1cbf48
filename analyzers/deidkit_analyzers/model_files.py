"""Model files of the analyzers and quality measures."""

from __future__ import annotations

from deidkit.models import File, Model, in_place
from deidkit.models.hub import Hub
from deidkit.models.web import Web

MODELS = (
    Model(
        name="wilor",
        purpose="finds hands with 2-D and 3-D keypoints (WiLoR, as wilor-mini packs it)",
        files=in_place(
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
        files=in_place("config.json", "model.safetensors"),
        licence="Apache-2.0",
        source=Hub("facebook/sam2.1-hiera-tiny", megabytes=156),
    ),
    Model(
        name="sam2-large",
        purpose="segments a hand from its keypoints (SAM 2.1, the size the published method uses)",
        files=in_place("config.json", "model.safetensors"),
        licence="Apache-2.0",
        source=Hub("facebook/sam2.1-hiera-large"),
    ),
    Model(
        name="vgg16",
        purpose="network for LPIPS (VGG-16 trained on ImageNet, by torchvision)",
        files=(File(name="vgg16-397923af.pth", origin="vgg16-397923af.pth"),),
        licence="BSD-3-Clause",
        source=Web("https://download.pytorch.org/models/vgg16-397923af.pth", megabytes=553, begins="397923af"),
    ),
    Model(
        name="inception-fid",
        purpose="network for FID (Inception v3 of December 2015, trained on ImageNet, by pytorch-fid)",
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
