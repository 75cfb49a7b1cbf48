"""The operator's settings, in ``service.toml`` in the service's home."""

from __future__ import annotations

from pathlib import Path

import msgspec

from deidkit import toml
from deidkit.errors import UsageError

FILE = "service.toml"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits and permissions; every one has a default.

    Attributes:
        max_upload_bytes: Maximum size of an upload.
        max_unpacked_bytes: Maximum total size of the files in an upload.
        max_files: Maximum number of files in an upload.
        max_pixels: Maximum width times height of a picture.
        submissions_a_day: Quota of a token within 24 hours; failed and cancelled submissions do not count.
        waiting: Maximum number of a token's submissions that wait or run, and of its unfinished uploads.
        retention_days: Days after which a finished submission's pictures are removed; scores and reports stay.
        lease_seconds: Seconds without a sign of life from a worker after which another takes over its audit.
        attempts: Number of workers that may die during an audit before it fails.
        threads: Threads of a worker; 0 for the number of available processors.
        secure_cookies: Whether session cookies are sent over HTTPS only; set it behind a proxy that terminates TLS.
        auditor: Auditor named in dossiers, ``NAME; ORGANISATION``; empty leaves a blank to fill in by hand.
        engines: Engines that submitters may choose: name -> engine as for ``deidkit audit --engine``.
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
    """Read the settings of a home; defaults if there is no file.

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
