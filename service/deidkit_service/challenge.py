"""The challenge: a benchmark's pictures, renamed to random numbers, for submitters to de-identify."""

from __future__ import annotations

import csv
import io
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deidkit.errors import SampleError, UsageError
from deidkit.json_records import record

if TYPE_CHECKING:
    from deidkit.protocols import Dataset, Sample

RECORD = "challenge.json"
"""File, in the challenge's zip and the benchmark's folder, with the `Challenge` that submissions must meet."""

ORIGINALS = "challenge.csv"
"""File, only in the benchmark's folder, that maps numbers to originals."""

README = """Pictures of the benchmark '{benchmark}'.

De-identify each and hand it in under its number: 0001.png, or any other format; several copies of one picture as
0001_de-id_1.png, 0001_de-id_2.png and so on, at most {seeds}. No folders. Then, with deidkit installed:

    deidkit submission check YOUR-FOLDER --challenge THIS-ZIP
    deidkit submit YOUR-FOLDER --server ADDRESS --benchmark {benchmark}

These are photographs of people's hands, or stand for such: keep them, and hand them on, only as agreed.
"""


class Challenge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requirements on the files of a submission of pictures.

    Attributes:
        benchmark: Name of the benchmark.
        fingerprint: Its fingerprint.
        copies: Maximum number of copies of a picture.
        names: Number of each picture, which begins the names of its copies.
        max_files: Maximum number of files.
        max_pixels: Maximum width times height of a picture.
        max_unpacked_bytes: Maximum total size of the unpacked files.
        max_upload_bytes: Maximum size of the zip.
    """

    benchmark: str
    fingerprint: str
    copies: int
    names: list[str]
    max_files: int
    max_pixels: int
    max_unpacked_bytes: int
    max_upload_bytes: int


def shuffled(samples: Sequence[Sample]) -> dict[str, str]:
    """Assign numbers to the samples in random order, from the system's secure generator: number -> key."""
    keys = [sample.key for sample in samples]
    secrets.SystemRandom().shuffle(keys)
    digits = max(4, len(str(len(keys))))
    return {f"{number:0{digits}d}": key for number, key in enumerate(keys, start=1)}


def read_challenge(path: Path) -> Challenge:
    """Read a challenge from its zip or from a JSON file. Raises UsageError if it is not one."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as file, file.open(RECORD) as record:
                return parse_challenge(record.read(_MAX_RECORD))
        return parse_challenge(path.read_bytes())
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path} is not a challenge: {error}. It is the zip that the benchmark's page offers."
        ) from error


_MAX_RECORD = 50_000_000


def parse_challenge(data: bytes) -> Challenge:
    """Parse a challenge from JSON. Raises UsageError if it is not one."""
    try:
        return record(data, Challenge)
    except msgspec.DecodeError as error:
        raise UsageError(f"this is not a challenge that this deidkit understands: {error}.") from error


def write_numbers(folder: Path, numbers: Mapping[str, str]) -> None:
    """Write the mapping from numbers to keys of originals."""
    with (folder / ORIGINALS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "original"])
        rows.writerows(numbers.items())


def read_numbers(folder: Path) -> dict[str, str]:
    """Read the mapping from numbers to keys of originals."""
    with (folder / ORIGINALS).open(newline="", encoding="utf-8") as file:
        return {row["number"]: row["original"] for row in csv.DictReader(file)}


def write_challenge(folder: Path, dataset: Dataset, samples: Sequence[Sample], target: Path) -> None:
    """Write the challenge's zip atomically: pictures as PNG, without metadata of the originals.

    Raises:
        UsageError: A picture can no longer be read, or the zip cannot be written.
    """
    from deidkit.images import write_image  # slow to import

    record = read_challenge(folder / RECORD)
    keys = read_numbers(folder)
    by_key = {sample.key: sample for sample in samples}
    part, picture = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.png")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as file:
            file.writestr(_dateless_entry("README.txt"), README.format(benchmark=record.benchmark, seeds=record.copies))
            file.writestr(_dateless_entry(RECORD), msgspec.json.format(msgspec.json.encode(record), indent=1))
            for number, key in keys.items():
                write_image(picture, dataset.read(by_key[key]))
                file.writestr(_dateless_entry(f"{number}.png"), picture.read_bytes())
        part.replace(target)
    except (OSError, SampleError, KeyError) as error:
        raise UsageError(f"the challenge {target} cannot be written: {error}.") from error
    finally:
        part.unlink(missing_ok=True)
        picture.unlink(missing_ok=True)


def packed(folder: Path, names: Sequence[str], target: Path) -> None:
    """Write files into a reproducible zip: the same files give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(names):
            with (folder / name).open("rb") as source, file.open(_dateless_entry(name), "w", force_zip64=True) as entry:
                while block := source.read(io.DEFAULT_BUFFER_SIZE * 16):
                    entry.write(block)


def _dateless_entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
