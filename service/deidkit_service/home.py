"""The folder of a service, with two databases in it unless the operator names another."""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deidkit.errors import UsageError
from deidkit_service.database import Database
from deidkit_service.settings import Settings, read_settings

log = logging.getLogger("deidkit.home")


@dataclass(frozen=True)
class Home:
    """A service's place.

    Attributes:
        folder: Shared by all its workers; only its owner can read it.
        db: SQLAlchemy URL of the database, or empty for SQLite files in the folder.
    """

    folder: Path
    db: str = ""

    @classmethod
    def at(cls, folder: Path, db: str = "") -> Home:
        """The home in a folder, which is made where there is none.

        Raises:
            UsageError: The folder cannot be made or read.
        """
        folder = folder.expanduser().resolve()
        try:
            for place in ("", "benchmarks", "submissions", "uploads"):
                (folder / place).mkdir(mode=0o700, parents=not place, exist_ok=True)
        except OSError as error:
            raise UsageError(f"the home {folder} cannot be made: {error.strerror}.") from error
        return cls(folder, db)

    @cached_property
    def settings(self) -> Settings:
        """What the operator set."""
        return read_settings(self.folder)

    @cached_property
    def database(self) -> Database:
        """Tokens, benchmarks, submissions and the queue. Raises StoreError where it cannot be opened."""
        return Database(self.db or str(self.folder / "service.db"))

    @property
    def scores(self) -> str:
        """The score store of the audits: beside the service's tables, or in a file of its own."""
        return self.db or str(self.folder / "scores.db")

    def close(self) -> None:
        """Let go of the database, if it was opened."""
        if "database" in self.__dict__:
            self.database.close()

    def benchmark(self, name: str) -> Path:
        """Folder of a benchmark."""
        return self.folder / "benchmarks" / name

    def submission(self, identifier: str) -> Path:
        """Folder of a submission: its upload, its pictures, the running audit, its report."""
        return self.folder / "submissions" / identifier

    def upload(self, identifier: str) -> Path:
        """File of an unfinished upload."""
        return self.folder / "uploads" / f"{identifier}.part"

    def forget(self, identifier: str, *, reports: bool = False) -> None:
        """Remove what a submission brought and what an audit left half done; its report, too, if asked for.

        Raises:
            OSError: Something cannot be removed.
        """
        folder = self.submission(identifier)
        for name in ("upload.zip", "pictures.csv", "scores.csv", "scores.npz", "scores.parquet"):
            (folder / name).unlink(missing_ok=True)
        for name in ("unpacked", "pictures", "audit"):
            remove_folder(folder / name)
        if reports:
            remove_folder(folder)

    def forget_now_or_later(self, identifier: str) -> bool:
        """`forget`, but what cannot be removed stays until its time is over, and the log names the submission.

        Returns:
            Whether all is gone.
        """
        try:
            self.forget(identifier)
        except OSError as error:
            log.warning("the pictures of submission %s are not removed yet: %s", identifier, error)
            return False
        return True


def remove_folder(folder: Path) -> None:
    """Remove a folder that may be gone already. Raises OSError where something of it stays."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
