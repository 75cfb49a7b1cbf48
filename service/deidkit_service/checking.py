"""Checks of submitted pictures, used by both the client and the server."""

from __future__ import annotations

import errno
import re
import shutil
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from deidkit.errors import SampleError
from deidkit.images import PICTURE_SUFFIXES, read_image
from deidkit_service.challenge import RECORD, Challenge

LISTED = 5
"""Maximum number of names in one message."""

BLOCK = 1 << 20

HEADER = 46
"""Minimum size, in bytes, of an entry in a zip's central directory."""

SYSTEMS_OWN = 1000
"""How many operating system files, such as .DS_Store of each folder, a zip may hold in addition."""

_HEADER_MARK = b"PK\x01\x02"

_NAME = re.compile(r"(?P<number>\d+)(?P<mark>_de-id(?:_(?P<copy>\d{1,4}))?)?")

_SYSTEMS_OWN = re.compile(r"__MACOSX(/.*)?|(.*/)?(\.[^/]*|Thumbs\.db|desktop\.ini)", re.IGNORECASE)
"""Names of operating system files, which are ignored silently."""

_HANDED_OUT = {RECORD, "README.txt"}


@dataclass(frozen=True)
class Checked:
    """Result of a check.

    Attributes:
        problems: Reasons for refusal, one sentence each; empty if the pictures are accepted.
        notes: Defects that are reported but do not prevent a submission.
        copies: Number of each picture -> names of its copies, in order.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    copies: dict[str, list[str]] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """Names of all files to submit."""
        return [name for names in self.copies.values() for name in names]


def check_folder(
    folder: Path, challenge: Challenge, advance: Callable[[int, int], None] = lambda done, of: None
) -> Checked:
    """Check a folder of de-identified pictures; calls `advance(decoded, total)` after each picture."""
    found = Checked()
    entries = sorted(path for path in folder.iterdir() if not _SYSTEMS_OWN.fullmatch(path.name))
    entries = [path for path in entries if path.name not in _HANDED_OUT]
    links = [path.name for path in entries if path.is_symlink()]
    others = [path.name for path in entries if not path.is_symlink() and not path.is_file()]
    files = [path for path in entries if path.name not in {*links, *others}]
    _add_problem(found, links, "is a link; hand in the file itself", "are links; hand in the files themselves")
    _add_problem(found, others, "is a folder; put all pictures into one", "are folders; put all pictures into one")
    _check_limits(found, len(files), sum(path.stat().st_size for path in files), challenge)
    if found.problems:
        return found
    _assign_to_numbers(found, [path.name for path in files], challenge)
    if not found.problems:
        _decode(found, folder, challenge, advance)
    return found


def unpack(upload: Path, target: Path, challenge: Challenge, alive: Callable[[], None]) -> list[str]:
    """Unpack a zip into a new folder, if its entries are plain files with plain names.

    Sizes declared in the archive are not trusted: unpacked bytes are counted. Calls `alive` for each block.

    Returns:
        Reasons for refusal, one sentence each; the folder is then removed.

    Raises:
        OSError: The disk is full.
    """
    target.mkdir(mode=0o700)
    try:
        most = 2 * challenge.max_files + SYSTEMS_OWN  # macOS adds one for each picture
        if upload.stat().st_size > most * HEADER and _max_entries(upload, alive) > most:
            raise _TooMany
        with zipfile.ZipFile(upload) as file:
            entries = [entry for entry in file.infolist() if not _SYSTEMS_OWN.fullmatch(entry.filename)]
            problems = _zip_problems(entries, challenge)
            left = challenge.max_unpacked_bytes
            for entry in [] if problems else entries:
                with file.open(entry) as source, (target / entry.filename).open("xb") as copy:
                    while block := source.read(BLOCK):
                        alive()
                        left -= len(block)
                        if left < 0:
                            raise _TooLarge
                        copy.write(block)
    except _TooMany:
        problems = [f"the zip lists more than {most} files; at most {challenge.max_files} are taken."]
    except _TooLarge:
        problems = [f"the zip unpacks to more than {challenge.max_unpacked_bytes} bytes, which is the limit."]
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        problems = [f"the zip cannot be read: {str(error) or type(error).__name__}."]
    except OSError as error:
        if error.errno == errno.ENOSPC:
            shutil.rmtree(target, ignore_errors=True)
            raise
        problems = [f"the zip cannot be unpacked: {error.strerror or error}."]  # strerror names no path
    except Exception as error:
        if type(error).__module__ not in ("zlib", "lzma", "bz2", "struct"):
            raise
        problems = [f"the zip cannot be unpacked: {error}."]
    if problems:
        shutil.rmtree(target, ignore_errors=True)
    return problems


class _TooLarge(Exception):
    pass


class _TooMany(Exception):
    pass


def _max_entries(upload: Path, alive: Callable[[], None]) -> int:
    """Upper bound of the entries that `zipfile`, at half a kilobyte of memory each, would list, by entry signatures."""
    found, before = 0, b""
    with upload.open("rb") as file:
        while block := file.read(BLOCK):
            alive()
            found += (before + block).count(_HEADER_MARK)
            before = block[1 - len(_HEADER_MARK) :]
    return found


def _zip_problems(entries: Iterable[zipfile.ZipInfo], challenge: Challenge) -> list[str]:
    found = Checked()
    entries = list(entries)
    names = [entry.filename for entry in entries]
    hint = "; pictures lie side by side, without folders"
    strange = [name for name in names if not _plain(name)]
    _add_problem(found, strange, f"is not a plain file name{hint}", f"are not plain file names{hint}")
    links = [e.filename for e in entries if _is_link(e)]
    _add_problem(found, links, "is not a plain file but a link or a device", "are not plain files but links or devices")
    _add_problem(found, [e.filename for e in entries if e.flag_bits & 1], "is encrypted", "are encrypted")
    counts = Counter(name.casefold() for name in names)
    twice = [name for name in names if counts[name.casefold()] > 1]
    _add_problem(found, twice, "is in the zip twice", "are in the zip twice")
    _check_limits(found, len(entries), sum(entry.file_size for entry in entries), challenge)
    return found.problems


def _plain(name: str) -> bool:
    return (
        0 < len(name) <= 100
        and name.isprintable()
        and not any(character in name for character in '/\\:*?"<>|')
        and not name.startswith(".")
        and not name.endswith((" ", "."))
    )


def _is_link(entry: zipfile.ZipInfo) -> bool:
    mode = entry.external_attr >> 16
    return bool(stat.S_IFMT(mode)) and not stat.S_ISREG(mode)


def _check_limits(found: Checked, files: int, size: int, challenge: Challenge) -> None:
    if files == 0:
        found.problems.append("there is no picture in it.")
    if files > challenge.max_files:
        found.problems.append(f"it holds {files} files; at most {challenge.max_files} are taken.")
    if size > challenge.max_unpacked_bytes:
        found.problems.append(f"its files have {size} bytes; at most {challenge.max_unpacked_bytes} are taken.")


def _assign_to_numbers(found: Checked, names: list[str], challenge: Challenge) -> None:
    """Assign the files to the numbers of the challenge."""
    expected = set(challenge.names)
    ranked: dict[str, list[tuple[int, str]]] = {}
    strange, unknown = [], []
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        match = _NAME.fullmatch(stem)
        if match is None or f"{dot}{suffix}".lower() not in PICTURE_SUFFIXES:
            strange.append(name)
        elif match["number"] not in expected:
            unknown.append(name)
        else:
            ranked.setdefault(match["number"], []).append((int(match["copy"] or 0), name))
    example = challenge.names[0] if challenge.names else "0001"
    _add_problem(found, strange, f"is not named like {example}.png", f"are not named like {example}.png")
    _add_problem(
        found, unknown, "has a number that the challenge does not have", "have numbers that the challenge does not have"
    )
    several = sorted(number for number, copies in ranked.items() if len(copies) > challenge.copies)
    most = "one copy is" if challenge.copies == 1 else f"{challenge.copies} copies are"
    _add_problem(found, several, f"has more copies than are taken: {most}", f"have more copies than are taken: {most}")
    same = sorted(number for number, copies in ranked.items() if len({rank for rank, _ in copies}) < len(copies))
    _add_problem(found, same, "has two files for one copy", "have two files for one copy")
    found.copies.update({number: [name for _, name in sorted(ranked[number])] for number in sorted(ranked)})
    missing = [name for name in challenge.names if name not in ranked]
    if missing and not found.problems:
        found.notes.append(
            f"{len(missing)} of {len(challenge.names)} pictures have no copy ({_joined(missing)}); the report counts "
            "them, and nothing passes without them."
        )


def _decode(found: Checked, folder: Path, challenge: Challenge, advance: Callable[[int, int], None]) -> None:
    files = found.files
    for done, name in enumerate(files, start=1):
        try:
            read_image(folder / name, max_pixels=challenge.max_pixels)
        except SampleError as error:
            found.problems.append(f"{name} cannot be used: {error}.")
            if len(found.problems) == LISTED:
                found.problems.append("Pictures after that were not checked.")
                return
        advance(done, len(files))


def _add_problem(found: Checked, names: list[str], one: str, several: str) -> None:
    if names:
        shown = _joined(names)
        found.problems.append(f"{shown} {one if len(names) == 1 else several}.")


def _joined(names: list[str]) -> str:
    shown = ", ".join(ascii(name)[1:-1][:60] for name in names[:LISTED])
    return f"{shown} and {len(names) - LISTED} more" if len(names) > LISTED else shown
