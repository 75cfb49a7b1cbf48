"""The engine does what the published method and the stock pipeline do, tensor for tensor."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

for _needed in ("torch", "diffusers", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
import torch

from deidkit_engines.diffusion import sampling
from deidkit_engines.diffusion.model import Model, load

SETTINGS = sampling.Settings(alpha=0.0, guidance=3.0, steps=5, scheduler="plms")


@pytest.fixture(scope="module")
def model(random_model: Path) -> Model:
    return load(random_model)


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module")
def keep() -> torch.Tensor:
    """Its edges lie between places of the latent, where ways to shrink a mask agree."""
    mask = torch.ones(1, 1, 64, 64)
    mask[..., 16:48, 20:52] = 0
    return mask


@pytest.fixture(scope="module")
def exemplar() -> torch.Tensor:
    return torch.rand(1, 1, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def start(model: Model, seeds) -> torch.Tensor:
    return torch.cat([sampling.noise_of(model, seed).start for seed in seeds])


def run(model: Model, picture, keep, exemplars, settings=SETTINGS, seeds=(5,)) -> torch.Tensor:
    with torch.inference_mode():
        condition, free = sampling.embed(model, exemplars)
        background = sampling.prior(model, picture, keep, settings.alpha).mean
        noise = start(model, seeds)
        mask = sampling.latent_mask(keep, noise.shape[-1])
        n = len(noise)
        conditions = sampling.Conditions(condition.expand(n, -1, -1), free)
        background, mask = background.expand(n, -1, -1, -1), mask.expand(n, -1, -1, -1)
        return sampling.denoise(model, noise, background, mask, conditions, settings)


def test_one_exemplar_is_the_stock_pipeline(
    model: Model, random_model: Path, picture, keep, exemplar, monkeypatch
) -> None:
    """Same noise, same mean latent of the background: the same latents in the end."""
    from diffusers import PaintByExamplePipeline, PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPImageProcessor

    pipeline = PaintByExamplePipeline(
        vae=model.vae,
        image_encoder=model.image_encoder,
        unet=UNet2DConditionModel.from_pretrained(random_model / "unet").eval(),
        scheduler=PNDMScheduler.from_config(model.scheduler),
        safety_checker=None,
        feature_extractor=CLIPImageProcessor(size=32, crop_size=32),
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    mean = torch.tensor(model.mean)[:, None, None]
    std = torch.tensor(model.std)[:, None, None]
    # the stock pipeline draws the background's latent; its mean is what the engine uses
    monkeypatch.setattr(pipeline, "_encode_vae_image", lambda image, generator: sampling.encode(model, image)[0])
    stock = pipeline(
        example_image=(exemplar[0] - mean) / std,
        image=picture,
        mask_image=1 - keep,
        num_inference_steps=SETTINGS.steps,
        guidance_scale=SETTINGS.guidance,
        latents=start(model, [5]),
        output_type="latent",
        return_dict=False,
    )
    expected = stock[0] if isinstance(stock, tuple) else stock
    made = run(model, picture, keep, exemplar)
    if expected.shape != made.shape:  # some versions decode in spite of what was asked for
        with torch.inference_mode():
            made = (sampling.decode(model, made) / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        expected = torch.as_tensor(expected)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)


def test_two_equal_exemplars_are_one(model: Model, picture, keep, exemplar) -> None:
    twice = exemplar.expand(1, 2, -1, -1, -1)
    torch.testing.assert_close(
        run(model, picture, keep, twice), run(model, picture, keep, exemplar), rtol=1e-4, atol=1e-4
    )


def test_fusion_is_the_mean_after_the_projection(model: Model) -> None:
    exemplars = torch.rand(1, 3, 3, 32, 32)
    with torch.inference_mode():
        fused, _ = sampling.embed(model, exemplars)
        alone = torch.stack([sampling.embed(model, exemplars[:, i : i + 1])[0] for i in range(3)])
    torch.testing.assert_close(fused, alone.mean(dim=0))


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5, 1.0])
def test_the_prior_is_interpolated(model: Model, picture, keep, alpha: float) -> None:
    with torch.inference_mode():
        original, of_original = sampling.encode(model, picture)
        masked, of_masked = sampling.encode(model, picture * keep)
        made = sampling.prior(model, picture, keep, alpha)
    torch.testing.assert_close(made.mean, alpha * original + (1 - alpha) * masked)
    draws = torch.randn(1, 2, *original.shape[1:])
    drawn = alpha * (original + of_original * draws[:, 1]) + (1 - alpha) * (masked + of_masked * draws[:, 0])
    torch.testing.assert_close(made.drawn(draws), drawn)
    if alpha == 0.0:
        assert torch.equal(made.mean, masked)
    if alpha == 1.0:
        assert torch.equal(made.mean, original)


def test_alpha_one_still_paints_but_sees_the_original(model: Model, picture, keep, exemplar) -> None:
    from dataclasses import replace

    blind, seeing = (run(model, picture, keep, exemplar, replace(SETTINGS, alpha=alpha)) for alpha in (0.0, 1.0))
    assert (blind - seeing).abs().max() > 1e-3


@pytest.mark.parametrize("scheduler", ["plms", "ddim", "dpm++"])
def test_a_seed_is_the_same_in_any_company(model: Model, picture, keep, exemplar, scheduler) -> None:
    from dataclasses import replace

    settings = replace(SETTINGS, scheduler=scheduler)
    together = run(model, picture, keep, exemplar, settings, seeds=(1, 2, 3))
    for place, seed in enumerate((1, 2, 3)):
        alone = run(model, picture, keep, exemplar, settings, seeds=(seed,))
        torch.testing.assert_close(together[place : place + 1], alone, rtol=1e-4, atol=1e-4)
    assert (together[0] - together[1]).abs().mean() > 0.05


def test_guidance_one_needs_no_unconditional_vector(model: Model, picture, keep, exemplar) -> None:
    """w + 1 (g - w) = g: half the work gives the same."""
    from dataclasses import replace

    one = run(model, picture, keep, exemplar, replace(SETTINGS, guidance=1.0))
    nearly = run(model, picture, keep, exemplar, replace(SETTINGS, guidance=1.0000001))
    torch.testing.assert_close(one, nearly, rtol=1e-3, atol=1e-3)


def test_a_mask_lies_at_the_centre_of_its_places(model: Model) -> None:
    """What is masked keeps its middle: shrinking it does not move it."""
    keep = torch.ones(1, 1, 64, 64)
    keep[..., 19:45, 19:45] = 0
    hole = 1 - sampling.latent_mask(keep, 16)[0, 0]
    places = (torch.arange(16) + 0.5) * 4
    middle = [float((hole.sum(dim=axis) * places).sum() / hole.sum()) for axis in (1, 0)]
    assert middle == pytest.approx([32, 32])


@pytest.mark.parametrize(
    ("scheduler", "first", "last"),
    [("plms", 981, 1), ("ddim", 981, 1), ("dpm++", 999, 20)],
    ids=lambda value: str(value),
)
@pytest.mark.parametrize("told", [{}, {"timestep_spacing": "trailing", "steps_offset": 0, "set_alpha_to_one": True}])
def test_what_a_folder_says_of_moments_is_not_heeded(model: Model, told, scheduler: str, first: int, last: int) -> None:
    from dataclasses import replace

    other = replace(model, scheduler=model.scheduler | told)
    made = sampling.make_scheduler(other, sampling.Settings(0.1, 3.0, 50, scheduler))
    assert (int(made.timesteps[0]), int(made.timesteps[-1])) == (first, last)
    assert getattr(made, "final_alpha_cumprod", made.alphas_cumprod[0]) == made.alphas_cumprod[0]


@pytest.mark.parametrize(("steps", "count"), [(50, 50), (20, 20), (30, 31), (7, 8), (6, 7), (3, 3), (1, 1)])
def test_plms_is_the_published_sampler(model: Model, steps: int, count: int) -> None:
    """Pseudo numerical steps (Liu et al., arXiv 2202.09778) at the published program's moments, on a network that is
    a formula; every moment that lies 1000 // steps apart is taken, 31 for 30 steps."""
    moments = [moment + 1 for moment in range(0, 1000, 1000 // steps) if moment + 1 < 1000]
    assert len(moments) == count
    share = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)

    def network(x: torch.Tensor, moment: int) -> torch.Tensor:
        return torch.tanh(x + moment / 1000) + 0.1 * x

    def step(x: torch.Tensor, noise: torch.Tensor, number: int) -> torch.Tensor:
        now, then = share[moments[number]], share[moments[number - 1]] if number else share[0]
        clean = (x - (1 - now).sqrt() * noise) / now.sqrt()
        return then.sqrt() * clean + (1 - then).sqrt() * noise

    first = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    x, old = first, []
    for number in reversed(range(count)):
        noise = network(x, moments[number])
        if not old:
            ahead = network(step(x, noise, number), moments[max(number - 1, 0)])
            used = (noise + ahead) / 2 if number else noise
        else:
            parts = [noise, *old[::-1]][:4]
            weights = {2: (3, -1), 3: (23, -16, 5), 4: (55, -59, 37, -9)}[len(parts)]
            used = sum(weight * part for weight, part in zip(weights, parts, strict=True)) / sum(weights)
        old.append(noise)
        x = step(x, used, number)

    class Stub(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kind = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x, moment, encoder_hidden_states):
            return SimpleNamespace(sample=network(x[:, :4], int(moment)))

    from dataclasses import replace

    nothing, word = torch.zeros(1, 4, 16, 16), torch.zeros(1, 1, 1)
    with torch.inference_mode():
        made = sampling.denoise(
            replace(model, unet=Stub()), first.float(), nothing, nothing[:, :1], sampling.Conditions(word, word),
            sampling.Settings(0.1, 1.0, steps, "plms"),
        )  # fmt: skip
    torch.testing.assert_close(made.double(), x, rtol=1e-4, atol=1e-4)
