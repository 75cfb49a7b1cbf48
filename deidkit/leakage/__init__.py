"""Detection of originals in copies: whether an engine's output still shows, hides or swaps the palms.

Every copy is compared with its own original (`examine`), and all copies of an engine with one another (`findings`).
Outside of the palm a copy may equal the original, so only the palm is judged; if no palm mask is known, the whole
picture is judged by its least similar parts. The correlation threshold is not fixed: `Reference.chance` is what
unrelated palms reach, given the number of independent samples in this palm, so that a smooth or tiny palm needs a
higher correlation.

Measured on 40 synthetic hands, 40 photographs and 40 palm regions of 128 pixels for each kind of copy. The thresholds
were chosen on these pictures; "held out" are 80 synthetic hands of another population, generated afterwards. There
were no photographs left to hold out. Margins are the correlation of the palm's detail minus `Reference.chance`.

- Honest copies (mask, blur 16, pixelate 16, fresh random palms, palms and whole pictures of other people): at most
  -0.09 (held out -0.11), reached by other people's palms; none of 720 (held out 640) is reported.
- Originals rotated by quarter turns, mirrored or inverted: at least 0.10 (held out 0.20), all found. JPEG of quality
  30 and noise of 8 levels: at least 0.09 (held out 0.20), but one region as JPEG 30 is only ``detail left``. Noise of
  20 levels: at least 0.07 (held out 0.17) on whole hands; 5 of 40 regions are missed.
- `SHARP` is 0.85; the ratio it bounds is at least 0.94 for noise and JPEG 30 on whole hands, 0.83 on regions, and at
  most 0.68 for blur 4 and 0.79 for pixelate 7. These weak baselines are therefore ``detail left``, a note (rarely
  nothing). Blur 1 is ``hardly changed``, and so are 2 of 40 photographs under blur 2 (up to 0.86).
- Rotated by any angle, mirrored or not, within the palm's outline or with the picture cropped to a canvas: all of 76
  hands and 40 regions are found. What the outline cuts off is not compared, so that half a palm is enough.
- Another original: at least 0.9. Pictures of other people correlate up to 0.79, of the same hand up to 0.995;
  therefore the copy's own original must be less similar by 0.05. Palms alone, in regions of 32 pixels, correlate up to
  0.58 between people, and 0.7 to 0.95 if one was pasted into another hand: 0.8 finds 14 of 18.
- Pseudonyms: replacement palms of different people correlate up to 0.23 in the median. For wide blurs and mosaics no
  single threshold suffices: blur 16 of photographs is excluded by 0.64 between people, pixelate 32 by 0.84 < `LINKED`.

- Palms cut into blocks and rearranged, or shifted cyclically: see `deidkit.leakage.scattered`.
- Pieces of the palm in the background: see `deidkit.leakage.pasted`.
- Marks beside the palm: see `deidkit.leakage.beside`; spectral magnitudes: `deidkit.leakage.spectra`.
- Statistics of the palm under synthetic lines: see `deidkit.leakage.sums`, `.levels` and `.grain`.
- Codes in noise and low bits, and properties chosen per person: see `deidkit.leakage.marks`; the extent of the
  treated area: `deidkit.leakage.reach`.

Known misses: an original at a twentieth of its contrast in 12 of 120 copies; at a sixth and saved as JPEG 30 in 22 of
40 photographs and in all regions; a palm of which only a part is rotated; a third of small rotated pictures of the
palm, which within palms are searched in one copy of twelve; two low bits in 11 of 40 photographs and 34 of 40 regions,
four in 2 of 40 photographs; a zoom beyond 1.4; writing beside the palm in copies that were compressed twice; a shift of
copies of another size than their originals; file encodings if no two people's originals are encoded alike; copies
published under other names if surroundings are replaced, or blurred and all names exchanged; anything encrypted with a
different key for each picture. If no palm is known, low bits and channels are not examined.
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
