"""Hands a result to the report writers, which are plugins like everything else, and knows their files again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from deidkit import plugins
from deidkit.errors import DeidkitError, PluginError
from deidkit.result import AuditResult

RECORD = ".deidkit-report.json"
"""Lies beside reports and lists their files, so that a user's own file of such a name is never removed."""

PICTURES = "gallery/engine*.webp"
"""Where an audit puts the pictures that its reports show."""


def check_formats(formats: Sequence[str]) -> None:
    """Refuse a format that cannot be written, before hours are spent.

    Raises:
        PluginError: A format is unknown, or its writer cannot be loaded.
    """
    for name in formats:
        plugins.create("report", name)


def write_reports(result: AuditResult, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write a result in each format.

    Args:
        result: What an audit found.
        folder: An existing folder.
        formats: Names of report writers.

    Returns:
        The main file of each format, in the order asked for.

    Raises:
        PluginError: A format is unknown or its writer failed.
        DeidkitError: The folder cannot be written.
    """
    main = []
    for name in formats:
        writer, component = plugins.create("report", name)
        try:
            written = writer.write(result, folder)
            main.append(written[0])
            _record(folder, written)
        except OSError as error:
            raise DeidkitError(
                f"the {name} report cannot be written into {folder}: {error.strerror or error}. The audit is in the "
                f"score store: write it again with deidkit report {result.audit_id} (and its --db)"
            ) from error
        except DeidkitError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"report '{component.name}' of {component.distribution} failed: {type(error).__name__}: {error}."
            ) from error
    return main


def reports_in(folder: Path) -> list[Path]:
    """Files of reports in a folder: those recorded there, and any that have the name of one."""
    return sorted({*_recorded(folder), *folder.glob("report.*")})


def remove_reports(folder: Path) -> None:
    """Remove the reports and pictures that audits left in a folder; what is not recorded as theirs stays.

    Raises:
        DeidkitError: One cannot be removed.
    """
    for file in [*_recorded(folder), *folder.glob(PICTURES), folder / RECORD]:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise DeidkitError(
                f"the earlier report {file} cannot be removed: {error.strerror}. What is finished is kept: make room "
                "for the new one, and the same command with --resume goes on."
            ) from error


def _recorded(folder: Path) -> list[Path]:
    try:
        names = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        inside = [path for path in (folder / name for name in names) if path.resolve().is_relative_to(folder.resolve())]
    except (OSError, ValueError, TypeError):
        return []
    return [path for path in inside if path.is_file()]


def _record(folder: Path, written: Iterable[Path]) -> None:
    files = {*_recorded(folder), *(folder / path for path in written)}
    names = sorted(path.relative_to(folder).as_posix() for path in files if path.is_relative_to(folder))
    (folder / RECORD).write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")
