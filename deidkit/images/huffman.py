"""Validation of a sequential JPEG's entropy-coded data (ITU-T T.81, annex F).

Decoders resynchronize after damage, because Huffman codes do, and show the part between as if it were a picture. Damage
is recognized by what no encoder writes: codes that are in no table, more than 64 coefficients in a block, brightness
out of range, too few or too many bytes. Importing this module imports numba.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled

_LONGEST_DC, _LONGEST_AC = 11, 10
"""Largest number of bits of a difference and of a coefficient, for 8-bit samples (tables F.1 and F.2)."""

_LARGEST_DC = 1280
"""Largest DC value: eight times the largest distance from grey is 1024; encoders that sharpen exceed it a little."""


@dataclass(slots=True)
class _State:
    """Definitions from the segments before a scan."""

    tables: dict[int, NDArray[np.uint16]] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    restart: int = 0
    size: tuple[int, int] = (0, 0)
    components: dict[int, tuple[int, int, int]] = field(default_factory=dict)


def is_plausible(essential: bytes) -> bool:
    """Whether every scan of a JPEG decodes without anything that no encoder writes.

    Args:
        essential: The file, with valid structure and markers.

    Returns:
        False if damaged; True otherwise, and for unchecked kinds: progressive and arithmetic.
    """
    state, position = _State(), 2
    while essential[position + 1] != 0xD9:
        marker, size = essential[position + 1], int.from_bytes(essential[position + 2 : position + 4], "big")
        content = essential[position + 4 : position + 2 + size]
        position += 2 + size
        if marker in (0xC2, 0xC9, 0xCA):
            return True
        if marker == 0xDA:
            end = _end_of_scan(essential, position)
            if not _scan(state, content, np.frombuffer(essential, np.uint8, end - position, position)):
                return False
            position = end
        else:
            _define(state, marker, content)
    return True


def _define(state: _State, marker: int, content: bytes) -> None:
    if marker == 0xC4:
        while len(content) > 17:
            count = sum(content[1:17])
            state.tables[content[0]] = _lookup(content[1:17], content[17 : 17 + count])
            content = content[17 + count :]
    elif marker == 0xDB:
        while content:
            wide = content[0] >> 4
            state.steps[content[0] & 15] = int.from_bytes(content[1 : 2 + wide], "big")
            content = content[1 + 64 * (1 + wide) :]
    elif marker == 0xDD:
        state.restart = int.from_bytes(content[:2], "big")
    elif marker in (0xC0, 0xC1):
        state.size = (int.from_bytes(content[3:5], "big"), int.from_bytes(content[1:3], "big"))
        for at in range(6, len(content), 3):
            state.components[content[at]] = (content[at + 1] >> 4, content[at + 1] & 15, content[at + 2])


def _lookup(counts: bytes, symbols: bytes) -> NDArray[np.uint16]:
    """Lookup table by 16 bits: code length times 256 plus symbol; 0 for an invalid code."""
    table, code, number = np.zeros(1 << 16, np.uint16), 0, 0
    for length, count in enumerate(counts, start=1):
        for _ in range(count):
            first = code << (16 - length)
            table[first : first + (1 << (16 - length))] = length * 256 + symbols[number]
            code, number = code + 1, number + 1
        code <<= 1
    return table


def _scan(state: _State, content: bytes, coded: NDArray[np.uint8]) -> bool:
    count = content[0]
    chosen = [(state.components[content[at]], content[at + 1]) for at in range(1, 1 + 2 * count, 2)]
    widest = max(across for across, _, _ in state.components.values())
    highest = max(down for _, down, _ in state.components.values())
    width, height = state.size
    if count == 1:
        (across, down, _), _ = chosen[0]
        units = _ceil(_ceil(width * across, widest), 8) * _ceil(_ceil(height * down, highest), 8)
        order = [0]
    else:
        units = _ceil(width, 8 * widest) * _ceil(height, 8 * highest)
        order = [number for number, ((across, down, _), _) in enumerate(chosen) for _ in range(across * down)]
    table_pairs = [(tables >> 4, 16 + (tables & 15)) for _, tables in chosen]
    if any(table not in state.tables for pair in table_pairs for table in pair):
        return False
    lookups = np.stack([state.tables[table] for pair in table_pairs for table in pair])
    steps = np.array([max(state.steps.get(quantizer, 1), 1) for (_, _, quantizer), _ in chosen])
    return bool(_walk(coded, lookups, np.array(order), steps, units, state.restart))


def _ceil(whole: int, part: int) -> int:
    return -(-whole // part)


def _end_of_scan(data: bytes, position: int) -> int:
    """Position of the next marker other than a stuffed zero or a restart; preceding fill bytes belong to the scan."""
    while True:
        position = data.index(b"\xff", position)
        following = data[position + 1]
        if following not in (0, 0xFF) and not 0xD0 <= following <= 0xD7:
            return position
        position += 1 if following == 0xFF else 2


@compiled
def _walk(
    coded: NDArray[np.uint8],
    lookups: NDArray[np.uint16],
    order: NDArray[np.int64],
    steps: NDArray[np.int64],
    units: int,
    restart: int,
) -> bool:
    """Read every code of a scan.

    Args:
        coded: The scan's bytes.
        lookups: (2 components, 65536): the tables of each component's first and further coefficients.
        order: The component of each block of a unit.
        steps: Quantization step of each component's DC coefficient.
        units: Number of units.
        restart: Units between two restart markers; 0 for none.
    """
    size, at, held, bits, markers = len(coded), 0, 0, 0, 0
    levels = np.zeros(len(steps), np.int64)
    for unit in range(units):
        if restart and unit and unit % restart == 0:
            while at + 1 < size and coded[at] == 0xFF and coded[at + 1] == 0xFF:  # fill bytes
                at += 1
            if bits >= 8 or at + 1 >= size or coded[at] != 0xFF or coded[at + 1] != 0xD0 + markers % 8:
                return False
            at, held, bits, markers = at + 2, 0, 0, markers + 1
            levels[:] = 0
        for number in order:
            place = 0
            while place < 64:
                while bits < 32 and at < size:
                    byte = int(coded[at])
                    if byte == 0xFF:
                        if at + 1 >= size or coded[at + 1] != 0:
                            break
                        at += 1
                    held, bits, at = ((held << 8) | byte) & 0xFFFFFFFFFF, bits + 8, at + 1
                peek = (held >> (bits - 16)) & 0xFFFF if bits >= 16 else (held << (16 - bits)) & 0xFFFF
                entry = int(lookups[2 * number + (place > 0), peek])
                length, symbol = entry >> 8, entry & 255
                further = symbol & 15 if place else symbol
                if length == 0 or length + further > bits:
                    return False
                bits -= length + further
                if place == 0:
                    if further > _LONGEST_DC:
                        return False
                    value = (held >> bits) & ((1 << further) - 1)
                    if further and value < 1 << (further - 1):
                        value -= (1 << further) - 1
                    levels[number] += value
                    if abs(levels[number]) * steps[number] > _LARGEST_DC + steps[number]:
                        return False
                    place = 1
                elif further:
                    place += (symbol >> 4) + 1
                    if place > 64 or further > _LONGEST_AC:
                        return False
                elif symbol == 0xF0:
                    place += 16
                    if place > 63:
                        return False
                elif symbol == 0:
                    break
                else:
                    return False
    while at < size and coded[at] == 0xFF:
        at += 1
    return bits < 8 and at == size
