"""The challenge: pictures of a benchmark under random numbers, for submitters to de-identify."""

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
"""In the zip that is handed out, and in the benchmark's folder: what a submission is checked against."""

ORIGINALS = "challenge.csv"
"""Only in the benchmark's folder: which original has which number."""

README = """Pictures of the benchmark '{benchmark}'.

De-identify each and hand it in under its number: 0001.png, or any other format; several copies of one picture as
0001_de-id_1.png, 0001_de-id_2.png and so on, at most {seeds}. No folders. Then, with deidkit installed:

    deidkit submission check YOUR-FOLDER --challenge THIS-ZIP
    deidkit submit YOUR-FOLDER --server ADDRESS --benchmark {benchmark}

These are photographs of people's hands, or stand for such: keep them, and hand them on, only as agreed.
"""


class Challenge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a submission of pictures must be like.

    Attributes:
        benchmark: Name of the benchmark.
        fingerprint: Its fingerprint.
        copies: How many copies of a picture are taken.
        names: Number of each picture, which is the stem of its copies' names.
        max_files: How many files.
        max_pixels: Width times height of one.
        max_unpacked_bytes: Size of all files together.
        max_upload_bytes: Size of the zip.
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
    """A number for each sample's key, in an order that nobody can work out."""
    keys = [sample.key for sample in samples]
    secrets.SystemRandom().shuffle(keys)
    digits = max(4, len(str(len(keys))))
    return {f"{number:0{digits}d}": key for number, key in enumerate(keys, start=1)}


def read_challenge(path: Path) -> Challenge:
    """The record in a challenge's zip, or in a file. Raises UsageError where it is none."""
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
    """A challenge from its JSON. Raises UsageError."""
    try:
        return record(data, Challenge)
    except msgspec.DecodeError as error:
        raise UsageError(f"this is not a challenge that this deidkit understands: {error}.") from error


def write_numbers(folder: Path, numbers: Mapping[str, str]) -> None:
    """Keep which original has which number."""
    with (folder / ORIGINALS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "original"])
        rows.writerows(numbers.items())


def read_numbers(folder: Path) -> dict[str, str]:
    """Number -> key of each original."""
    with (folder / ORIGINALS).open(newline="", encoding="utf-8") as file:
        return {row["number"]: row["original"] for row in csv.DictReader(file)}


def write_challenge(folder: Path, dataset: Dataset, samples: Sequence[Sample], target: Path) -> None:
    """Write the zip that is handed out, whole or not at all: pixels as PNG, without any metadata of the originals.

    Raises:
        UsageError: A picture cannot be read any more, or the zip not be written.
    """
    from deidkit.images import write_image  # which takes a while to import

    record = read_challenge(folder / RECORD)
    keys = read_numbers(folder)
    by_key = {sample.key: sample for sample in samples}
    part, picture = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.png")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as file:
            file.writestr(_entry("README.txt"), README.format(benchmark=record.benchmark, seeds=record.copies))
            file.writestr(_entry(RECORD), msgspec.json.format(msgspec.json.encode(record), indent=1))
            for number, key in keys.items():
                write_image(picture, dataset.read(by_key[key]))
                file.writestr(_entry(f"{number}.png"), picture.read_bytes())
        part.replace(target)
    except (OSError, SampleError, KeyError) as error:
        raise UsageError(f"the challenge {target} cannot be written: {error}.") from error
    finally:
        part.unlink(missing_ok=True)
        picture.unlink(missing_ok=True)


def packed(folder: Path, names: Sequence[str], target: Path) -> None:
    """Put files into a zip that is the same whenever it is made of the same files."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(names):
            with (folder / name).open("rb") as source, file.open(_entry(name), "w", force_zip64=True) as entry:
                while block := source.read(io.DEFAULT_BUFFER_SIZE * 16):
                    entry.write(block)


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
