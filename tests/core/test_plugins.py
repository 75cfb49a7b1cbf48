"""Plugins are found by entry point, and what is wrong with one is said in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import PluginError


def test_an_unknown_name_suggests_the_nearest_and_lists_the_rest() -> None:
    with pytest.raises(PluginError, match=r"no engine is named 'pixlate'\. Did you mean 'pixelate'\? Installed: blur"):
        plugins.load("engine", "pixlate")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, entry.name) for kind in plugins.CONTRACTS for entry in plugins.installed(kind)]
)
def test_every_plugin_of_our_own_imports_and_offers_what_its_contract_asks(kind: str, name: str) -> None:
    try:
        loaded = plugins.load(kind, name)
    except PluginError as error:
        if "Install it with" in str(error):
            pytest.skip(str(error))
        raise
    plugins.check_class(kind, name, loaded)


def test_every_kind_has_plugins() -> None:
    assert all(plugins.installed(kind) for kind in plugins.CONTRACTS)


def test_the_list_names_package_state_and_options() -> None:
    result = CliRunner().invoke(main, ["plugins", "--kind", "engine", "--json"])
    assert result.exit_code == 0, result.output
    rows = {row["name"]: row for row in json.loads(result.output)}
    assert {"blur", "folder", "identity", "mask", "pixelate"} <= set(rows)
    assert rows["pixelate"]["state"] == "ok"
    assert rows["pixelate"]["package"].startswith("hand-deid-audit ")
    assert "block" in {option["name"] for option in rows["pixelate"]["options"]}
    assert all(option["help"] for row in rows.values() for option in row["options"])


def test_a_kind_that_does_not_exist_is_named() -> None:
    result = CliRunner().invoke(main, ["plugins", "--kind", "motor"])
    assert result.exit_code == 2
    assert "there is no kind of plugin 'motor'" in result.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "requirements"),
    [
        ("recognizer", "ccnet", ["safetensors>=0.4", "torch"]),
        ("trainer", "ccnet", ["safetensors>=0.4", "torch"]),
        ("engine", "diffusion", ["diffusers<0.38,>=0.33.1", "torch", "transformers<5,>=4.56"]),
    ],
)
def test_what_needs_torch_names_the_requirements_themselves(kind: str, name: str, requirements: list[str]) -> None:
    script = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(f\"No module named '{name}'\", name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from deidkit import plugins\n"
        f"plugins.create({kind!r}, {name!r})\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    message = finished.stderr.strip().splitlines()[-1]
    assert f"{kind} '{name}' needs 'torch'. Install it with: pip install '" in message
    assert all(f"'{requirement}" in message for requirement in requirements)
    assert "deidkit[" not in message, "another package may hold that name on an index"


def test_a_torch_for_the_cpu_is_kept_where_more_is_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A torchvision of another index would bring a torch of its own."""
    build = tmp_path / "torch-2.13.0+cpu.dist-info"
    build.mkdir()
    (build / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.13.0+cpu\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(PluginError) as raised:
        plugins.create("quality_measure", "lpips")
    message = str(raised.value)
    assert "'torch==2.13.0+cpu'" in message
    assert "'torchvision>=" in message
    assert message.endswith("--extra-index-url URL, with the index that torch came from as URL")
