"""Published data sets whose file and folder names contain the labels."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import HANDS, Kind, Name, NamedFiles, hand_of_folder

_FLAGS = re.ASCII | re.IGNORECASE


class PatternFiles(NamedFiles):
    """A data set with all labels in its file names.

    Attributes:
        pattern: Matches a file's name without its ending; its groups ``subject``, ``hand`` (l or r) and ``session`` are
            used where it has them.
        shows: Kind of the pictures; None if it varies.
    """

    distinctive: ClassVar[bool] = True
    pattern: ClassVar[re.Pattern[str]]
    shows: ClassVar[Kind | None] = None

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Parse the file's name by `pattern`."""
        match = cls.pattern.fullmatch(path.stem)
        if not match:
            return None
        found = match.groupdict()
        hand = HANDS[found["hand"].lower()] if "hand" in found else None
        return Name(found["subject"], hand, found.get("session"), kind=cls.shows)


class CASIA(PatternFiles):
    """CASIA Palmprint V1: 301 to 312 people by different counts, both hands, whole hands."""

    pattern = re.compile(r"(?P<subject>\d{4})_[mf]_(?P<hand>[lr])_\d+", _FLAGS)
    shows = "hand"
    layout = "SSSS/SSSS_{m,f}_{l,r}_KK.jpg"
    source = "on registration with the Chinese Academy of Sciences, Institute of Automation"


class MPDv2(PatternFiles):
    """MPDv2: 200 people, both hands, two sessions, two mobile phones."""

    pattern = re.compile(r"(?P<subject>\d+)_(?P<session>\d+)_[a-z]+_(?P<hand>[lr])_\d+", _FLAGS)
    layout = "SSS_T_{device}_{l,r}_KK.jpg; T is the session"
    source = "cslinzhang.github.io/MobilePalmPrint"


class PolyU(PatternFiles):
    """PolyU contact-free 3D/2D hands: 177 people, 10 pictures each, as flat files named after the person."""

    distinctive = False
    pattern = re.compile(r"0*(?P<subject>0|[1-9]\d*)_.+", re.ASCII)
    layout = "N_....ext; the first field is the identity. Never guessed from a folder: name the adapter"
    source = "on request: www4.comp.polyu.edu.hk/~csajaykr/3Dhand.htm"


class REST(PatternFiles):
    """REST (REgim Sfax Tunisian hand database) 2016: 179 left and 179 right hands, 1,948 pictures of whole hands."""

    pattern = re.compile(r"[a-z](?P<subject>\d+)_(?P<hand>[lr])_(?:.*_)?\d+", _FLAGS)
    shows = "hand"
    layout = "pN/Hand/{Left,Right}/pN_{l,r}_..._K.jpg, or all files in one folder"
    source = "ieee-dataport.org/open-access/rest-database"


class Zhou(PatternFiles):
    """Palm pictures by phone (JDAAT 1(2):24, 2019): 166 palms, 1,295 pictures, as flat files named after the palm."""

    distinctive = False
    pattern = PolyU.pattern
    layout = PolyU.layout
    source = "no public download is known"


class COEP(NamedFiles):
    """COEP Palm Print Database: 168 numbered palms, 8 pictures of the whole hand each.

    In copies that are passed around, several people stand under two or three numbers and pictures occur twice;
    `deidkit.datasets.inspect_dataset` finds both by identical files, and ``aliases`` joins the numbers.
    """

    distinctive = True
    layout = "NNN_IMG__ (K).JPG, also NNN_K.jpg; K 1..8; one number, one hand"
    source = "College of Engineering Pune: coep.org.in/resources/coeppalmprintdatabase"

    _NAME = re.compile(r"(\d{3})[ _]+(?:img[ _]*)?\(?\s*([1-8])\s*\)?", _FLAGS)

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Take the number as the identity; the hand is unknown."""
        match = cls._NAME.fullmatch(path.stem)
        if not match or path.suffix.lower() not in (".jpg", ".jpeg") or hand_of_folder(path):
            return None
        return Name(match[1], kind="hand")


class IITD(NamedFiles):
    """IITD Touchless Palmprint V1: 230 people, both hands; whole hands, or else the owner's palm regions."""

    distinctive = True
    layout = "{Left Hand,Right Hand}/SSS_K.JPG (hands), Segmented/{Left,Right}/SSS_K.bmp (palm regions)"
    source = "on request, after an agreement: www4.comp.polyu.edu.hk/~csajaykr/IITD/Database_Palm.htm"

    _NAME = re.compile(r"(\d{3})_(\d+)", re.ASCII)

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Take subject and capture from the file, the hand from its folder."""
        match, hand = cls._NAME.fullmatch(path.stem), hand_of_folder(path)
        if not match or not hand:
            return None
        subject, capture = match.groups()
        roi = path.suffix.lower() == ".bmp" or "segmented" in path.parent.as_posix().lower()
        return Name(
            subject, hand, kind="roi" if roi else "hand", capture=f"{subject}/{hand}/{int(capture)}", rank=int(roi)
        )


class NTUPI(NamedFiles):
    """NTU-PI-v1: 7,781 pictures of 2,035 palms from the Internet, whole hands.

    The release holds each capture several times: as it was, mirrored to one side, made smaller, with the background
    masked, and turned for training. One of them is used, in that order.
    """

    distinctive = True
    layout = "img/S-{L,R}K.jpg, flip/{imgOrg,img}/{train,test}/S-{L,R}K-ClassN.jpg, flip/imgGen/, imgMask/"
    source = "signed agreement, forensic-biometrics research only: github.com/matkowski-voy"

    _NAME = re.compile(r"(\d+)-([LR])(\d+)(?:-(?P<made>(?:_Mask_)?\d*)Class\d+)?", _FLAGS)
    _VERSIONS: ClassVar[dict[str, int]] = {"imgorg": 1, "img": 2, "imggen": 3}
    """Folder below ``flip`` -> rank of its version of a capture; the lowest is used."""

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Take subject and hand from the file, the version of the capture from the folders."""
        match = cls._NAME.fullmatch(path.stem)
        if not match:
            return None
        folders = [part.lower() for part in path.parts[:-1]]
        rank = max((cls._VERSIONS.get(folder, 0) for folder in folders), default=0) if "flip" in folders else 0
        if "imgmask" in folders or match["made"]:
            rank = 5 if match["made"] else 4
        subject, hand = match[1], HANDS[match[2].lower()]
        return Name(subject, hand, kind="hand", capture=f"{subject}/{hand}/{int(match[3])}", rank=rank)


class PolyUII(NamedFiles):
    """PolyU II: 386 palms in two sessions of about ten pictures, grey; each palm counts as a subject of its own."""

    distinctive = True
    layout = "P_{F,S}_N_K.bmp; F and S are the first and the second session, N is the palm"
    source = "on request: www4.comp.polyu.edu.hk/~biometrics"

    _NAME = re.compile(r"P_([A-Z])_(\d+)_(\d+)", _FLAGS)

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Take session and palm from the file; names do not tell which palms belong to one person."""
        match = cls._NAME.fullmatch(path.stem)
        return Name(match[2], session={"F": "1", "S": "2"}.get(match[1].upper(), match[1].upper())) if match else None


class Tongji(NamedFiles):
    """Tongji contactless palmprints: 600 palms, 2 sessions of 10; whole hands, or else the palm regions.

    Two palms each belong to one person, but which is the left one is not published, so every palm counts as a
    subject of its own.
    """

    distinctive = True
    layout = "session{1,2}/NNNNN.tiff (hands), ROI/session{1,2}/NNNNN.bmp (palm regions); palm (N-1)//10"
    source = "cslinzhang.github.io/ContactlessPalm; no licence is stated there"

    _SESSION = re.compile(r"session[ _-]?([12])", _FLAGS)
    _NAME = re.compile(r"\d{5}", re.ASCII)
    _PICTURES_OF_A_PALM = 10
    """Number of pictures of a palm in each session, in consecutive order."""

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Take the palm from the number, the session from the folder."""
        sessions = [match[1] for part in path.parts[:-1] if (match := cls._SESSION.fullmatch(part))]
        if not sessions or not cls._NAME.fullmatch(path.stem) or int(path.stem) == 0:
            return None
        palm, session = (int(path.stem) - 1) // cls._PICTURES_OF_A_PALM, sessions[-1]
        roi = path.suffix.lower() == ".bmp" or "roi" in (part.lower() for part in path.parts[:-1])
        capture = f"{session}/{path.stem}"
        return Name(f"{palm:03d}", session=session, kind="roi" if roi else "hand", capture=capture, rank=int(roi))
