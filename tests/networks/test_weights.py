"""Weight files: what is not safe or does not fit is refused in one sentence."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

from deidkit.errors import MissingModel
from deidkit_networks.weights import Weights, fill, load, save


@pytest.fixture
def made(tmp_path: Path) -> Path:
    network = torch.nn.Linear(3, 2)
    path = tmp_path / "weights.safetensors"
    save(path, Weights("line", {"width": 3}, "nothing", network.state_dict(), {"minutes": 1}))
    return path


def test_what_is_saved_comes_back(made: Path) -> None:
    found = load(made, "line")
    assert (found.architecture, found.settings, found.trained_on, found.card) == (
        "line", {"width": 3}, "nothing", {"minutes": 1},
    )  # fmt: skip
    assert found.tensors["weight"].dtype == torch.float16
    network = torch.nn.Linear(3, 2)
    fill(network, found, made)
    assert network.weight.dtype == torch.float32
    assert torch.equal(network.weight, found.tensors["weight"].float())


def refused(path: Path, architecture: str = "line") -> str:
    with pytest.raises(MissingModel) as told:
        load(path, architecture)
    sentence = str(told.value)
    assert "\n" not in sentence
    return sentence


def test_absent(tmp_path: Path) -> None:
    assert "deidkit train line" in refused(tmp_path / "none.safetensors")


def test_cut_off(made: Path) -> None:
    made.write_bytes(made.read_bytes()[:-5])
    assert "cut off" in refused(made)


def test_other_network(made: Path) -> None:
    assert "holds weights of 'line', not of 'ccnet'" in refused(made, "ccnet")


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    plain = tmp_path / "plain.pt"
    plain.write_bytes(pickle.dumps(Trap(), protocol=2))
    assert "pickled" in refused(plain)
    zipped = tmp_path / "zipped.pt"
    torch.save({"weight": torch.zeros(2)}, zipped)
    assert "pickled" in refused(zipped)
    assert not (tmp_path / "sprung").exists()


def test_foreign_safetensors(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    assert "does not say which network" in refused(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"weight": torch.zeros(2, 3)}, "lacks tensor 'bias'"),
        ({"weight": torch.zeros(2, 3), "bias": torch.zeros(2), "more": torch.zeros(1)}, "unknown tensor 'more'"),
        ({"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, "the network needs (2, 3)"),
        ({"weight": torch.full((2, 3), float("nan")), "bias": torch.zeros(2)}, "not finite"),
    ],
)
def test_tensors_that_do_not_fit(tensors: dict, told: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save(path, Weights("line", {}, "nothing", tensors))
    with pytest.raises(MissingModel) as refusal:
        fill(torch.nn.Linear(3, 2), load(path, "line"), path)
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"card": None}, "'card' is absent"),
        ({"architecture": None}, "'architecture' is absent"),
        ({"settings": "{"}, "'settings' is not JSON"),
        ({"card": "[]"}, "'card' is not a JSON object"),
        ({"card": '{"held_out": {"eer_percent": "low"}}'}, "not a table of numbers"),
        ({"settings": '{"competitors": [9, 999999999, 9], "hidden": 4, "embedding": 4}'}, "larger than any network's"),
        ({"settings": '{"competitors": [9, 36, 9], "hidden": 16000, "embedding": 16000}'}, "the network needs"),
        ({"settings": '{"hidden": 4}'}, "do not describe a network"),
    ],
)
def test_a_damaged_description_is_named_before_memory_is_taken_for_it(change: dict, told: str, tmp_path: Path) -> None:
    """The last but one describes a network of 11 GB."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    from deidkit import plugins
    from deidkit_recognizers.ccnet.network import CCNet, CCNetShape

    shape, path = CCNetShape(competitors=(2, 2, 2), hidden=4, embedding=4), tmp_path / "weights.safetensors"
    save(path, Weights("ccnet", shape.values(), "nothing", CCNet(shape).state_dict()))
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), **change}
    save_file(load_file(path), path, {name: text for name, text in metadata.items() if text is not None})
    with pytest.raises(MissingModel) as refusal:
        plugins.create("recognizer", f"ccnet:weights={path}")
    assert told in str(refusal.value) and str(path) in str(refusal.value)
