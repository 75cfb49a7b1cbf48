"""A model file at a web address."""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from deidkit.errors import MissingModel, UsageError
from deidkit.models import record
from deidkit.models.download_folders import temporary
from deidkit.models.model import File, Model

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds before a download that broke off is taken up again where it stopped."""

ANSWER_SECONDS = 30
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Web:
    """One file on the web; proxies of the environment (``HTTPS_PROXY``) hold.

    Attributes:
        begins: First digits of its SHA-256 in hex, where its publisher put them into its name.
    """

    address: str
    megabytes: int
    begins: str = ""

    @property
    def title(self) -> str:
        """The address and about how large the download is."""
        return f"{self.address}, about {self.megabytes:,} MB"

    def download_folder(self, home: Path) -> AbstractContextManager[Path]:
        """A folder that goes when the command ends."""
        return temporary(home)

    def fetch(self, files: Sequence[File], folder: Path, home: Path, revision: str | None) -> None:
        """Download the file, resuming where it breaks off, and verify it by what is known of it."""
        if revision is not None:
            raise UsageError(f"the file comes from {self.address}; --revision does not apply.")
        (file,) = files
        place = folder / file.name
        for pause in (*PAUSES, None):
            try:
                self._download(place)
                break
            except urllib.error.HTTPError as error:
                if pause is None or error.code < 500:
                    raise MissingModel(f"{self.address} answers {error.code} {error.reason}") from None
            except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
                if pause is None or not place.exists():
                    raise MissingModel(f"{self.address} cannot be reached: {_complaint(error)}") from None
            time.sleep(pause)
        self._check(place)

    def take(self, files: Sequence[File], given: Path, folder: Path) -> None:
        """Take the file itself, or from the folder that holds it."""
        (file,) = files
        found = given if given.is_file() else given / file.name
        if not found.is_file():
            raise MissingModel(f"{given} holds no {file.name}")
        shutil.copyfile(found, folder / file.name)
        self._check(folder / file.name)

    def by_hand(self, model: Model) -> str:
        """Download on another machine, then fetch from the file."""
        return f"on a machine with access download {self.address}, then here '{model.command} --from FILE'"

    def _download(self, place: Path) -> None:
        """Get what is still lacking of the file."""
        received = place.stat().st_size if place.exists() else 0
        request = urllib.request.Request(self.address, headers={"Range": f"bytes={received}-"} if received else {})
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            going_on = answer.status == 206
            expected = int(answer.headers.get("Content-Length") or -1)
            with place.open("ab" if going_on else "wb") as file:
                got = 0
                while piece := answer.read(PIECE):
                    got += file.write(piece)
        if 0 <= got < expected:
            raise ConnectionError("the connection was cut")

    def _check(self, place: Path) -> None:
        if not record.content(place).sha256.startswith(self.begins):
            raise MissingModel(f"{place.name} is not the expected file: its SHA-256 does not begin with {self.begins}")


def _complaint(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return (str(reason) or type(reason).__name__).rstrip(".")
