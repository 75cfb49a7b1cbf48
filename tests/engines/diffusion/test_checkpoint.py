"""The authors' single file: its networks come out as they went in, and nothing in it is run."""

from __future__ import annotations

import io
import pickle
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

for _needed in ("torch", "diffusers", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
import torch

from deidkit import plugins
from deidkit.errors import MissingModel
from deidkit_engines.diffusion.checkpoint import PUBLISHED, Layout, networks, tensors

SMALL = Layout(
    unet=PUBLISHED.unet
    | {"sample_size": 8, "block_out_channels": (8, 8, 16, 16), "cross_attention_dim": 16, "norm_num_groups": 4}
    | {"attention_head_dim": 2},
    vae=PUBLISHED.vae | {"sample_size": 64, "block_out_channels": (4, 4, 8, 8), "norm_num_groups": 4},
    vision=PUBLISHED.vision
    | {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    | {"image_size": 32, "patch_size": 8, "projection_dim": 16},
)

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def unet_name(name: str) -> str:
    """diffusers' name of a U-Net's tensor -> the one of latent diffusion, for two layers a level."""
    for ours, theirs in (
        ("conv_in", "input_blocks.0.0"),
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("conv_norm_out", "out.0"),
        ("conv_out", "out.2"),
    ):
        if name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    if found := re.match(r"(down|up)_blocks\.(\d)\.(resnets|attentions)\.(\d)\.(.*)", name):
        way, level, kind, layer, rest = found.groups()
        place = 3 * int(level) + int(layer) + (way == "down")
        if kind == "resnets":
            part, _, kind_of = rest.rpartition(".")
            rest = f"{RESNET[part]}.{kind_of}"
        return f"{'input' if way == 'down' else 'output'}_blocks.{place}.{int(kind == 'attentions')}.{rest}"
    if found := re.match(r"down_blocks\.(\d)\.downsamplers\.0\.conv\.(.*)", name):
        return f"input_blocks.{3 * (int(found[1]) + 1)}.0.op.{found[2]}"
    if found := re.match(r"up_blocks\.(\d)\.upsamplers\.0\.conv\.(.*)", name):
        return f"output_blocks.{3 * int(found[1]) + 2}.{1 if found[1] == '0' else 2}.conv.{found[2]}"
    found = re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name)
    assert found, name
    if found[1] == "attentions":
        return f"middle_block.1.{found[3]}"
    part, _, kind_of = found[3].rpartition(".")
    return f"middle_block.{2 * int(found[2])}.{RESNET[part]}.{kind_of}"


def vae_name(name: str) -> str:
    """diffusers' name of an autoencoder's tensor -> the one of latent diffusion, for four levels."""
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{3 - int(m[1])}.block.{m[2]}", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    for ours, theirs in (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
        name = name.replace(f"mid_block.attentions.0.{ours}.", f"mid.attn_1.{theirs}.")
    return name


def encoder_entries(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The image encoder as the authors' program keeps it: queries, keys and values of the mapper in one tensor."""
    made = {
        "learnable_vector": state["uncond_vector"],
        "cond_stage_model.transformer.vision_model.embeddings.position_ids": torch.arange(17)[None],
    }
    for name, value in state.items():
        if name.startswith("model."):
            made["cond_stage_model.transformer." + name.removeprefix("model.")] = value
        elif name.startswith("final_layer_norm."):
            made["cond_stage_model.final_ln." + name.rpartition(".")[2]] = value
        elif name.startswith("proj_out."):
            made[name] = value
        elif found := re.match(r"mapper\.blocks\.(\d)\.(.*)\.(weight|bias)", name):
            place, part, kind = found.groups()
            block = f"cond_stage_model.mapper.resblocks.{place}"
            if part == "attn1.to_q":
                three = [state[name.replace("to_q", one)] for one in ("to_q", "to_k", "to_v")]
                made[f"{block}.attn.c_qkv.{kind}"] = torch.cat(three)
            elif part not in ("attn1.to_k", "attn1.to_v"):
                names = {"attn1.to_out.0": "attn.c_proj", "norm1": "ln_1", "norm3": "ln_2"}
                names |= {"ff.net.0.proj": "mlp.c_fc", "ff.net.2": "mlp.c_proj"}
                made[f"{block}.{names[part]}.{kind}"] = value
    return made


class Callback:
    """Stands for the objects of the training program, which its file also holds."""

    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self):
        return (exec, (f"open({self.target!r}, 'w').close()",))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory):
    """A small random model as one file, and its networks."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.pipelines.paint_by_example.image_encoder import PaintByExampleImageEncoder
    from transformers import CLIPVisionConfig

    torch.manual_seed(5)
    unet, vae = UNet2DConditionModel(**SMALL.unet), AutoencoderKL(**SMALL.vae)
    config = CLIPVisionConfig(**SMALL.vision)
    encoder = PaintByExampleImageEncoder(config, proj_size=16)
    torch.nn.init.normal_(encoder.uncond_vector)
    state = {"model.diffusion_model." + unet_name(name): value for name, value in unet.state_dict().items()}
    for name, value in vae.state_dict().items():
        kept = value[:, :, None, None] if re.search(r"attentions\.0\.to_.*weight", name) else value
        state["first_stage_model." + vae_name(name)] = kept
    state |= encoder_entries(encoder.state_dict())
    folder = tmp_path_factory.mktemp("checkpoint")
    path, trap = folder / "model.ckpt", folder / "trap"
    torch.save({"state_dict": state, "epoch": 3, "callbacks": {"checkpoint": Callback(trap)}}, path)
    return path, trap, (unet, vae, encoder)


def test_the_networks_come_out_as_they_went_in(written) -> None:
    path, _, given = written
    for network, original in zip(networks(path, SMALL), given, strict=True):
        found, expected = network.state_dict(), original.state_dict()
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert torch.equal(found[name], value), name


def test_nothing_in_the_file_is_run(written) -> None:
    path, trap, _ = written
    assert "learnable_vector" in tensors(path)
    assert not trap.exists()


class Program(torch.nn.Module):
    """Scripted, it overwrites a file while it is loaded."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self.target, self.training, self.written = str(target), False, torch.zeros(4, dtype=torch.uint8)

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.target, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.target, self.training = state
        self.written = torch.from_file(self.target, shared=True, size=4, dtype=torch.uint8).fill_(88)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.filterwarnings("ignore")  # as for everyone: torch warns of such a file, and reads it
def test_a_program_of_torchscript_is_refused_and_not_run(tmp_path: Path, random_model: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    path = tmp_path / "program.ckpt"
    torch.jit.save(torch.jit.script(Program(victim)), path)
    given = [path]
    for part, name in (("image_encoder", "pytorch_model"), ("unet", "diffusion_pytorch_model")):
        folder = Path(shutil.copytree(random_model, tmp_path / part))
        (weights,) = (folder / part).glob("*.safetensors")
        weights.unlink()
        shutil.copy(path, folder / part / f"{name}.bin")
        given.append(folder)
    for model in given:
        with pytest.raises(MissingModel, match=r"(program\.ckpt|pytorch_model\.bin) is a TorchScript program"):
            plugins.create("engine", f"diffusion:{model}")
    assert victim.read_text() == "kept"
    torch.jit.load(path)
    assert victim.read_text() == "XXXX", "it would have been run"


@pytest.mark.parametrize("form", ["pickle", "tar"])
def test_older_forms_of_checkpoints_are_refused_and_not_run(tmp_path: Path, form: str) -> None:
    path, trap = tmp_path / "old.ckpt", tmp_path / "trap"
    state = {"layer.weight": torch.zeros(2), "callbacks": Callback(trap)}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    if form == "tar":
        with tarfile.open(path, "w") as archive:
            for name in ("storages", "tensors", "pickle"):
                content = pickle.dumps(Callback(trap))
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(path, "a") as archive:  # Python takes what ends like an archive for one
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(MissingModel, match=r"old\.ckpt cannot be read as a checkpoint"):
        plugins.create("engine", f"diffusion:{path}")
    assert not trap.exists()


def test_another_checkpoint_is_refused_by_name(written, tmp_path: Path) -> None:
    path, _, _ = written
    with pytest.raises(MissingModel, match=r"model\.ckpt is not a checkpoint of Paint by Example"):
        plugins.create("engine", f"diffusion:{path}")
    torch.save({"state_dict": {"layer.weight": torch.zeros(2)}}, tmp_path / "other.ckpt")
    with pytest.raises(MissingModel, match=r"other\.ckpt is not a checkpoint of Paint by Example"):
        plugins.create("engine", f"diffusion:{tmp_path / 'other.ckpt'}")
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(MissingModel, match="holds no named tensors"):
        plugins.create("engine", f"diffusion:{tmp_path / 'list.ckpt'}")


@pytest.mark.parametrize("kept", [0, 8, 0.5])
def test_a_file_that_is_cut_off_is_refused(written, tmp_path: Path, kept: float) -> None:
    content = written[0].read_bytes()
    part = tmp_path / "part.ckpt"
    part.write_bytes(content[: int(kept * len(content) if kept < 1 else kept)])
    with pytest.raises(MissingModel, match=r"part\.ckpt .* fetch or copy it again"):
        plugins.create("engine", f"diffusion:{part}")
