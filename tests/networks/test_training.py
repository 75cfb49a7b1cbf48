"""Training: what is learned, what survives a kill, what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

from click.testing import CliRunner

from deidkit.cli import main
from deidkit_networks.splitting import split
from deidkit_networks.weights import load

DATA = "synthetic:subjects=8,pictures=2,seed=77,width=150,height=200"
SMALL = "ccnet:hidden=16,embedding=16,schedule=cosine,dropout=0.1"


def arguments(folder: Path, *more: str, network: str = SMALL) -> list[str]:
    batch = [] if "--batch" in more else ["--batch", "8"]
    return ["train", network, "--dataset", DATA, *batch, "--held-out", "0.25", "--output", str(folder), *more]


def run(folder: Path, *more: str, network: str = SMALL) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments(folder, *more, network=network), catch_exceptions=False)
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training") / "whole"
    code, output = run(folder, "--epochs", "2")
    assert code == 0, output
    return folder


@pytest.mark.slow
def test_weights_say_what_they_are(trained: Path) -> None:
    weights = load(trained / "weights.safetensors", "ccnet")
    assert weights.trained_on == "procedural palms (drawn hands of nobody, seed 77)"
    assert weights.settings == {"competitors": [9, 36, 9], "hidden": 16, "embedding": 16}
    assert weights.card["identities"] == {"trained on": 6, "measured on": 2}
    assert weights.card["pictures"] == {"trained on": 12, "measured on": 4, "left out": 0}
    assert set(weights.card["held_out"]) == {"eer_percent", "d_prime", "rank_1_percent"}
    assert weights.card["recipe"]["fingerprint"]
    card = (trained / "MODEL_CARD.md").read_text()
    assert weights.trained_on in card
    assert "nobody's" in card
    assert (trained / "history.csv").read_text().startswith("step,minutes,loss,eer_percent")


def test_the_weights_are_a_recognizer(trained: Path) -> None:
    from deidkit import plugins

    _, component = plugins.create("recognizer", f"ccnet:{trained / 'weights.safetensors'}")
    assert component.remark.startswith("given weights, trained on procedural palms")
    assert list(component.weights) == ["weights.safetensors"]


@pytest.mark.slow
def test_a_system_that_counts_processors_otherwise_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS and Windows."""
    monkeypatch.delattr(os, "sched_getaffinity")
    code, output = run(tmp_path / "made", "--epochs", "1")
    assert code == 0, output


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "deidkit", *arguments(folder, "--epochs", "2")]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while not (folder / "checkpoint.pt").exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    child.kill()
    child.wait()
    assert not (folder / "weights.safetensors").exists(), "it was over before it could be killed"
    code, output = run(folder, "--epochs", "2", "--resume")
    assert code == 0, output
    one, other = (load(place / "weights.safetensors", "ccnet").tensors for place in (trained, folder))
    for name, tensor in one.items():
        assert np.allclose(tensor.float(), other[name].float(), atol=2e-3), name


@pytest.mark.slow
def test_ctrl_c_keeps_the_last_step(tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    command = [sys.executable, "-m", "deidkit", *arguments(folder, "--epochs", "400")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if "identities" in line:
                break
        time.sleep(2.0)
        child.send_signal(signal.SIGINT)
        told = child.stderr.read()
    assert child.returncode == 2, told
    assert "Interrupted" in told
    assert "--resume" in told
    assert (folder / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("more", "network", "told"),
    [
        ((), SMALL, "holds a training already: add --resume"),
        (("--resume", "--epochs", "2", "--seed", "5"), SMALL, "holds a training with other seed"),
        (("--resume", "--epochs", "2", "--minutes", "1"), SMALL, "--epochs or --minutes, not both"),
        (("--resume", "--epochs", "2", "--device", "cuda:9"), SMALL, "torch finds 0 CUDA devices"),
        (("--resume", "--epochs", "2", "--device", "abacus"), SMALL, "'abacus' is not a device"),
        ((), "ccnt", "Did you mean 'ccnet'?"),
        ((), "ccnet:hidden=big", "hidden"),
    ],
)
def test_what_cannot_be_done_is_refused(trained: Path, more: tuple[str, ...], network: str, told: str) -> None:
    import torch

    if "cuda:9" in more and torch.cuda.device_count():
        pytest.skip("a GPU is there, and the sentence counts it")
    code, output = run(trained, *more, network=network)
    assert code == 2
    assert told in output
    assert "Traceback" not in output


def test_a_folder_without_a_training_cannot_be_resumed(tmp_path: Path) -> None:
    code, output = run(tmp_path / "nothing", "--resume")
    assert code == 2
    assert "there is no training in" in output


@pytest.mark.slow
def test_a_batch_larger_than_the_data_is_refused(tmp_path: Path) -> None:
    code, output = run(tmp_path / "small", "--batch", "1000", "--epochs", "1")
    assert code == 2
    assert "use a smaller --batch" in output


def test_a_damaged_checkpoint_is_named(trained: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "damaged"
    shutil.copytree(trained, folder)
    (folder / "checkpoint.pt").write_bytes(b"half a file")
    code, output = run(folder, "--epochs", "2", "--resume")
    assert code == 2
    assert "checkpoint.pt is damaged" in output


def test_splits_share_no_picture() -> None:
    labels = np.repeat(np.arange(10), 5)
    by_identity = split(labels, held_out=0.3, first=None, seed=1)
    assert len(np.unique(labels[by_identity.test])) == 3
    assert not set(labels[by_identity.train]) & set(labels[by_identity.test])
    published = split(labels, held_out=0.3, first=3, seed=1)
    assert len(published.train) == 30
    assert len(published.test) == 20
    assert set(published.train) | set(published.test) == set(range(50))
    assert [number % 5 for number in published.train[:3]] == [0, 1, 2]


@pytest.mark.slow
def test_a_report_says_what_the_weights_were_trained_on(trained: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        main,
        [
            "audit", "--dataset", "synthetic:subjects=3,pictures=2", "--engine", "blur",
            "--recognizer", f"ccnet:{trained / 'weights.safetensors'}", "--output", "out", "--db", "scores.db",
        ],
        catch_exceptions=False,
    )  # fmt: skip
    told = "given weights, trained on procedural palms (drawn hands of nobody, seed 77)"
    assert told in result.output
    assert (tmp_path / "out/report.html").read_text().count(told) >= 2
    assert told in (tmp_path / "out/report.json").read_text()
