"""Gates of networks on one thread: their operations, in parts of the rate of a bare product of matrices."""

from __future__ import annotations

import harness

# isort: split
import numpy as np
from gate import Finding, Gate, Size, by_processor

from deidkit import plugins


def product() -> harness.Candidate:
    """A product of float32 matrices by numpy; its items are operations."""
    side = 1024
    matrix, other = np.random.default_rng(1).random((2, side, side), dtype=np.float32)
    return harness.Candidate("product", lambda: matrix @ other, 2 * side**3)


def ccnet(size: Size) -> list[Finding]:
    """A template of CCNet with the weights that come with it, in parts of the rate of a product of matrices."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    torch.set_num_threads(1)
    recognizer, _ = plugins.create("recognizer", "ccnet")
    palms = np.random.default_rng(0).integers(1, 256, (4, 128, 128), dtype=np.uint8)
    with FlopCounterMode(display=False) as counted, torch.inference_mode():
        embedded = recognizer.palm_network()(torch.from_numpy(palms)).numpy()
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    assert np.abs(recognizer.extract(list(palms)) - embedded).max() < 1e-5
    operations = counted.get_total_flops()
    measured = harness.measure(
        [product(), harness.Candidate("ccnet", lambda: recognizer.extract(list(palms)), operations)], size.rounds
    )
    share = 100 * measured.seconds["product"] / measured.seconds["ccnet"]
    least = by_processor(52, 42)
    return [Finding("CCNet template, of a product's rate", share, "%", "at least", least, 50, measured.again)]


def diffusion(size: Size) -> list[Finding]:
    """The sampler of the diffusion engine's test model, fifty steps with guidance; operations as published."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from deidkit_engines.diffusion import sampling
    from deidkit_engines.diffusion.model import Model, load

    torch.set_num_threads(1)
    engine, _ = plugins.create("engine", "diffusion:palm-tiny", {"device": "cpu"})
    model, published = engine._painter.model, load(engine._folder)
    settings = sampling.Settings(0.1, 3.0, size.of(50), "plms")
    side, width = model.unet.config.sample_size, model.unet.config.cross_attention_dim
    noise, background = torch.randn(2, 1, 4, side, side, generator=torch.Generator().manual_seed(0))
    conditions, mask = sampling.Conditions(*torch.ones(2, 1, 1, width)), torch.ones(1, 1, side, side)

    def denoise(model: Model) -> torch.Tensor:
        with torch.inference_mode():
            return sampling.denoise(model, noise, background, mask, conditions, settings)

    # attention in one kernel is not counted
    with FlopCounterMode(display=False) as counted, sdpa_kernel(SDPBackend.MATH):
        wanted = denoise(published)
    assert (denoise(model) - wanted).abs().max() < 1e-3 * wanted.abs().max()
    operations = counted.get_total_flops()
    measured = harness.measure(
        [product(), harness.Candidate("palm-tiny", lambda: denoise(model), operations)], size.rounds
    )
    share = 100 * measured.seconds["product"] / measured.seconds["palm-tiny"]
    return [Finding("palm-tiny, 50 steps, of a product's rate", share, "%", "at least", 52, 60, measured.again)]


GATES = [Gate("networks: ccnet", ccnet), Gate("networks: diffusion", diffusion)]
