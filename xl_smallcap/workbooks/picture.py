"""A printed page as a picture: for a chat, a slide or a document."""

from __future__ import annotations

import struct
import zlib

DOTS = 150
"""Dots an inch: A4 landscape is then 1,754 points wide, legible on a slide."""


def png(pdf: bytes, page: int = 0, dots: int = DOTS) -> bytes:
    """Draw one page of a PDF.

    Parameters
    ----------
    pdf : bytes
        The document.
    page : int
        Which page, from zero.
    dots : int
        Dots an inch.

    Returns
    -------
    bytes
        A PNG of 8 bits a channel; the same page gives the same bytes.
    """
    import numpy as np
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        drawn = document[page].render(scale=dots / 72.0, rev_byteorder=True, force_bitmap_format=_BGR)
        pixels = np.ascontiguousarray(drawn.to_numpy()[:, :, :3])
    finally:
        document.close()
    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + 3 * width), np.uint8)  # a line begins with its filter: none
    lines[:, 1:] = pixels.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(kind, data) for kind, data in parts)


_BGR = 2
"""FPDFBitmap_BGR: three bytes a point; with the order reversed they are red, green, blue."""


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
