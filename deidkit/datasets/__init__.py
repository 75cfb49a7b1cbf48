"""Data sets: adapters for published layouts, detection of the layout of a folder, and inspection of a data set.

An adapter is a plugin (see `deidkit.protocols.Dataset`). In addition to that contract it may offer
``skipped() -> Sequence[Skipped]``: every file it found and does not use, each with its reason; `inspect_dataset`
counts them, so that nothing is dropped silently. `NamedFiles` does that and the rest of the work for a folder whose
file names say who is on each picture; `PictureFiles` for other sets of files.
"""

from deidkit.datasets.detection import detect
from deidkit.datasets.files import Name, NamedFiles, PictureFiles
from deidkit.datasets.inspection import Inspection, inspect_dataset
from deidkit.datasets.lists import read_exclusions, write_exclusions
from deidkit.protocols import Skipped

__all__ = [
    "Inspection",
    "Name",
    "NamedFiles",
    "PictureFiles",
    "Skipped",
    "detect",
    "inspect_dataset",
    "read_exclusions",
    "write_exclusions",
]
