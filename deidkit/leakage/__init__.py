"""Originals in copies: whether an engine's pictures still show, hide or exchange the palms they were to replace.

Every copy is examined against its own original (`examine`), and all copies of an engine together (`findings`). Outside
of the palm a copy may be the original, so the palm alone is judged; where none is known, the whole picture by its least
similar parts. No threshold on correlation is fixed: `Reference.chance` is what unrelated palms reach, from the number
of independent places of the very palm, so that a smooth or tiny palm is held to more.

Measured with the shipped thresholds on 40 drawn hands, 40 photographs and 40 palm regions of 128 pixels for each kind
of copy. Margins are the correlation of the palm's detail less `Reference.chance`.

- Honest copies (mask, blur 16, pixelate 16, fresh random palms, palms and whole pictures of other people): at most
  -0.09, which other people's palms reach; none of 720 is accused.
- Originals turned by quarters, mirrored or inverted: at least 0.10. JPEG of quality 30 and noise of 8 levels: at least
  0.09. Noise of 20 levels: at least 0.08 on whole hands; 5 of 40 regions of 128 pixels are missed.
- The ratio of the factors on detail and shading, by which smoothing is told from noise (`SHARP`, 0.85): at least 0.97
  for noise and JPEG 30 on whole hands, 0.83 on regions; at most 0.68 for blur 4 and 0.79 for pixelate 7. So the weak
  baselines are ``detail left``, a note, and blur 1 is ``hardly changed``.
- Another original: 0.9 and more as JPEG 30 or mirrored, all found; other people's reach 0.79 on drawn hands, while
  captures of one hand held by pegs reach 0.995, so that the own original must also be less alike by 0.05.
- Pseudonyms: false palms of two people correlate by 0.23 at most in the median, what blur 16 and pixelate 32 leave of
  two people by 0.44 and more where it could be mistaken.

What is missed: a twentieth of the contrast in 12 of 120; a palm rotated by an odd angle within its own outline, or with
the picture on a canvas that cuts it, in a third; two low bits in a quarter of photographs and most regions of 128
pixels; a zoom beyond 1.4; whatever is encrypted or spread with a key. Where no palm is known, low bits and channels are
not read.
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
