"""What the source distribution and the wheel hold."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists() or shutil.which("git") is None, reason="needs a checkout and git"),
]


def tracked(*places: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *places], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The tracked files alone, as in a fresh clone."""
    for name in tracked():
        (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


def test_the_source_distribution_holds_the_checkout(checkout: Path, tmp_path: Path) -> None:
    from hatchling.builders.sdist import SdistBuilder

    (made,) = SdistBuilder(str(checkout)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with tarfile.open(made) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert held == tracked() | {"PKG-INFO"}


def test_the_source_distribution_leaves_out_what_lies_about(checkout: Path, tmp_path: Path) -> None:
    from hatchling.builders.sdist import SdistBuilder

    for name in ("auditor.key", "hands/0001.png", "pictures/README.md", "pictures/docs/1.png"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_bytes(b"private")
    (made,) = SdistBuilder(str(checkout)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with tarfile.open(made) as archive:
        assert {name.partition("/")[2] for name in archive.getnames()} == tracked() | {"PKG-INFO"}


def test_the_wheel_holds_every_file_of_its_packages(checkout: Path, tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    (made,) = WheelBuilder(str(checkout)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with zipfile.ZipFile(made) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = {Path(name).name for name in archive.namelist() if "/licenses/" in name}
    assert held == {
        Path(name).relative_to(Path(place).parent).as_posix() for place in packages for name in tracked(place)
    }
    assert licences == {"LICENSE"}
