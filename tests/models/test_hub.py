"""Models of the Hugging Face Hub: fetched over real HTTP, cut off, resumed, damaged, brought by hand."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deidkit import models
from deidkit.errors import MissingModel, UsageError

if importlib.util.find_spec("huggingface_hub") is None:
    pytest.skip("huggingface_hub is not installed: pip install '.[diffusion]'", allow_module_level=True)

spec = importlib.util.spec_from_file_location("local_hub", Path(__file__).with_name("hub.py"))
assert spec is not None and spec.loader is not None
local_hub = importlib.util.module_from_spec(spec)
sys.modules["local_hub"] = local_hub
spec.loader.exec_module(local_hub)

NAME = "paint-by-example"
LARGE = "unet/diffusion_pytorch_model.bin"
SMALL = "unet/config.json"


@pytest.fixture
def hub() -> Iterator[local_hub.Hub]:
    rng = np.random.default_rng(0)
    with local_hub.serve() as hub:
        for file in models.find(NAME).files:
            size = 12_000_000 if file.name == LARGE else 200
            hub.content[file.origin] = rng.bytes(size)
        hub.content["model.ckpt"] = b"x" * 100
        yield hub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


def deidkit(hub: local_hub.Hub, *arguments: str) -> tuple[int, str, str]:
    """Run the command as a user does: the client reads where its Hub is when it is first imported."""
    done = subprocess.run(
        [sys.executable, "-m", "deidkit", "models", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_ENDPOINT": hub.address, "NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_TELEMETRY": "1"},
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def lay_out(hub: local_hub.Hub, folder: Path) -> Path:
    for name, data in hub.content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.slow
def test_the_first_fetch_is_trusted_and_everything_later_held_against_it(hub: local_hub.Hub, cache: Path) -> None:
    code, out, err = deidkit(hub, "fetch", NAME)
    assert (code, err.count("\n")) == (0, 2), err
    assert "No SHA-256 of" in err and "Open RAIL" in err
    assert "recorded for later" in out
    home = cache / NAME
    for file in models.find(NAME).files:
        assert (home / file.name).read_bytes() == hub.content[file.origin]
    assert not (home / "model.ckpt").exists()  # only what is used
    assert not (home / ".partial").exists()
    record = json.loads((home / "fetched.json").read_text())
    assert record["revision"] == hub.commit
    assert models.path(NAME) == home
    said: list[str] = []
    models.announce(NAME, said.append)
    assert len(said) == 1 and "knows no SHA-256" in said[0] and "at c0ffee000000" in said[0]
    entry = next(m for m in json.loads(deidkit(hub, "list", "--json")[1])["models"] if m["name"] == NAME)
    assert (entry["state"], entry["pinned"]) == ("ok", "at c0ffee000000")
    assert entry["files"][LARGE] == record["files"][LARGE]["sha256"]

    data = bytearray((home / LARGE).read_bytes())
    data[12345] ^= 1
    (home / LARGE).write_bytes(data)
    with pytest.raises(MissingModel, match=f"damaged: .* deidkit models fetch {NAME}$"):
        models.path(NAME)
    before = len(hub.sent(SMALL))
    code, out, _ = deidkit(hub, "fetch", NAME)
    assert (code, "every file as recorded" in out) == (0, True)
    assert len(hub.sent(SMALL)) == before  # what is as it should be is not fetched again
    models.verify(NAME)


@pytest.mark.slow
def test_a_download_that_is_cut_off_goes_on_where_it_stopped(hub: local_hub.Hub, cache: Path) -> None:
    hub.break_off[LARGE] = 11_000_000  # the client writes in blocks of 10 MiB
    code, _, err = deidkit(hub, "fetch", NAME)
    assert code == 2
    assert "broke off" in err or "Connection broken" in err
    assert f"to resume a download that broke off, run 'deidkit models fetch {NAME}'" in err
    assert not (cache / NAME / "fetched.json").exists()
    with pytest.raises(MissingModel, match=r"is not in .* deidkit models fetch paint-by-example$"):
        models.path(NAME)

    code, _, err = deidkit(hub, "fetch", NAME)
    assert code == 0, err
    first, second = hub.sent(LARGE)
    assert first == ""
    assert second == "bytes=10485760-"
    assert (cache / NAME / LARGE).read_bytes() == hub.content[LARGE]


@pytest.mark.slow
def test_a_file_that_is_not_what_the_hub_lists_is_refused(hub: local_hub.Hub, cache: Path) -> None:
    for name in (SMALL, LARGE):  # one known by its Git object, one by its SHA-256
        hub.spoil = {name}
        code, _, err = deidkit(hub, "fetch", NAME)
        assert (code, f"{name} came damaged" in err) == (2, True), err
        assert not (cache / NAME / name).exists()
    hub.spoil = set()
    assert deidkit(hub, "fetch", NAME)[0] == 0


@pytest.mark.slow
def test_a_commit_can_be_named_and_a_silent_change_is_refused(hub: local_hub.Hub, cache: Path) -> None:
    newer = "beef" * 10
    hub.commits[newer] = {**hub.content, SMALL: b"another"}
    assert deidkit(hub, "fetch", NAME)[0] == 0
    hub.content[SMALL] = b"changed under the same commit"
    code, _, err = deidkit(hub, "fetch", NAME)
    assert (code, f"{SMALL} is not what" in err, "--revision" in err) == (2, True, True), err
    models.verify(NAME)  # what is here stays
    code, _, err = deidkit(hub, "fetch", NAME, "--revision", newer)
    assert code == 0, err
    assert (cache / NAME / SMALL).read_bytes() == b"another"
    record = models.recorded(NAME)
    assert record is not None
    assert record.revision == newer
    code, _, err = deidkit(hub, "fetch", NAME, "--revision", "0" * 40)
    assert (code, "cannot be fetched" in err) == (2, True)
    models.verify(NAME)


def test_a_mirror_that_tells_no_hashes_serves_too(hub: local_hub.Hub, cache: Path) -> None:
    hub.silent = True
    assert deidkit(hub, "fetch", NAME)[0] == 0
    models.verify(NAME)


@pytest.mark.slow
def test_a_repository_without_the_file_and_a_hub_out_of_reach_are_named(hub: local_hub.Hub, cache: Path) -> None:
    del hub.content[SMALL]
    code, _, err = deidkit(hub, "fetch", NAME)
    assert (code, f"holds no {SMALL}" in err) == (2, True)
    gone = local_hub.Hub(address="http://127.0.0.1:9")
    code, _, err = deidkit(gone, "fetch", NAME)
    assert (code, "http://127.0.0.1:9 cannot be reached" in err, err.count("\n")) == (2, True, 3)
    assert f"hf download Fantasy-Studio/Paint-by-Example model_index.json {SMALL} " in err
    assert f"deidkit models fetch {NAME} --from FOLDER" in err


@pytest.mark.slow
def test_processes_may_fetch_at_the_same_time(hub: local_hub.Hub, cache: Path) -> None:
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "deidkit", "models", "fetch", NAME]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    models.verify(NAME)
    assert len(hub.sent(LARGE)) == 1  # the others found it there


@pytest.mark.slow
def test_files_are_taken_from_a_folder(hub: local_hub.Hub, cache: Path, tmp_path: Path) -> None:
    given = lay_out(hub, tmp_path / "given")
    code, out, _ = deidkit(hub, "fetch", NAME, "--from", str(given))
    assert (code, "recorded for later" in out) == (0, True)
    record = models.recorded(NAME)
    assert record is not None
    assert (record.source, record.revision) == ("folder", None)
    assert "by what was given" in deidkit(hub, "list", "--json")[1]
    models.take(NAME, models.path(NAME))  # its own layout is understood too
    (given / SMALL).write_bytes(b"another")
    with pytest.raises(MissingModel, match=rf"{SMALL} is not what .*fetched\.json recorded"):
        models.take(NAME, given)
    (given / SMALL).unlink()
    (given / "config.json").write_bytes(hub.content[SMALL])  # which of the three it is cannot be told
    with pytest.raises(MissingModel, match=f"holds no {SMALL}"):
        models.take(NAME, given)
    code, _, err = deidkit(hub, "fetch", NAME, "--from", str(given), "--revision", "abc")
    assert (code, "--revision" in err) == (2, True)


def test_the_hub_confirms_what_was_brought_by_hand(hub: local_hub.Hub, cache: Path, tmp_path: Path) -> None:
    models.take(NAME, lay_out(hub, tmp_path / "given"))
    assert deidkit(hub, "fetch", NAME)[0] == 0
    record = models.recorded(NAME)
    assert record is not None
    assert record.revision == hub.commit
    assert not hub.sent(LARGE)


def test_terms_are_accepted_once_and_never_by_deidkit(hub: local_hub.Hub, cache: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    for file in models.find("wilor").files:
        (given / Path(file.name).name).write_bytes(file.name.encode())  # loose files
    with pytest.raises(UsageError, match=r"non-commercial.*: deidkit models fetch wilor --accept-licence$"):
        models.take("wilor", given)
    with pytest.raises(MissingModel, match=r"fetch it with: deidkit models fetch wilor --accept-licence$"):
        models.ensure("wilor", pytest.fail)
    assert not cache.exists()
    assert deidkit(hub, "fetch", "wilor", "--from", str(given), "--accept-licence")[0] == 0
    assert models.path("wilor") == cache / "wilor"
    models.take("wilor", given)
    models.verify("wilor")


def test_a_broken_record_is_named(cache: Path) -> None:
    (cache / NAME).mkdir(parents=True)
    (cache / NAME / "fetched.json").write_text("{")
    with pytest.raises(MissingModel, match=r"fetched\.json cannot be read.*delete it"):
        models.path(NAME)


def test_without_the_client_the_command_that_brings_it_is_named(cache: Path) -> None:
    code = (
        "import sys; sys.modules['huggingface_hub'] = None\n"
        "from deidkit.cli import main; main(['models', 'fetch', 'sam2-tiny'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("Install it with: pip install 'huggingface_hub>=0.34'\n")
