"""The user's cache of model files.

Every file is written next to its place and moved there in one step, and its content is fixed by its SHA-256: processes
that fetch the same model at the same time do each other no harm. Where the SHA-256 is not known beforehand, the first
fetch records what came, and every later use is verified by that record.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from deidkit.errors import MissingModel, UsageError, did_you_mean, os_errors_as
from deidkit.models import record
from deidkit.models.download_folders import temporary
from deidkit.models.model import File, Model
from deidkit.models.record import Content, Record
from deidkit.models.registry import installed

VARIABLE = "DEIDKIT_MODELS"
"""Environment variable that names another folder for the cache."""

State = Literal["ok", "absent", "damaged"]


def find(name: str) -> Model:
    """The model of a name. Raises UsageError where there is none."""
    models = {model.name: model for model in installed()}
    if name in models:
        return models[name]
    raise UsageError(f"no model is named '{name}'.{did_you_mean(name, models)} The models: {', '.join(models)}.")


def folder() -> Path:
    """The cache: the folder in DEIDKIT_MODELS, or the platform's place for caches."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else user_cache_path("deidkit", appauthor=False) / "models"


def recorded(name: str) -> Record | None:
    """What the first fetch of a model recorded; None where nothing was, or nothing needs to be."""
    return record.read(folder() / find(name).name)


def hashes(name: str) -> dict[str, str | None]:
    """File name -> SHA-256 it is verified by; None where none is pinned or recorded yet."""
    return {file.name: file.sha256 for file in _known(find(name), recorded(name))}


def state(name: str, *, contents: bool = True) -> dict[str, State]:
    """File name -> its state in the cache; without `contents` only sizes are compared.

    A file without a recorded SHA-256 counts as absent.

    Raises:
        MissingModel: What was recorded, or a file, cannot be read.
        UsageError: No model has that name.
    """
    known = _known(find(name), recorded(name))
    return {file.name: _state(file, folder() / name / file.name, contents) for file in known}


def path(name: str) -> Path:
    """The folder that holds a model's files, each checked against its SHA-256.

    Raises:
        MissingModel: A file is absent, truncated or altered; the message ends with the command that mends it.
        UsageError: No model has that name.
    """
    states = state(name)
    remedy = f"fetch it with: {find(name).command}"
    for file, found in states.items():
        if found == "damaged":
            raise MissingModel(
                f"model '{name}' is damaged: {folder() / name / file} is not the expected file; {remedy}"
            )
    if "absent" in states.values():
        raise MissingModel(f"model '{name}' is not in {folder()}; {remedy}")
    return folder() / name


def ensure(name: str, note: Callable[[str], None]) -> Path:
    """Like `path`, but fetch a model that is absent, after saying so in one sentence.

    A damaged file is refused, not replaced: the user should know. A model with terms is refused as well: only the
    user can accept them.

    Raises:
        MissingModel: It is absent and cannot be fetched, or damaged.
        UsageError: No model has that name.
    """
    model = find(name)
    states = set(state(name).values())
    if "absent" in states and "damaged" not in states and not model.terms:
        unpinned = (
            ""
            if model.pinned
            else " No SHA-256 of it is pinned: that of this download is recorded, and later use verified against it."
        )
        note(f"Fetching model '{name}' ({model.source.title}) once; it {model.purpose}.{unpinned}")
        fetch(name)
    announce(name, note)
    return path(name)


def announce(name: str, note: Callable[[str], None]) -> None:
    """Say, before a model is loaded, where no SHA-256 of it is pinned, and by what its files are fixed instead.

    Nothing is said where every file is pinned, or nothing was fetched.
    """
    model = find(name)
    known = record.read(folder() / model.name)
    if model.pinned or known is None:
        return
    at = f" at {known.revision[:12]}" if known.revision else ""
    note(
        f"model '{name}' is not pinned: deidkit knows no SHA-256 of its files, which are verified against the first "
        f"download ({known.source}{at})."
    )


def fetch(name: str, *, revision: str | None = None, accept: bool = False) -> Path:
    """Get a model's files from their source into the cache, whatever lies there.

    Args:
        name: Of the model.
        revision: Of its source; None for the one recorded at the first fetch, else the pinned one, else the newest.
        accept: Whether the user accepts the model's terms.

    Raises:
        MissingModel: They are not available, or not the files requested; the message says how to bring them by hand.
        MissingDependency: A package is needed for the download.
        UsageError: No model has that name, its terms were not accepted, or its source has no revisions.
    """
    model = find(name)
    before = _accepted(model, accept)
    requested = revision or (before.revision if before else None)
    home = folder() / model.name
    return _install(
        model,
        None if revision else before,
        lambda: model.source.download_folder(home),
        lambda place: model.source.fetch(model.files, place, home, requested),
        model.source.title,
    )


def take(name: str, given: Path, *, accept: bool = False) -> Path:
    """Get a model's files from a file or folder on disk into the cache, whatever lies there.

    Raises:
        MissingModel: `given` does not hold them.
        UsageError: No model has that name, or its terms were not accepted.
    """
    model = find(name)
    before = _accepted(model, accept)
    home = folder() / model.name
    return _install(
        model, before, lambda: temporary(home), lambda place: model.source.take(model.files, given, place), "folder"
    )


def verify(name: str) -> None:
    """Check every file of a model; says nothing when all is well.

    Raises:
        MissingModel: A file is absent, truncated or altered.
        UsageError: No model has that name.
    """
    path(name)


def remove(name: str) -> int:
    """Remove all that the cache holds of a model; returns how many bytes that were.

    Raises:
        MissingModel: There is nothing of it, or it cannot be removed.
        UsageError: No model has that name.
    """
    home = folder() / find(name).name
    if not home.is_dir():
        raise MissingModel(f"there is nothing to remove: model '{name}' is not in {folder()}.")
    with os_errors_as(MissingModel, f"model '{name}' cannot be removed from {home}"):
        size = sum(file.lstat().st_size for file in home.rglob("*") if not file.is_dir())
        if home.is_symlink():
            home.unlink()  # what it points to is not the cache's
        else:
            shutil.rmtree(home)
    return size


def _accepted(model: Model, accept: bool) -> Record | None:
    """What was recorded before, once it is clear that the model's terms are accepted."""
    before = record.read(folder() / model.name)
    if model.terms and not accept and not (before and before.accepted and before.licence == model.licence):
        raise UsageError(f"model '{model.name}' may be used only {model.terms}; if you agree: {model.command}")
    return before


def _install(
    model: Model,
    before: Record | None,
    download_folder: Callable[[], AbstractContextManager[Path]],
    bring: Callable[[Path], str | None],
    source: str,
) -> Path:
    home = folder() / model.name
    expected = {file.name: file for file in _known(model, before)}
    try:
        home.mkdir(parents=True, exist_ok=True)
        with download_folder() as incoming:
            revision = bring(incoming)
            places = {n: incoming / n if (incoming / n).is_file() else home / n for n in expected}
            found = {n: record.content(place) for n, place in places.items()}
            for file in model.files:
                _check(model, expected[file.name], found[file.name], home)
            for name, place in places.items():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                place.replace(home / name)
            if not model.pinned or model.terms:
                same = before is not None and before.files == found and revision is None
                record.write(
                    home,
                    Record(
                        source=before.source if same and before else source,
                        revision=before.revision if same and before else revision,
                        licence=model.licence,
                        accepted=bool(model.terms),
                        files=found,
                    ),
                )
    except MissingModel as error:
        raise MissingModel(f"model '{model.name}' cannot be fetched: {error}; {model.source.by_hand(model)}") from None
    except OSError as error:
        raise MissingModel(
            f"model '{model.name}' cannot be written to {home}: {error.strerror or error}; "
            f"name another folder in the environment variable {VARIABLE}"
        ) from None
    return home


def _known(model: Model, before: Record | None) -> tuple[File, ...]:
    """The files with what was recorded about them filled in where nothing is pinned."""
    contents = before.files if before else {}
    return tuple(
        replace(file, size=contents[file.name].size, sha256=contents[file.name].sha256)
        if file.sha256 is None and file.name in contents
        else file
        for file in model.files
    )


def _check(model: Model, file: File, found: Content, home: Path) -> None:
    if file.sha256 is None or file.sha256 == found.sha256:
        return
    if model.pinned:
        raise MissingModel(f"{file.name} is not the expected file: its SHA-256 differs")
    raise MissingModel(
        f"{file.name} is not what {home / record.NAME} recorded when it was first fetched; if that is intended, "
        "name the revision with --revision, or delete that record"
    )


def _state(file: File, place: Path, contents: bool) -> State:
    if file.sha256 is None:
        return "absent"
    try:
        if file.size is not None and place.stat().st_size != file.size:
            return "damaged"
        if not contents:
            place.stat()
            return "ok"
        return "ok" if record.content(place).sha256 == file.sha256 else "damaged"
    except FileNotFoundError:
        return "absent"
    except OSError as error:
        raise MissingModel(f"model file {place} cannot be read: {error.strerror or error}") from None
