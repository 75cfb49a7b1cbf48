"""Settings of an operator, in ``service.toml`` in the service's home."""

from __future__ import annotations

from pathlib import Path

import msgspec

from deidkit import toml
from deidkit.errors import UsageError

FILE = "service.toml"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits and permissions; every one has a default.

    Attributes:
        max_upload_bytes: Of one upload.
        max_unpacked_bytes: Of all files in it together.
        max_files: In one upload.
        max_pixels: Width times height of one picture.
        submissions_a_day: That one token may hand in; those that failed or were cancelled do not count.
        waiting: Submissions of one token that may wait or run at a time.
        retention_days: After which the pictures of a finished submission are removed; scores and reports stay.
        lease_seconds: After which an audit whose worker says nothing is given to another.
        attempts: How many workers may die at one audit before it fails.
        threads: Of one worker; 0 for as many as there are processors.
        secure_cookies: Whether browsers send the session by https only; set it behind a proxy that ends TLS.
        auditor: Who answers for dossiers, ``NAME; ORGANISATION``; left to be filled in by hand where empty.
        engines: Name -> engine as ``deidkit audit --engine`` takes it, that submitters may choose.
        service_hosts: Hosts of web services to which the worker may send pictures.
    """

    max_upload_bytes: int = 4_000_000_000
    max_unpacked_bytes: int = 8_000_000_000
    max_files: int = 50_000
    max_pixels: int = 40_000_000
    submissions_a_day: int = 20
    waiting: int = 10
    retention_days: float = 30.0
    lease_seconds: float = 30.0
    attempts: int = 3
    threads: int = 0
    secure_cookies: bool = False
    auditor: str = ""
    engines: dict[str, str] = msgspec.field(default_factory=dict)
    service_hosts: list[str] = msgspec.field(default_factory=list)


def read_settings(folder: Path) -> Settings:
    """The settings of a home; defaults where there is no file.

    Raises:
        UsageError: The file cannot be read, or a setting is unknown or of the wrong type.
    """
    path = folder / FILE
    try:
        found = toml.record(path.read_text(encoding="utf-8"), Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise UsageError(f"the settings {path} cannot be read: {error}.") from error
    low = next((name for name in _POSITIVE if getattr(found, name) <= 0), None)
    if low:
        raise UsageError(f"{path}: '{low}' must be greater than 0.")
    return found


_POSITIVE = (
    *("max_upload_bytes", "max_unpacked_bytes", "max_files", "max_pixels", "submissions_a_day", "waiting"),
    *("retention_days", "lease_seconds", "attempts"),
)
