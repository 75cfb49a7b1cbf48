"""What a de-identified picture costs, and where the time goes: python benchmarks/diffusion.py [options].

    --weights NAME   palm-tiny (default), paint-by-example, a folder, or full-random: the published sizes with random
                     weights. Then shapes and cost are real and the pictures are noise.
    --steps N        of the sampler, 50
    --scheduler S    plms, ddim or dpm++
    --pictures N     4
    --device D       auto

Wall clock on an otherwise idle machine. A small model on a CPU paints a crop a core, so the stages' seconds are of one
core; "all in" is what passes. The bound is a large matrix product in the same precision, on one core or on the GPU.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from deidkit import plugins
from deidkit.testing.examples import hand_images
from deidkit_engines.diffusion import engine as diffusion
from deidkit_engines.diffusion import sampling
from deidkit_networks.device import title


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="palm-tiny")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--scheduler", default="plms")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    with TemporaryDirectory() as scratch:
        weights = asked.weights
        if weights == "full-random":
            weights = str(full_random(Path(scratch)))
        engine, component = plugins.create(
            "engine",
            f"diffusion:{weights}",
            {"steps": asked.steps, "scheduler": asked.scheduler, "device": asked.device},
        )
        painter = engine._painter
        device = painter.device
        print(f"{component.remark}; on {title(device)}; {asked.steps} steps of {asked.scheduler}")
        images = [hand_images()[number % 4] for number in range(asked.pictures)]
        hand_images()[0].palm_mask()  # the analyzer's models are loaded before
        spent = clocked(engine, images, device)
        total = spent.pop("all")
        for name, seconds in spent.items():
            print(f"  {name:12} {seconds / len(images):8.3f} s a picture  {seconds / sum(spent.values()):5.0%}")
        print(f"  {'all in':12} {total / len(images):8.3f} s a picture")
        settings = sampling.Settings(0.1, 3.0, asked.steps, asked.scheduler)
        calls = len(sampling.make_scheduler(painter.model, settings).timesteps)  # PLMS takes its first step twice
        of_unet = calls, spent["U-Net"] / len(images)
        if painter.is_parallel:
            with painter.threads() as pool:
                pool.submit(rest, painter.model, device, *of_unet).result()
        else:
            rest(painter.model, device, *of_unet)
    if device.type == "cuda":
        print(f"  memory: {torch.cuda.max_memory_allocated(device) / 1e9:.2f} GB on the GPU")
    print(f"  memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB of the process")


def clocked(engine: Any, images: list[Any], device: torch.device) -> dict[str, float]:
    """Seconds by stage; the hand analysis is done anew for every picture."""
    spent = dict.fromkeys(["analysis", "cut", "encode", "U-Net", "decode", "paste"], 0.0)

    lock = Lock()

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            begun = now(device)
            try:
                return function(*given, **named)
            finally:
                seconds = now(device) - begun
                with lock:
                    spent[name] += seconds

        return wrapped

    engine.deidentify(images[:1], [0])  # warms up
    diffusion.regions = timed("analysis", diffusion.regions)
    type(engine)._scene = timed("cut", type(engine)._scene)
    sampling.embed = timed("encode", sampling.embed)
    sampling.prior = timed("encode", sampling.prior)
    sampling.denoise = timed("U-Net", sampling.denoise)
    sampling.decode = timed("decode", sampling.decode)
    diffusion.pasted = timed("paste", diffusion.pasted)
    begun = now(device)
    engine.deidentify([fresh(image) for image in images], [1])
    spent["all"] = now(device) - begun
    return spent


def fresh(image: Any) -> Any:
    """The same picture, not yet analysed."""
    from deidkit.pipeline import build_analysis

    analysis, _ = build_analysis()
    return analysis.image(image.sample, np.array(image.pixels))


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def rest(model: Any, device: torch.device, calls: int, unet_seconds: float) -> None:
    """Operations of the U-Net as published, and the share of the device's own peak that is reached."""
    countable = sdpa_kernel(SDPBackend.MATH)  # attention in one kernel is not counted on every device
    kind = next(model.unet.parameters()).dtype
    side, width = model.unet.config.sample_size, model.unet.config.cross_attention_dim
    given = torch.zeros(2, 9, side, side, device=device, dtype=kind)
    words = torch.zeros(2, 1, width, device=device, dtype=kind)
    shorter = {module: vars(module).pop("forward") for module in model.unet.modules() if "forward" in vars(module)}
    with FlopCounterMode(display=False) as counter, torch.inference_mode(), countable:
        model.unet(given, 1, encoder_hidden_states=words)
    for module, forward in shorter.items():
        module.forward = forward
    operations = counter.get_total_flops() * calls
    size = 1024 if device.type == "cpu" else 8192
    one = torch.randn(size, size, device=device, dtype=kind)
    times = []
    for _ in range(5):
        begun = now(device)
        _ = one @ one
        times.append(now(device) - begun)
    peak = 2.0 * size**3 / min(times)
    print(
        f"  U-Net: {operations / 1e9:.0f} GFLOP a picture, {operations / unet_seconds / 1e9:.0f} GFLOP/s, "
        f"{operations / unet_seconds / peak:.0%} of the {peak / 1e9:.0f} GFLOP/s of a matrix product"
    )


def full_random(folder: Path) -> Path:
    """A model of Paint by Example's sizes with random weights."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.pipelines.paint_by_example.image_encoder import PaintByExampleImageEncoder
    from transformers import CLIPVisionConfig

    from deidkit_engines.diffusion.model import DESCRIPTION
    from deidkit_engines.diffusion.palm_tiny.networks import write

    unet = UNet2DConditionModel(sample_size=64, in_channels=9, out_channels=4, cross_attention_dim=768)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=512,
    )
    config = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        image_size=224,
        patch_size=14,
        projection_dim=768,
    )
    write(folder, unet, vae, PaintByExampleImageEncoder(config, proj_size=768), "")
    told = {"name": "of the published sizes", "trained_on": "nothing: random weights"}
    (folder / DESCRIPTION).write_text(json.dumps(told))
    return folder


if __name__ == "__main__":
    main()
