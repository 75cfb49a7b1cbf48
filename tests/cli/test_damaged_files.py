"""Files that are damaged, of every kind that a command reads: one sentence and exit code 2, never a traceback.

Each file is mutated with a seed. How many times is read from the environment variable DEIDKIT_MUTATIONS; a nightly run
takes thousands. A failure names kind and number, which with the same DEIDKIT_SEED make the same file again; each kind
prints one line (`pytest -s`).
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

from deidkit.cli import main
from deidkit.store import open_store

MUTATIONS = int(os.environ.get("DEIDKIT_MUTATIONS", "8"))
SEED = int(os.environ.get("DEIDKIT_SEED", "0"))
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "damaged"
STORES = Path(__file__).parent.parent / "stores"
MEMORY = 2**30
"""Bytes by which a damaged file may let this process grow."""

EXTREMES = ("null", "-1", "0", "1e999", "999999999999", "[]", "{}", '""', "true", "NaN", '"' + "9" * 5000 + '"')


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice((1, 3, 30))):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def overwrite_head(data: bytes, rng: random.Random) -> bytes:
    length = min(len(data), 128)
    start = rng.randrange(length)
    return data[:start] + rng.randbytes(rng.randint(1, 16)) + data[start + 1 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def insert(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.randbytes(rng.choice((1, 8, 1000))) + data[place:]


def repeat(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data + data[start : start + rng.randint(1, 4096)]


def replace_number(data: bytes, rng: random.Random) -> bytes:
    """Put something else where the file has a number or a text in quotes."""
    places = list(re.finditer(rb'\d+(\.\d+)?|"[a-z_]+"', data[:4096]))
    if not places:
        return flip_bits(data, rng)
    place = rng.choice(places)
    return data[: place.start()] + rng.choice(EXTREMES).encode() + data[place.end() :]


MUTATE: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bits, overwrite_head, cut, insert, repeat, replace_number,
)  # fmt: skip


def change_header(data: bytes, rng: random.Random) -> bytes:
    """Change one value of the description in a safetensors file, and keep the rest sound."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    texts = header["__metadata__"]
    name = rng.choice(sorted(texts))
    how = rng.choice(("drop", "text", "inside"))
    if how == "drop":
        del texts[name]
    elif how == "text" or name not in ("settings", "card"):
        texts[name] = rng.choice(EXTREMES)
    else:
        inside = json.loads(texts[name])
        key = rng.choice(sorted(inside))
        inside[key] = rng.choice((None, -1, 0, 1e300, 10**9, 10**30, [], {}, "x", [10**9] * 3, True))
        texts[name] = json.dumps(inside)
    made = json.dumps(header).encode()
    made += b" " * (-len(made) % 8)
    return struct.pack("<Q", len(made)) + made + data[8 + length :]


@dataclass(frozen=True)
class Case:
    """A sound file and the command that reads it."""

    file: str
    command: tuple[str, ...]
    make: Callable[[Path], None]
    mutate: tuple[Callable[[bytes, random.Random], bytes], ...] = MUTATE


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"genuine": rng.normal(0.2, 0.05, 40), "impostor": rng.normal(0.5, 0.05, 40)}


def make_csv(path: Path) -> None:
    rows = [
        f"{a:.4f},{b:.4f},{n % 5},{n % 5},{(n + 1) % 5}"
        for n, (a, b) in enumerate(zip(*arrays().values(), strict=True))
    ]
    header = "genuine,impostor,genuine_subject,impostor_probe_subject,impostor_reference_subject"
    path.write_text("\n".join([header, *rows]))


def make_parquet(path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the package pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the package pyarrow")
    parquet.write_table(pyarrow.table(arrays()), path)


def make_rois(folder: Path) -> None:
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (128, 128), dtype=np.uint8)
        Pillow.fromarray(pixels).save(folder / f"{number}.png")


def make_network(path: Path) -> None:
    """A network that averages blocks of pixels, and its description."""
    onnx = pytest.importorskip("onnx", reason="needs the packages onnx and onnxruntime")
    pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["picture"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Flatten", ["pooled"], ["embedding"]),
        ],
        "blocks",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 1, 32, 32])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 16])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path.with_suffix(".onnx"))
    path.with_suffix(".toml").write_text(
        '[input]\nregion = "roi"\nsize = [32, 32]\nchannels = 1\nmean = [0.5]\nstd = [0.5]\n'
        '[output]\nname = "embedding"\nmetric = "cosine"\n'
    )
    make_rois(path.parent)


def make_weights(path: Path) -> None:
    pytest.importorskip("torch", reason="needs the package torch")
    from deidkit_networks.weights import Weights, save
    from deidkit_recognizers.ccnet.network import CCNet, CCNetShape

    shape = CCNetShape(competitors=(2, 2, 2), hidden=4, embedding=4)
    card = {"held_out": {"eer_percent": 1.0}, "epochs": 2}
    save(path, Weights("ccnet", shape.values(), "nothing", CCNet(shape).state_dict(), card))
    make_rois(path.parent)


def make_store(path: Path) -> None:
    shutil.copy(sorted(STORES.glob("*.db"))[-1], path)
    open_store(str(path), "write").dispose()


def make_configuration(path: Path) -> None:
    path.write_text(
        'dataset = "absent"\nengine = ["blur", {name = "pixelate", block = 16}]\nrecognizer = "mtcc"\nseed = 3\n'
    )


def make_manifest(path: Path) -> None:
    make_rois(path.parent)
    path.write_text("path,subject,hand,kind\n0.png,7,left,roi\n1.png,8,right,roi\n")


ROIS = ("match", "0.png", "1.png", "--roi", "--recognizer")
CASES = {
    "csv": Case("s.csv", ("metrics", "s.csv"), make_csv),
    "npz": Case("s.npz", ("metrics", "s.npz"), lambda path: np.savez_compressed(path, **arrays())),
    "npz-stored": Case("s.npz", ("metrics", "s.npz"), lambda path: np.savez(path, **arrays())),
    "parquet": Case("s.parquet", ("metrics", "s.parquet"), make_parquet),
    "configuration": Case("c.toml", ("audit", "--config", "c.toml"), make_configuration),
    "manifest": Case("manifest.csv", ("datasets", "check", "manifest.csv", "--quiet"), make_manifest),
    "sidecar": Case("n.toml", (*ROIS, "onnx:n.onnx"), make_network),
    "onnx": Case("n.onnx", (*ROIS, "onnx:n.onnx"), make_network),
    "safetensors": Case(
        "w.safetensors", (*ROIS, "ccnet:weights=w.safetensors"), make_weights, (*MUTATE, change_header, change_header)
    ),
    "store": Case("s.db", ("db", "list", "--db", "s.db"), make_store),
    "store-report": Case("s.db", ("report", "latest", "--db", "s.db", "--output", "report"), make_store),
}


def run(words: tuple[str, ...], where: str) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code in (0, 1, 2), where
    assert "Traceback" not in result.output, f"{where}: {result.output[-2000:]}"
    if result.exit_code:
        assert "Error: " in result.output, f"{where}: {result.output}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MEMORY, f"{where}: {grown / 2**20:.0f} MiB"
    return result.exit_code


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_a_damaged_file_gets_a_sentence(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[kind]
    monkeypatch.chdir(tmp_path)
    case.make(tmp_path / case.file)
    sound = (tmp_path / case.file).read_bytes()
    run(case.command, f"{kind}, sound")
    refused = 0
    for number in range(MUTATIONS):
        rng = random.Random(f"{kind} {SEED} {number}")
        mutate = rng.choice(case.mutate)
        (tmp_path / case.file).write_bytes(mutate(sound, rng))
        refused += run(case.command, f"{kind}, seed {SEED}, number {number}, {mutate.__name__}") == 2
    print(f"\ndamaged files: {kind}, seed {SEED}, {MUTATIONS} mutations, {refused} refused, 0 tracebacks")
    assert refused, "no mutation was noticed"


@pytest.mark.parametrize("number", ["01", "03", "04", "07", "08", "09", "11", "12", "17", "20", "23", "24"])
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the folder `shared` with damaged files beside the checkout")
def test_a_file_that_ended_in_a_traceback_is_named(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_network(tmp_path / "n.toml") if (SHARED / number / "n.toml").exists() else None
    (damaged,) = (path for path in (SHARED / number).iterdir() if path.name != "words")
    (tmp_path / damaged.name).write_bytes(damaged.read_bytes())
    command = ("metrics", "s.npz") if damaged.suffix == ".npz" else (*ROIS, "onnx:n.onnx")
    result = CliRunner().invoke(main, list(command))
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: {damaged.name}") and result.output.count("\n") == 1, result.output
