"""Originals in copies: whether an engine's pictures still show, hide or exchange the palms they were to replace.

Every copy is examined against its own original (`examine`), and all copies of an engine together (`findings`). Outside
of the palm a copy may be the original, so the palm alone is judged; where none is known, the whole picture by its least
similar parts. No threshold on correlation is fixed: `Reference.chance` is what unrelated palms reach, from the number
of independent places of the very palm, so that a smooth or tiny palm is held to more.

Measured on 60 drawn hands, 54 photographs and 100 ready regions of interest, correlation of the palm's detail less what
chance may reach:

- Honest copies (mask, mean colour, blur 16 and 32, pixelate 16 and 32, fresh random palms, palms and whole pictures of
  other people): at most -0.07, the nearest being other people's palms pasted in; no finding on any.
- Copies that are the original, in place: noise of 20 grey levels on regions of 128 pixels at least 0.04, else at least
  0.15; turned by quarters, mirrored or inverted at least 0.23; as JPEG of quality 30 at least 0.20; at a twentieth of
  the contrast 0.07 (a palm of less than two levels of texture is then lost).
- The ratio of the factors on detail and shading: at least 0.97 for noise and JPEG 30 of photographs (0.83 on regions of
  128 pixels); at most 0.70 for blur 4 and 0.79 for pixelate 7. So the weak baselines are ``detail left``, a note, and
  blur 1 is ``hardly changed``.

What is not found: a palm that is rotated by an odd angle, or turned about its middle, within its own outline is missed
where less than about half of the old palm stays inside (half of the photographs); a palm zoomed by more than 1.4; a
payload of two bits or less in pictures of 128 pixels; what is encrypted or spread with a key.
"""

from deidkit.leakage.copies import Change, CopyRecord, examine, examine_copy
from deidkit.leakage.findings import findings
from deidkit.leakage.fingerprints import LENGTH, fingerprint
from deidkit.leakage.hashing import pixel_hash
from deidkit.leakage.originals import is_original
from deidkit.leakage.population import Pictures
from deidkit.leakage.reference import Reference
from deidkit.leakage.turns import Turn, TurnedBack, brought_to_size, size_finding, turned_back

__all__ = [
    "LENGTH",
    "Change",
    "CopyRecord",
    "Pictures",
    "Reference",
    "Turn",
    "TurnedBack",
    "brought_to_size",
    "examine",
    "examine_copy",
    "findings",
    "fingerprint",
    "is_original",
    "pixel_hash",
    "size_finding",
    "turned_back",
]
