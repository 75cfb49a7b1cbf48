"""Common file naming conventions outside of published data sets."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from deidkit.datasets.files import HANDS, Name, NamedFiles, hand_of_folder

_STAGES = re.compile(
    "cropped|crops?|data|deidentified|dorsal|hands?|images?|imgs?|inputs?|left|masks?|originals?|outputs?|palmar|palms?"
    "|photos?|pictures?|processed|raw|results?|right|rois?|segmented|test(ing)?|train(ing)?|val(id|idation)?",
    re.IGNORECASE,
)
_DATE = r"(?:19|20)\d\d[-_.]\d\d[-_.]\d\d"
_SURE_SESSION = re.compile(rf"(?:session|visit|day)[ _-]?\d+|{_DATE}", re.ASCII | re.IGNORECASE)
"""Matches names of session folders; not s1, which may be a person."""

SESSION = re.compile(rf"(?:session|s|visit|day|time)[ _-]?(\d+)|{_DATE}", re.ASCII | re.IGNORECASE)
"""Matches folders below a person's that are surely sessions; a single other folder counts as a session, too."""

_NUMBERS = re.compile(r"(\d+)_(\d+)", re.ASCII)


def names_no_person(folder: str) -> bool:
    """Whether a folder is named after a hand, a session or a processing stage; not L or R, which may be people."""
    named_after_hand = len(folder) > 1 and folder.lower() in HANDS
    return named_after_hand or bool(_STAGES.fullmatch(folder) or _SURE_SESSION.fullmatch(folder))


class Folders(NamedFiles):
    """A folder for each person, inside it the pictures, or first folders for the hand and the session."""

    layout = "SUBJECT/[{left,right}/][SESSION/]anything.ext"
    source = "any"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Take the first folder as the person, one named after a hand as the hand, another as the session.

        A first folder such as ``train``, ``left`` or ``session1`` is no person: pictures of many would be of one.
        """
        _, *folders, _ = path.parts
        if not folders:
            return None
        subject, *inner = folders
        if names_no_person(subject):
            return None
        hands = [HANDS[part.lower()] for part in inner if part.lower() in HANDS]
        sessions = [part for part in inner if part.lower() not in HANDS]
        if len(hands) > 1 or len(sessions) > 1:
            return None
        return Name(subject, hands[0] if hands else None, sessions[0] if sessions else None)


class Numbered(NamedFiles):
    """Files named PALM_SAMPLE by two numbers, the usual form of research copies."""

    layout = "NNNN_SSSS.ext; in folders Left and Right the number is a person, else a palm"
    source = "any"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Take the first number as the palm."""
        match = _NUMBERS.fullmatch(path.stem)
        return Name(match[1], hand_of_folder(path)) if match else None
