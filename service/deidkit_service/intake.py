"""Checks submitted pictures and unpacks them for the audit."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable

from deidkit_service import tables
from deidkit_service.challenge import RECORD, read_challenge, read_numbers
from deidkit_service.checking import check_folder, unpack
from deidkit_service.home import Home


def check_submission(home: Home, row: tables.Submission, alive: Callable[[], None]) -> str:
    """Check a submission and unpack its pictures for the audit; returns the reasons for refusal, or an empty text."""
    if row.kind != "pictures":
        return ""
    folder, benchmark = home.submission(row.id), home.benchmark(row.benchmark)
    if (folder / "pictures").exists() and not (folder / "upload.zip").exists():
        return ""  # an earlier check finished but could not record its result
    challenge = read_challenge(benchmark / RECORD)
    for leftover in ("unpacked", "pictures"):
        shutil.rmtree(folder / leftover, ignore_errors=True)
    problems = unpack(folder / "upload.zip", folder / "unpacked", challenge, alive)
    if problems:
        return _joined(problems)
    found = check_folder(folder / "unpacked", challenge, lambda done, of: alive())
    if found.problems:
        return _joined(found.problems)
    keys = read_numbers(benchmark)
    with (folder / "pictures.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["original", "deidentified"])
        lines.writerows((keys[number], name) for number, names in found.copies.items() for name in names)
    (folder / "unpacked").rename(folder / "pictures")
    (folder / "upload.zip").unlink()
    return ""


def _joined(problems: list[str]) -> str:
    return " ".join(problems)
