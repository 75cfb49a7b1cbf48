"""Model files: the list of them, their sources, and verification of those in the cache.

Nothing here runs a model. A plugin asks `ensure` before its first use and `path` afterwards; both give the folder that
holds the model's files and have held every file against its SHA-256: the one that its package registered or, where it
is not pinned yet, the one that the first fetch recorded with the files.
"""

from deidkit.models.cache import (
    State,
    announce,
    ensure,
    fetch,
    find,
    folder,
    hashes,
    path,
    recorded,
    remove,
    state,
    take,
    verify,
)
from deidkit.models.model import File, Model, Source, in_place
from deidkit.models.record import Record
from deidkit.models.registry import installed

__all__ = [
    "File",
    "Model",
    "Record",
    "Source",
    "State",
    "announce",
    "ensure",
    "fetch",
    "find",
    "folder",
    "hashes",
    "in_place",
    "installed",
    "path",
    "recorded",
    "remove",
    "state",
    "take",
    "verify",
]
