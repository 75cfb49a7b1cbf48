"""The user's cache of model files.

Every file is written beside its place and moved there in one step, and its content is fixed by its SHA-256: processes
that fetch the same model at the same time do each other no harm, and no lock is needed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from deidkit.errors import MissingModel, UsageError
from deidkit.models.model import File, Model
from deidkit.models.registry import MODELS

VARIABLE = "DEIDKIT_MODELS"
"""Environment variable that names another folder for the cache."""

State = Literal["ok", "absent", "damaged"]


def find(name: str) -> Model:
    """The model of a name.

    Raises:
        UsageError: There is none.
    """
    for model in MODELS:
        if model.name == name:
            return model
    near = get_close_matches(name, [model.name for model in MODELS], n=1)
    meant = f" Did you mean '{near[0]}'?" if near else ""
    raise UsageError(f"no model is named '{name}'.{meant} The models: {', '.join(model.name for model in MODELS)}.")


def folder() -> Path:
    """The cache: the folder in DEIDKIT_MODELS, or the platform's place for caches."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else user_cache_path("deidkit", appauthor=False) / "models"


def state(name: str) -> dict[str, State]:
    """File name -> how it lies in the cache; reads every file that is there."""
    return {file.name: _state(file, folder() / name / file.name) for file in find(name).files}


def path(name: str) -> Path:
    """The folder that holds a model's files, each checked against its SHA-256.

    Raises:
        MissingModel: A file is absent, truncated or altered; the message ends with the command that mends it.
        UsageError: No model has that name.
    """
    states = state(name)
    remedy = f"fetch it with: deidkit models fetch {name}"
    for file, found in states.items():
        if found == "damaged":
            raise MissingModel(f"model '{name}' is damaged: {folder() / name / file} is not the file meant; {remedy}")
    if "absent" in states.values():
        raise MissingModel(f"model '{name}' is not in {folder()}; {remedy}")
    return folder() / name


def ensure(name: str, note: Callable[[str], None]) -> Path:
    """Like `path`, but fetch a model that is absent, after saying so in one sentence.

    A damaged file is refused, not replaced: the user should know.

    Raises:
        MissingModel: It is absent and cannot be fetched, or damaged.
        UsageError: No model has that name.
    """
    states = set(state(name).values())
    if "absent" in states and "damaged" not in states:
        model = find(name)
        note(f"Fetching model '{name}' ({model.source.title}) once; it {model.purpose}.")
        fetch(name)
    return path(name)


def fetch(name: str) -> Path:
    """Get a model's files from their source into the cache, whatever lies there.

    Raises:
        MissingModel: They cannot be had, or are not the files meant; the message says how to bring them by hand.
        UsageError: No model has that name.
    """
    model = find(name)
    return _install(model, lambda place: model.source.fetch(model.files, place))


def take(name: str, given: Path) -> Path:
    """Get a model's files from a file or folder on disk into the cache, whatever lies there.

    Raises:
        MissingModel: `given` does not hold them.
        UsageError: No model has that name.
    """
    model = find(name)
    return _install(model, lambda place: model.source.take(model.files, given, place))


def verify(name: str) -> None:
    """Check every file of a model; says nothing when all is well.

    Raises:
        MissingModel: A file is absent, truncated or altered.
        UsageError: No model has that name.
    """
    path(name)


def _install(model: Model, bring: Callable[[Path], None]) -> Path:
    home = folder() / model.name
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=home) as incoming:
            bring(Path(incoming))
            for file in model.files:
                if _state(file, Path(incoming) / file.name) != "ok":
                    raise MissingModel(f"{file.name} is not the file meant: its SHA-256 differs")
            for file in model.files:
                (Path(incoming) / file.name).replace(home / file.name)
    except MissingModel as error:
        raise MissingModel(
            f"model '{model.name}' cannot be fetched: {error}; {model.source.by_hand(model.name)}"
        ) from None
    except OSError as error:
        raise MissingModel(
            f"model '{model.name}' cannot be written to {home}: {error.strerror or error}; "
            f"name another folder in the environment variable {VARIABLE}"
        ) from None
    return home


def _state(file: File, place: Path) -> State:
    try:
        if place.stat().st_size != file.size:
            return "damaged"
        with place.open("rb") as content:
            return "ok" if hashlib.file_digest(content, "sha256").hexdigest() == file.sha256 else "damaged"
    except FileNotFoundError:
        return "absent"
    except OSError as error:
        raise MissingModel(f"model file {place} cannot be read: {error.strerror or error}") from None
