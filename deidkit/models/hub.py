"""Model files in a repository of the Hugging Face Hub, through its own client."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deidkit.errors import MissingDependency, MissingModel
from deidkit.models import record
from deidkit.models.download_folders import resumable
from deidkit.models.model import File, Model

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling


ANSWER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Hub:
    """A model repository of the Hugging Face Hub.

    The download goes through huggingface_hub, so that its mirror (``HF_ENDPOINT``), token and proxies hold.

    Attributes:
        repository: ``owner/name``.
        megabytes: About how large the download is; None where that is not known.
        revision: The commit the files are pinned to, or None while they are not.
    """

    repository: str
    megabytes: int | None = None
    revision: str | None = None

    @property
    def title(self) -> str:
        """The repository, its commit if pinned, and about how large the download is."""
        pinned = f" at {self.revision[:12]}" if self.revision else ""
        large = f", about {self.megabytes:,} MB" if self.megabytes else ""
        return f"Hugging Face Hub {self.repository}{pinned}{large}"

    def download_folder(self, home: Path) -> AbstractContextManager[Path]:
        """A folder that keeps what was downloaded when the network fails; one process at a time."""
        _client()
        from filelock import FileLock  # a dependency of the client

        return resumable(home, FileLock(home / ".lock"))

    def fetch(self, files: Sequence[File], folder: Path, home: Path, revision: str | None) -> str:
        """Download what is not there yet, resuming where a former try stopped, and verify it by what the Hub says.

        The Hub knows the SHA-256 of large files and the Git object of small ones; both are compared.
        """
        hub = _client()
        from huggingface_hub.errors import HfHubHTTPError

        network: tuple[type[Exception], ...] = (HfHubHTTPError, *_network_errors())
        try:
            info = hub.HfApi().model_info(
                self.repository, revision=revision or self.revision, files_metadata=True, timeout=ANSWER_SECONDS
            )
            commit = str(info.sha)
            listed = {sibling.rfilename: sibling for sibling in info.siblings or []}
            for file in files:
                if file.origin not in listed:
                    raise MissingModel(f"{self.repository} at {commit[:12]} holds no {file.origin}")
                if _is(home / file.name, listed[file.origin]):
                    continue
                hub.hf_hub_download(self.repository, file.origin, revision=commit, local_dir=folder)
                if _is(folder / file.origin, listed[file.origin]) is False:
                    (folder / file.origin).unlink()
                    raise MissingModel(f"{file.origin} came damaged: it is not what the Hub says it is; try again")
                _move(folder / file.origin, folder / file.name)
        except network as error:
            raise MissingModel(_complaint(error)) from None
        except OSError as error:
            if error.errno is not None:  # the disk's, not the client's
                raise
            raise MissingModel(_complaint(error)) from None
        return commit

    def take(self, files: Sequence[File], given: Path, folder: Path) -> None:
        """Take the files from a folder laid out as the repository or as the cache, or from loose files.

        A loose file must have a name that no other file of the model has: there are several ``config.json``.
        """
        if not given.is_dir():
            raise MissingModel(f"{given} is not a folder")
        bare = [Path(file.origin).name for file in files]
        for file in files:
            name = Path(file.origin).name
            places = [given / file.origin, given / file.name, *([given / name] if bare.count(name) == 1 else [])]
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                raise MissingModel(f"{given} holds no {file.origin}")
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, folder / file.name)

    def by_hand(self, model: Model) -> str:
        """Download on another machine, then fetch from the folder."""
        pinned = ["--revision", self.revision] if self.revision else []
        origins = [file.origin for file in model.files]
        download = shlex.join(["hf", "download", self.repository, *origins, *pinned, "--local-dir", "FOLDER"])
        return (
            f"to resume a download that broke off, run '{model.command}'; or on a machine with access run "
            f"'{download}', then here '{model.command} --from FOLDER'"
        )


def _client() -> Any:
    # Over plain HTTP a download that was cut off resumes where it stopped; for the newer transfer that is unproven.
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    try:
        import huggingface_hub
    except ModuleNotFoundError:
        raise MissingDependency(
            "fetching from the Hugging Face Hub needs 'huggingface_hub'. "
            "Install it with: pip install 'huggingface_hub>=0.34'"
        ) from None
    if not sys.stderr.isatty():
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
    return huggingface_hub


def _network_errors() -> tuple[type[Exception], ...]:
    """What the client's HTTP library raises; requests' own errors are all OSErrors without a number."""
    httpx = sys.modules.get("httpx")
    return (httpx.HTTPError,) if httpx else ()


def _is(place: Path, listed: RepoSibling) -> bool | None:
    """Whether a file is what the Hub lists; None where the Hub (or a mirror) tells nothing but its name."""
    if not place.is_file():
        return False
    if listed.lfs is not None:
        return bool(record.content(place).sha256 == listed.lfs.sha256)
    if listed.blob_id is None:
        return None
    data = place.read_bytes()
    return bool(hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == listed.blob_id)


def _move(place: Path, target: Path) -> None:
    if place != target:
        target.parent.mkdir(parents=True, exist_ok=True)
        place.replace(target)


def _complaint(error: Exception) -> str:
    """What went wrong, in one line."""
    from huggingface_hub.constants import ENDPOINT

    if "Connect" in type(error).__name__ and "offline" not in str(error).lower():
        return f"{ENDPOINT} cannot be reached, or broke off"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"the Hub's client says '{(lines or [type(error).__name__])[0].rstrip('.')}'"
