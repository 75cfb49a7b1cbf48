"""Files whose visible picture shows noise and that carry another picture where no viewer looks."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image as Pillow

HEIGHT, WIDTH = 96, 128
Pixels = np.ndarray


def encoded(kind: str, pixels: Pixels, mode: str | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels, mode).save(buffer, kind, **options)
    return buffer.getvalue()


def grey(pixels: Pixels) -> Pixels:
    return np.asarray(Pillow.fromarray(pixels).convert("L"))


# --- JPEG -------------------------------------------------------------------------------------------------------------


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Marker and everything up to the next marker, of a baseline JPEG."""
    found, at = [], 2
    while data[at + 1] != 0xD9:
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xDA:
            while not (data[stop] == 0xFF and data[stop + 1] != 0 and not 0xD0 <= data[stop + 1] <= 0xD7):
                stop += 1
        found.append((data[at + 1], data[at:stop]))
        at = stop
    return found


def jpeg_scan_sent_twice(shown: Pixels, hidden: Pixels) -> bytes:
    """Two grey pictures as two scans of one frame: the decoder shows the last."""
    first, last = (segments(encoded("JPEG", grey(pixels), quality=90)) for pixels in (hidden, shown))
    scan = next(part for marker, part in first if marker == 0xDA)
    parts = [part for marker, part in last if marker != 0xDA]
    return b"\xff\xd8" + b"".join(parts) + scan + dict(last)[0xDA] + b"\xff\xd9"


def inks(shown: Pixels, hidden: Pixels) -> Pixels:
    """Inks as Adobe stores them: colours are the hidden picture, black brings it to what is shown."""
    colours = np.maximum(hidden.astype(float), 128 + hidden // 2)
    black = np.clip(grey(shown).astype(float) * 0.5 * 255 / colours.max(axis=2), 0, 255)
    return np.dstack([colours, black]).astype(np.uint8)


def jpeg_inks(shown: Pixels, hidden: Pixels) -> bytes:
    return encoded("JPEG", inks(shown, hidden), "CMYK", quality=95)


def jpeg_rest_of_a_scan(shown: Pixels, hidden: Pixels) -> bytes:
    """A frame whose height was made smaller than what is coded."""
    data = encoded("JPEG", np.vstack([shown, hidden]), quality=90)
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">H", HEIGHT) + data[at + 2 :]


def progressive_rest_of_a_scan(shown: Pixels, hidden: Pixels) -> bytes:
    data = encoded("JPEG", np.vstack([shown, hidden]), quality=90, progressive=True)
    at = data.index(b"\xff\xc2") + 5
    return data[:at] + struct.pack(">H", HEIGHT) + data[at + 2 :]


# --- PNG, GIF, BMP: palettes ------------------------------------------------------------------------------------------


def indices(shown: Pixels, hidden: Pixels) -> tuple[Pixels, Pixels]:
    """Indices of which the upper half says the colour; the lower half is the hidden picture."""
    table = np.repeat(np.arange(16) * 17, 16).astype(np.uint8)
    return (grey(shown) & 240) | (grey(hidden) >> 4), np.dstack([table] * 3)[0]


def paletted(kind: str) -> Callable[[Pixels, Pixels], bytes]:
    def build(shown: Pixels, hidden: Pixels) -> bytes:
        values, table = indices(shown, hidden)
        picture = Pillow.fromarray(values, "P")
        picture.putpalette(table.tobytes())
        buffer = io.BytesIO()
        picture.save(buffer, kind, **({"optimize": False} if kind == "GIF" else {}))
        return buffer.getvalue()

    return build


def gif_after_the_end_code(shown: Pixels, hidden: Pixels) -> bytes:
    data, payload = encoded("GIF", grey(shown)), encoded("JPEG", hidden)
    blocks = b"".join(
        bytes([len(payload[at : at + 255])]) + payload[at : at + 255] for at in range(0, len(payload), 255)
    )
    return data[:-2] + blocks + b"\0;"


def gif_frame_larger_than_its_screen(shown: Pixels, hidden: Pixels) -> bytes:
    data = bytearray(encoded("GIF", grey(np.vstack([shown, hidden]))))
    data[8:10] = struct.pack("<H", HEIGHT)
    return bytes(data)


def bmp_palette_too_long(shown: Pixels, hidden: Pixels) -> bytes:
    data, payload = encoded("BMP", grey(shown)), encoded("JPEG", hidden)
    payload += b"\0" * (-len(payload) % 4)
    start = int.from_bytes(data[10:14], "little")
    head = bytearray(data[:start])
    head[10:14] = struct.pack("<I", start + len(payload))
    head[46:50] = struct.pack("<I", 256 + len(payload) // 4)
    return bytes(head) + payload + data[start:]


def bmp_fourth_byte(shown: Pixels, hidden: Pixels) -> bytes:
    """Bit fields that name three of four bytes."""
    body = np.dstack([shown[::-1, :, ::-1], grey(hidden)[::-1]]).tobytes()
    masks = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 32, 3, len(body), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 66 + len(body), 0, 0, 66) + info + masks + body


def bmp_after_the_end_of_runs(shown: Pixels, hidden: Pixels) -> bytes:
    rows = grey(shown)[::-1]
    body = b"".join(b"".join(b"\1" + bytes([value]) for value in row) + b"\0\0" for row in rows.tolist()) + b"\0\1"
    payload = encoded("JPEG", hidden)
    table = b"".join(bytes([value] * 3 + [0]) for value in range(256))
    start = 54 + len(table)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(body) + len(payload), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body) + len(payload), 0, 0, start) + info + table + body + payload


# --- TIFF -------------------------------------------------------------------------------------------------------------


def tiff(pixels: Pixels, tags: dict[int, tuple[int, bytes]], strips: list[bytes], *, tiled: bool = False) -> bytes:
    """A little-endian TIFF; `tags` are number -> (type, content) beside what every picture needs."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    places, body = [], b""
    for strip in strips:
        places.append(8 + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    starts, sizes = struct.pack(f"<{len(strips)}I", *places), struct.pack(f"<{len(strips)}I", *map(len, strips))
    default = {
        256: (4, struct.pack("<I", width)),
        257: (4, struct.pack("<I", height)),
        258: (3, struct.pack(f"<{channels}H", *[8] * channels)),
        259: (3, struct.pack("<H", 1)),
        262: (3, struct.pack("<H", 2 if channels >= 3 else 1)),
        277: (3, struct.pack("<H", channels)),
        (324 if tiled else 273): (4, starts),
        (325 if tiled else 279): (4, sizes),
    }
    if not tiled:
        default[278] = (4, struct.pack("<I", height))
    entries = sorted([*{**default, **{n: t for n, t in tags.items() if n < 1 << 16}}.items()])
    entries += [(number & 0xFFFF, tag) for number, tag in tags.items() if number >= 1 << 16]  # a second of one number
    entries.sort(key=lambda entry: entry[0])
    unit = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
    start = 8 + len(body)
    behind, listed = start + 2 + 12 * len(entries) + 4, b""
    extra = b""
    for number, (kind, content) in entries:
        listed += struct.pack("<HHI", number, kind, len(content) // unit[kind])
        if len(content) <= 4:
            listed += content.ljust(4, b"\0")
        else:
            listed += struct.pack("<I", behind + len(extra))
            extra += content + b"\0" * (len(content) % 2)
    directory = struct.pack("<H", len(entries)) + listed + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", start) + body + directory + extra


def short(*numbers: int) -> tuple[int, bytes]:
    return 3, struct.pack(f"<{len(numbers)}H", *numbers)


def tiff_edge_of_a_tile(shown: Pixels, hidden: Pixels) -> bytes:
    block = np.zeros((256, 256, 3), np.uint8)
    block[:HEIGHT, :WIDTH], block[HEIGHT : 2 * HEIGHT, :WIDTH] = shown, hidden
    return tiff(shown, {322: short(256), 323: short(256)}, [block.tobytes()], tiled=True)


def tiff_edge_of_a_packed_tile(shown: Pixels, hidden: Pixels) -> bytes:
    block = np.zeros((256, 256, 3), np.uint8)
    block[:HEIGHT, :WIDTH], block[HEIGHT : 2 * HEIGHT, :WIDTH] = shown, hidden
    tags = {322: short(256), 323: short(256), 259: short(8)}
    return tiff(shown, tags, [zlib.compress(block.tobytes())], tiled=True)


def tiff_strip_too_many(shown: Pixels, hidden: Pixels) -> bytes:
    return tiff(shown, {259: short(8)}, [zlib.compress(shown.tobytes()), zlib.compress(hidden.tobytes())])


def tiff_needed_tag(number: int) -> Callable[[Pixels, Pixels], bytes]:
    def build(shown: Pixels, hidden: Pixels) -> bytes:
        return tiff(shown, {number: (7, encoded("JPEG", hidden))}, [shown.tobytes()])

    return build


def tiff_tag_twice(shown: Pixels, hidden: Pixels) -> bytes:
    tags = {254: (4, b"\0\0\0\0"), (1 << 16) + 254: (7, encoded("JPEG", hidden))}
    return tiff(shown, tags, [shown.tobytes()])


def tiff_larger_jpeg(shown: Pixels, hidden: Pixels) -> bytes:
    strip = encoded("JPEG", np.vstack([shown, hidden]), quality=90)
    return tiff(shown, {259: short(7), 262: short(6)}, [strip])


def tiff_jpeg_comment(shown: Pixels, hidden: Pixels) -> bytes:
    strip, payload = encoded("JPEG", shown, quality=90), encoded("JPEG", hidden)
    strip = strip[:2] + b"\xff\xfe" + struct.pack(">H", len(payload) + 2) + payload + strip[2:]
    return tiff(shown, {259: short(7), 262: short(6)}, [strip])


def tiff_jpeg_tables(shown: Pixels, hidden: Pixels) -> bytes:
    payload = encoded("JPEG", hidden)
    tables = b"\xff\xd8\xff\xfe" + struct.pack(">H", len(payload) + 2) + payload + b"\xff\xd9"
    return tiff(shown, {259: short(7), 262: short(6), 347: (7, tables)}, [encoded("JPEG", shown, quality=90)])


def tiff_jpeg_after_its_end(shown: Pixels, hidden: Pixels) -> bytes:
    strip = encoded("JPEG", shown, quality=90) + encoded("JPEG", hidden)
    return tiff(shown, {259: short(7), 262: short(6)}, [strip])


def tiff_inks(shown: Pixels, hidden: Pixels) -> bytes:
    values = 255 - inks(shown, hidden)
    return tiff(values, {262: short(5)}, [values.tobytes()])


def tiff_palette(shown: Pixels, hidden: Pixels) -> bytes:
    values, table = indices(shown, hidden)
    colours = (table.T.astype("<u2") * 257).tobytes()
    return tiff(values, {262: short(3), 320: (3, colours)}, [values.tobytes()])


def tiff_above_its_maximum(shown: Pixels, hidden: Pixels) -> bytes:
    """Values above the stated maximum all look white."""
    values = np.where(shown > 127, 128 + hidden // 2, shown // 2).astype(np.uint8)
    return tiff(values, {281: short(127)}, [values.tobytes()])


# --- WebP -------------------------------------------------------------------------------------------------------------


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(k + struct.pack("<I", len(c)) + c + b"\0" * (len(c) % 2) for k, c in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 12
    while at + 8 <= len(data):
        size = struct.unpack_from("<I", data, at + 4)[0]
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def webp_trailing(lossless: bool) -> Callable[[Pixels, Pixels], bytes]:
    def build(shown: Pixels, hidden: Pixels) -> bytes:
        ((kind, content),) = webp_chunks(encoded("WEBP", shown, lossless=lossless, quality=80))
        return riff((kind, content + encoded("WEBP", hidden)[12:][::-1]))  # no signature gives it away

    return build


def webp_trailing_of_the_modes(shown: Pixels, hidden: Pixels) -> bytes:
    """Behind the first partition, which says its own size."""
    ((kind, content),) = webp_chunks(encoded("WEBP", shown, quality=80))
    tag = int.from_bytes(content[:3], "little")
    size, payload = tag >> 5, encoded("JPEG", hidden)[:5000]
    tag = (tag & 31) | (size + len(payload)) << 5
    return riff((kind, tag.to_bytes(3, "little") + content[3 : 10 + size] + payload + content[10 + size :]))


def webp_alpha_unannounced(shown: Pixels, hidden: Pixels) -> bytes:
    whole = webp_chunks(encoded("WEBP", np.dstack([shown, grey(hidden)]), "RGBA", quality=80))
    kept = [(k, bytes([c[0] & ~0x10]) + c[1:] if k == b"VP8X" else c) for k, c in whole]
    return riff(*kept)


# --- PNM --------------------------------------------------------------------------------------------------------------


def ppm_plain_trailing(shown: Pixels, hidden: Pixels) -> bytes:
    words = [*shown.ravel().tolist(), *hidden.ravel().tolist()]
    return b"P3\n%d %d\n255\n" % (WIDTH, HEIGHT) + b"\n".join(b"%d" % word for word in words) + b"\n"


def ppm_plain_long_words(shown: Pixels, hidden: Pixels) -> bytes:
    pairs = zip(shown.ravel().tolist(), (hidden.ravel() >> 4).tolist(), strict=True)
    return b"P3\n%d %d\n255\n" % (WIDTH, HEIGHT) + b"\n".join(b"0" * zeros + b"%d" % v for v, zeros in pairs) + b"\n"


# --- JPEG 2000 --------------------------------------------------------------------------------------------------------


def jp2(pixels: Pixels) -> bytes:
    return encoded("JPEG2000", pixels, irreversible=False)


def jp2_comment(shown: Pixels, hidden: Pixels) -> bytes:
    data, payload = jp2(shown), encoded("JPEG", hidden)
    start = data.index(b"\xff\x4f\xff\x51")
    first = start + 4 + int.from_bytes(data[start + 4 : start + 6], "big")
    comment = b"\xff\x64" + struct.pack(">H", len(payload) + 4) + b"\0\0" + payload
    return grown(data[:first] + comment + data[first:], start - 8, len(comment))


def grown(data: bytes, box: int, by: int) -> bytes:
    size = int.from_bytes(data[box : box + 4], "big")
    return data if size == 0 else data[:box] + struct.pack(">I", size + by) + data[box + 4 :]


def jp2_header_box(shown: Pixels, hidden: Pixels) -> bytes:
    data, payload = jp2(shown), encoded("JPEG", hidden)
    box = data.index(b"jp2h") - 4
    stop = box + int.from_bytes(data[box : box + 4], "big")
    inner = struct.pack(">I", len(payload) + 8) + b"uuid" + payload
    return grown(data[:stop] + inner + data[stop:], box, len(inner))


def jp2_second_stream(shown: Pixels, hidden: Pixels) -> bytes:
    data, other = jp2(shown), jp2(hidden)
    box, second = data.index(b"jp2c") - 4, other.index(b"jp2c") - 4
    stream = data[box + 8 :]
    return data[:box] + struct.pack(">I", len(stream) + 8) + b"jp2c" + stream + other[second:]


def jp2_in_a_tile(shown: Pixels, hidden: Pixels) -> bytes:
    data, payload = jp2(shown), encoded("JPEG", hidden)
    tile = data.index(b"\xff\x90")
    size = int.from_bytes(data[tile + 6 : tile + 10], "big")
    stop = tile + size if size else len(data) - 2
    out = data[:stop] + payload + data[stop:]
    if size:
        out = out[: tile + 6] + struct.pack(">I", size + len(payload)) + out[tile + 10 :]
    return grown(out, data.index(b"jp2c") - 4, len(payload))


# --- AVIF -------------------------------------------------------------------------------------------------------------


def avif_in_mdat(shown: Pixels, hidden: Pixels) -> bytes:
    data, payload = encoded("AVIF", shown, quality=80), encoded("JPEG", hidden)
    box = data.index(b"mdat") - 4
    return grown(data + payload, box, len(payload))


def avif_box_in_meta(shown: Pixels, hidden: Pixels) -> bytes:
    """A box at the end of `meta`; offsets behind it move."""
    data, payload = encoded("AVIF", shown, quality=80), encoded("JPEG", hidden)
    box = data.index(b"meta") - 4
    stop = box + int.from_bytes(data[box : box + 4], "big")
    inner = struct.pack(">I", len(payload) + 8) + b"uuid" + payload
    out = bytearray(grown(data[:stop] + inner + data[stop:], box, len(inner)))
    moved = data.index(b"mdat") + 4
    place = data.index(struct.pack(">I", moved), data.index(b"iloc"))
    out[place : place + 4] = struct.pack(">I", moved + len(inner))
    return bytes(out)


CARRIERS: dict[str, Callable[[Pixels, Pixels], bytes]] = {
    name: build
    for name, build in list(globals().items())
    if name.startswith(("jpeg_", "progressive_", "gif_", "bmp_", "tiff_", "webp_", "ppm_", "jp2_", "avif_"))
    and name not in ("tiff_needed_tag", "webp_trailing", "webp_chunks")
}
CARRIERS |= {f"palette of a {kind}": paletted(kind) for kind in ("PNG", "GIF", "BMP")}
CARRIERS |= {f"tag {number} of a TIFF": tiff_needed_tag(number) for number in (255, 292, 297, 301, 318, 320, 529, 532)}
CARRIERS |= {
    f"trailing_bytes of a {'lossless' if kind else 'lossy'} WebP": webp_trailing(kind) for kind in (False, True)
}
