"""Errors whose message is written for the user.

Everything that derives from `DeidkitError` is shown as one sentence, without a traceback, and ends the command
with a non-zero exit code. Any other exception is a defect of deidkit or of a plugin and keeps its traceback.

    DeidkitError
     ├── UsageError          an option, a file or a value the user gave cannot be used
     ├── PluginError         a plugin is unknown, ambiguous, broken or breaks its contract
     ├── MissingDependency   an extra is needed and not installed; MissingPackage where a plugin needs it
     ├── MissingModel        a model or weight file is absent, truncated or of the wrong kind
     ├── DatasetError        a data set as a whole cannot be used
     ├── SampleError         one sample cannot be used; the others can
     ├── StoreError          the score store cannot be opened, read or written
     ├── Interruption        the work was interrupted while a plugin was running
     └── NotComputable       a metric is not defined on the scores at hand
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class DeidkitError(Exception):
    """Base of every error whose message is written for the user."""


class UsageError(DeidkitError):
    """An option, a file or a value the user gave cannot be used."""


class PluginError(DeidkitError):
    """A plugin is unknown, claimed twice, broken, or breaks its contract."""


class MissingDependency(DeidkitError):
    """An optional dependency is needed and not installed."""


class MissingPackage(PluginError, MissingDependency):
    """A plugin needs a package that is not installed."""


class MissingModel(DeidkitError):
    """A model or weight file is absent, truncated or not what it should be."""


class DatasetError(DeidkitError):
    """A data set as a whole cannot be used."""


class SampleError(DeidkitError):
    """One sample cannot be used; the others can. Its text is kept and shown: it names no file and no person."""


class StoreError(DeidkitError):
    """The score store cannot be opened, read or written."""


class Interruption(DeidkitError):
    """The work was interrupted while a plugin was running; nothing of that call is recorded."""


class NotComputable(DeidkitError):
    """A metric is not defined on the scores at hand.

    Args:
        reason: One sentence that says what is missing.
        remedy: One sentence that says what would make it computable.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason} {remedy}".strip())
        self.reason = reason
        self.remedy = remedy


@contextmanager
def os_errors_as(kind: type[DeidkitError], what: str) -> Iterator[None]:
    """Any `OSError` within the block becomes `kind`: `what` could not be done, and the system's reason."""
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {error.strerror or error}.") from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with the most similar known name, with a blank before it; empty where none is similar."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
