"""Writes reports with the writer plugins, and tracks which files of a folder belong to which audit."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deidkit import plugins
from deidkit.atomic import replacing
from deidkit.datasets.walking import GALLERY, REPORT
from deidkit.errors import DeidkitError, PluginError, UsageError
from deidkit.json_records import record
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.private import close_folder, private_files, shows_originals
from deidkit.pipeline.process_state import ProcessState
from deidkit.result import AuditResult

_STAGE = ".deidkit-report.part"
"""Folder in which a report is written before it is moved to its place, so that it appears as a whole."""


@dataclass(frozen=True)
class Record:
    """Files of a folder that belong to an audit, so that no other file is replaced or removed."""

    audit: str = ""
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> Record:
        """Read a folder's record; an empty one if it is missing or unreadable."""
        try:
            return record((folder / REPORT).read_bytes(), cls)
        except (OSError, msgspec.DecodeError):
            return cls()

    def keep(self, folder: Path) -> None:
        """Write the record into a folder."""
        _put(folder / REPORT, msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")

    def existing(self, folder: Path) -> list[Path]:
        """The recorded files that still exist in the folder."""
        root = folder.resolve()
        paths = [folder / name for name in self.files if "\0" not in name]
        return [path for path in paths if path.resolve().is_relative_to(root) and path.is_file()]


def check_formats(formats: Sequence[str]) -> None:
    """Reject a format that cannot be written, before the audit starts.

    Raises:
        PluginError: A format is unknown, or its writer cannot be loaded.
    """
    for name in formats:
        plugins.create("report", name)


def check_folder(folder: Path, audit_id: str, *, overwrite: bool) -> None:
    """Refuse a folder that holds reports of another audit, or files that may be the user's own.

    Raises:
        UsageError: It does, and replacing them is not allowed.
    """
    record = Record.of(folder)
    own = record.existing(folder) if record.audit == audit_id else []
    existing = sorted({*record.existing(folder), *folder.glob("report.*")} - {*own})
    if existing and not overwrite:
        raise UsageError(
            f"{folder} already holds a report: {existing[0].name}; choose another --output or allow --overwrite."
        )


def check_gallery(folder: Path) -> None:
    """Reject a folder in which a report's pictures cannot be stored, before the audit starts.

    Raises:
        UsageError: Something else is there, or a folder that cannot be written to.
    """
    gallery = folder / GALLERY
    if os.path.lexists(gallery) and not os.access(f"{gallery}{os.sep}", os.W_OK | os.X_OK):
        raise UsageError(
            f"{gallery} is not a folder that can be written to, and the report's pictures belong there; move it away, "
            "or choose another --output."
        )


def write_pictures(result: AuditResult, folder: Path, thumbnails: Iterable[tuple[str, bytes]]) -> None:
    """Write the pictures of a result into a folder, in place of any previous report.

    Raises:
        DeidkitError: The earlier report cannot be removed, or the pictures cannot be written.
    """
    names = pictures(result)
    _clear(folder, result)
    try:
        Record(result.audit_id, tuple(names)).keep(folder)
        for name, data in thumbnails:
            if name in names:
                _put(folder / name, data)
    except OSError as error:
        raise DeidkitError(
            f"the report's pictures cannot be written into {folder}: {_cause(error)}. {_remedy(result)}"
        ) from error


def has_pictures(folder: Path, result: AuditResult) -> bool:
    """Whether all pictures that a result names are in a folder."""
    return all((folder / name).is_file() for name in pictures(result))


def pictures(result: AuditResult) -> list[str]:
    """The pictures that a result names, relative to a report's folder; each begins with the id of its audit."""
    named = {name for engine in result.engines for item in engine.gallery for name in (item.file, item.original)}
    return sorted(name for name in named if name and _belongs(name, result.audit_id))


def write_reports(
    result: AuditResult,
    folder: Path,
    formats: Sequence[str],
    *,
    overwrite: bool = False,
    home: Path | None = None,
    note: Callable[[str], None] = lambda sentence: None,
) -> list[Path]:
    """Write a result in each format into an existing folder; the main file of each.

    Pictures that are not there are searched in the audit's own folder, `home`. With `overwrite` what is not this
    audit's may be replaced.

    Raises:
        PluginError: A format is unknown or its writer failed.
        UsageError: What is in the folder is not this audit's, and replacing it is not allowed.
        DeidkitError: The folder cannot be written.
    """
    private = shows_originals(result)
    with private_files(private):
        main = _written(result, folder, formats, overwrite, home or folder, note)
    if private:
        for place in (folder, folder / GALLERY):
            if place.is_dir():
                close_folder(place)
    return main


def _written(
    result: AuditResult,
    folder: Path,
    formats: Sequence[str],
    overwrite: bool,
    home: Path,
    note: Callable[[str], None],
) -> list[Path]:
    writers = [plugins.create("report", name) for name in formats]
    main = []
    state, warnings = ProcessState.now(), PluginWarnings.shown_by(note)
    for writer, component in writers:
        try:
            with _stage(folder) as stage:
                shown = _lay_out(result, stage, [folder, home])
                with state.restored_after(f"report '{component.name}'", warnings):
                    first = Path(writer.write(result, stage)[0])
                made = [path.relative_to(stage) for path in sorted(stage.rglob("*")) if path.is_file()]
                made = [path for path in made if path.as_posix() not in shown]
                _publish(made, stage, folder, result, overwrite=overwrite)
                main.append(folder / first.relative_to(stage))
        except OSError as error:
            raise DeidkitError(
                f"the {component.name} report cannot be written into {folder}: {_cause(error)}. {_remedy(result)}"
            ) from error
        except (DeidkitError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise PluginError(
                f"report '{component.name}' of {component.distribution} failed: {type(error).__name__}: {error}. "
                f"{_remedy(result)}"
            ) from error
    return main


def _remedy(result: AuditResult) -> str:
    """Advice on where the measurements are stored, and how to create a report from them."""
    return (
        "Nothing that was measured is lost, it is in the score store: write the report with "
        f"deidkit report {result.audit_id} --output FOLDER (and its --db)"
    )


def _cause(error: OSError) -> str:
    return "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror or error)


def _belongs(name: str, audit_id: str) -> bool:
    file = Path(name).name
    return name == f"{GALLERY}/{file}" and file.startswith(f"{audit_id}-")


@contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    stage = folder / _STAGE
    shutil.rmtree(stage, ignore_errors=True)  # left by a killed process
    stage.mkdir(mode=0o700)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _lay_out(result: AuditResult, stage: Path, folders: Sequence[Path]) -> list[str]:
    """Copy the audit's own pictures, and nothing else, to where the writer expects them."""
    laid = []
    for name in pictures(result):
        data = next((data for folder in folders if (data := _read(folder, name))), b"")
        if data:
            _put(stage / name, data)
            laid.append(name)
    return laid


def _read(folder: Path, name: str) -> bytes:
    """Read a picture; empty if it is missing, or a link leads out of the folder."""
    try:
        path = (folder / name).resolve()
        return path.read_bytes() if path.is_relative_to(folder.resolve()) else b""
    except (OSError, ValueError):  # ValueError: a name no file can have
        return b""


def _clear(folder: Path, result: AuditResult) -> None:
    """Remove the reports and pictures that are recorded in a folder, to make way for those of a result."""
    for file in [*Record.of(folder).existing(folder), folder / REPORT]:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise DeidkitError(
                f"the earlier report {file} cannot be removed: {_cause(error)}. {_remedy(result)}"
            ) from error


def _publish(made: Sequence[Path], stage: Path, folder: Path, result: AuditResult, *, overwrite: bool) -> None:
    """Move a report's files to their places, recorded before they are there."""
    record = Record.of(folder)
    own = set(record.files) if record.audit == result.audit_id else set()
    names = {path.as_posix() for path in made}
    taken = [] if record.audit == result.audit_id else record.existing(folder)
    taken += [folder / name for name in sorted(names - own) if (folder / name).exists()]
    if taken and not overwrite:
        raise UsageError(
            f"{folder} already holds {taken[0].name}, which is not of this audit; allow --overwrite or take another "
            f"folder. {_remedy(result)}"
        )
    if record.audit != result.audit_id:
        _clear(folder, result)
    Record(result.audit_id, tuple(sorted(own | names))).keep(folder)
    for path in made:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (stage / path).replace(folder / path)


def _put(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as part:
        part.write_bytes(data)
