"""Model files: which there are, where they come from, and whether what lies in the cache is what it should be.

Nothing here runs a model. A plugin asks `ensure` before its first use and `path` afterwards; both give the folder that
holds the model's files and have held every file against its SHA-256: the one in the registry or, where a model is not
pinned there yet, the one that the first fetch recorded beside the files.
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
from deidkit.models.model import File, Model, Source
from deidkit.models.record import Record
from deidkit.models.registry import MODELS

__all__ = [
    "MODELS",
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
    "path",
    "recorded",
    "remove",
    "state",
    "take",
    "verify",
]
