"""Removes paths of this machine from texts that others see."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from deidkit_service import tables
from deidkit_service.home import Home


def path_hider(home: Home, row: tables.Submission, benchmark: tables.Benchmark) -> Callable[[str], str]:
    """Return a function that replaces the locations of the submission, the data set and the service in a text."""
    folder = home.submission(row.id)
    places = {
        f"{folder}/": "",
        str(folder): f"submission {row.id}",
        **dict.fromkeys(_places_in(benchmark.dataset), f"benchmark {benchmark.name}"),
        str(home.folder): "service",
    }
    if row.kind == "service":
        places[row.engine] = "its web service"
    options = home.settings.engines.get(row.engine, "").partition(":")[2] if row.kind == "engine" else ""
    if "/" in options:  # the path of a program, a folder or a file
        places[options] = f"engine {row.engine}"

    def hide(text: str) -> str:
        for place, words in places.items():
            if place:
                text = text.replace(place, words)
        return text

    return hide


def _places_in(dataset: str) -> list[str]:
    """Data set specification and every absolute path in it; empty without any, as a built-in data set is not secret."""
    parts = dataset.partition(":")[2].split(",")
    values = {value for part in parts for value in (part, part.partition("=")[2], *re.split("[=+]", part))}
    paths = sorted((value for value in values if Path(value).is_absolute()), key=len, reverse=True)
    return [dataset, *paths] if paths else []
