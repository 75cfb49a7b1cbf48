"""The home of a service: the folder with its files, and its databases."""

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
    """Folder and database of a service.

    Attributes:
        folder: Folder shared by all workers; created readable for its owner only.
        db: SQLAlchemy URL of the database, or empty for SQLite files in the folder.
    """

    folder: Path
    db: str = ""

    @classmethod
    def at(cls, folder: Path, db: str = "") -> Home:
        """Open the home in a folder, creating the folder if necessary.

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
        """The operator's settings."""
        return read_settings(self.folder)

    @cached_property
    def database(self) -> Database:
        """Database of tokens, benchmarks, submissions and the queue. Raises StoreError if it cannot be opened."""
        return Database(self.db or str(self.folder / "service.db"))

    @property
    def scores(self) -> str:
        """URL or path of the audits' score store: the same database for `db`, otherwise a separate SQLite file."""
        return self.db or str(self.folder / "scores.db")

    def close(self) -> None:
        """Close the database, if it was opened."""
        if "database" in self.__dict__:
            self.database.close()

    def benchmark(self, name: str) -> Path:
        """Folder of a benchmark."""
        return self.folder / "benchmarks" / name

    def submission(self, identifier: str) -> Path:
        """Folder of a submission: upload, pictures, audit in progress and report."""
        return self.folder / "submissions" / identifier

    def upload(self, identifier: str) -> Path:
        """File of an unfinished upload."""
        return self.folder / "uploads" / f"{identifier}.part"

    def forget(self, identifier: str, *, reports: bool = False) -> None:
        """Remove a submission's upload, pictures and unfinished audit; with `reports`, also its report.

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
        """Like `forget`, but log what cannot be removed yet and leave it to the periodic cleanup.

        Returns:
            Whether everything is removed.
        """
        try:
            self.forget(identifier)
        except OSError as error:
            log.warning("the pictures of submission %s are not removed yet: %s", identifier, error)
            return False
        return True


def remove_folder(folder: Path) -> None:
    """Remove a folder, if it exists. Raises OSError if a part of it cannot be removed."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
