"""Originals in copies: whether an engine's pictures still show, hide or exchange the palms they were to replace.

Every copy is examined against its own original (`examine`), and all copies of an engine together (`findings`). Outside
of the palm a copy may be the original, so the palm alone is judged; where none is known, the whole picture by its least
similar parts. No threshold on correlation is fixed: `Reference.chance` is what unrelated palms reach, from the number
of independent places of the very palm, so that a smooth or tiny palm is held to more.

Measured on 40 drawn hands, 40 photographs and 40 palm regions of 128 pixels for each kind of copy. The thresholds
were chosen on these very pictures; "held out" are 80 drawn hands of another population, made after that. No
photographs were left to hold out. Margins are the correlation of the palm's detail less `Reference.chance`.

- Honest copies (mask, blur 16, pixelate 16, fresh random palms, palms and whole pictures of other people): at most
  -0.09 (held out -0.11), which other people's palms reach; of 720 (held out 640) none is accused.
- Originals turned by quarters, mirrored or inverted: at least 0.10 (held out 0.20), all found. JPEG of quality 30 and
  noise of 8 levels: at least 0.09 (held out 0.20), but one region as JPEG 30 is only ``detail left``. Noise of 20
  levels: at least 0.07 (held out 0.17) on whole hands; 5 of 40 regions are missed.
- `SHARP` is 0.85; the ratio it bounds is at least 0.94 for noise and JPEG 30 on whole hands, 0.83 on regions, and at
  most 0.68 for blur 4 and 0.79 for pixelate 7. So these weak baselines are ``detail left``, a note (now and then
  nothing). Blur 1 is ``hardly changed``, and so are 2 of 40 photographs under blur 2 (up to 0.86).
- Rotated by any angle, mirrored or not, within the palm's own outline or with the picture on a canvas that cuts it: all
  of 76 hands and 40 regions are found. What the outline cuts off is not compared, so that half a palm is enough.
- Another original: at least 0.9. Pictures of other people correlate up to 0.79, of the same hand up to 0.995;
  therefore the own original must be less alike by 0.05. Palms alone, in regions of 32 pixels, correlate up to 0.58
  between people, and by 0.7 to 0.95 where one was laid into another hand: 0.8 finds 14 of 18.
- Pseudonyms: false palms of different people correlate by up to 0.23 in the median. Wide blurs and mosaics are kept
  apart by no single number: blur 16 of photographs by 0.64 between people, pixelate 32 by the 0.84 of `LINKED`.

- Palms cut into blocks and put together in another order, or pushed round: see `deidkit.leakage.scattered`.
- What is written beside the palm: see `deidkit.leakage.beside`; the strength of frequencies: `deidkit.leakage.spectra`.
- Statistics of the palm under lines of nobody: see `deidkit.leakage.sums`, `.levels` and `.grain`.
- Codes in noise and low bits, and properties chosen for each person: see `deidkit.leakage.marks`; how far palms are
  treated: `deidkit.leakage.reach`.

What is missed: a twentieth of the contrast in 12 of 120; a sixth of it saved as JPEG 30 in 22 of 40 photographs and
in all regions; a palm of which only a part is rotated; a third of small rotated pictures of the palm, which within
palms are looked for in one copy of twelve; two low bits in 11 of 40 photographs and 34 of 40 regions, four in 2 of 40
photographs; a zoom beyond 1.4; writing beside the palm in copies that were compressed twice; a shift of copies of
another size than their originals; how files are written where no two people's originals are written alike; copies under
the names of others where surroundings are replaced, or blurred and all names exchanged; whatever is encrypted with
another key for each picture. Where no palm is known, low bits and channels are not read.
"""

from deidkit.leakage.copies import Change, CopyRecord, examine, examine_copy, examine_palm, examine_region
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
    "examine_palm",
    "examine_region",
    "findings",
    "fingerprint",
    "is_original",
    "pixel_hash",
    "size_finding",
    "turned_back",
]
