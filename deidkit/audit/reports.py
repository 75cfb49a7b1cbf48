"""Hands a result to the report writers, which are plugins like everything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deidkit import plugins
from deidkit.errors import DeidkitError, PluginError
from deidkit.result import AuditResult


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
            main.append(writer.write(result, folder)[0])
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
