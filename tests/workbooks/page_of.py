"""What a printed page shows, measured from its PDF: words, sizes, colours, and what a cell's edge cuts off."""

from __future__ import annotations

import ctypes
from collections import Counter
from dataclasses import dataclass
from typing import Any

import openpyxl
import pypdfium2
from pypdfium2 import raw


@dataclass(frozen=True)
class Character:
    """One character: what, how large (points), its contrast against what lies behind it, where (points)."""

    text: str
    size: float
    contrast: float
    left: float
    right: float


@dataclass(frozen=True)
class Printed:
    """A page: its size in points, its words, its characters."""

    pages: int
    width: float
    height: float
    words: list[str]
    characters: list[Character]
    filled_to: float
    """How far down the page something is drawn, as a share of its height; the foot of the sheet does not count."""

    def extent(self, text: str) -> tuple[float, float]:
        """Where a text begins and ends across the page, points; where it stands narrowest, if more than once."""
        plain = "".join(text.split())
        letters = [c for c in self.characters if c.text.strip()]
        whole, ends = "".join(c.text for c in letters), list[tuple[float, float]]()
        at = whole.find(plain)
        while at >= 0:
            found = letters[at : at + len(plain)]
            ends.append((min(c.left for c in found), max(c.right for c in found)))
            at = whole.find(plain, at + 1)
        assert ends, f"not on the page: {text}"
        return min(ends, key=lambda end: end[1] - end[0])


def _luminance(colour: tuple[int, ...]) -> float:
    """WCAG 2.1, relative luminance."""
    parts = [c / 255.0 for c in colour[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, ...], two: tuple[int, ...]) -> float:
    """WCAG 2.1, contrast of two colours."""
    light, dark = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


_SCALE = 3.0


_FOOT = 0.93


def printed(pdf: bytes, number: int = 0) -> Printed:
    """Measure one page."""
    document = pypdfium2.PdfDocument(pdf)
    page = document[number]
    text = page.get_textpage()
    width, height = page.get_size()
    pixels = page.render(scale=_SCALE, rev_byteorder=True).to_numpy()
    characters = []
    for i in range(text.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(text.raw, i))
        if not letter.strip():
            continue
        matrix = raw.FS_MATRIX()
        raw.FPDFText_GetMatrix(text.raw, i, matrix)
        size = raw.FPDFText_GetFontSize(text.raw, i) * matrix.d
        colours = [ctypes.c_uint() for _ in range(4)]
        raw.FPDFText_GetFillColor(text.raw, i, *colours)
        ink = tuple(c.value for c in colours[:3])
        left, bottom, right, top = text.get_charbox(i, loose=True)
        box = pixels[
            int((height - top) * _SCALE) : int((height - bottom) * _SCALE) + 1,
            int(left * _SCALE) : int(right * _SCALE) + 1,
        ]
        behind = Counter(tuple(int(v) for v in point[:3]) for row in box for point in row if tuple(point[:3]) != ink)
        paper = behind.most_common(1)[0][0] if behind else (255, 255, 255)
        characters.append(Character(letter, size, contrast(ink, paper), left, right))
    words = text.get_text_range().split()
    drawn = (pixels[: int(_FOOT * len(pixels)), :, :3] < 250).any(axis=(1, 2)).nonzero()[0]
    filled = float(drawn[-1] / len(pixels)) if len(drawn) else 0.0
    made = Printed(len(document), width, height, words, characters, filled)
    document.close()
    return made


def blocks(book: Any, sheet: str) -> dict[str, tuple[int, int, int, int, Any]]:
    """Merged blocks of a sheet by their first cell: rows and columns from one, and what the cell shows."""
    page = openpyxl.load_workbook(book, data_only=True)[sheet]
    made = {}
    for area in page.merged_cells.ranges:
        cell = page.cell(area.min_row, area.min_col)
        made[cell.coordinate] = (area.min_row, area.min_col, area.max_row, area.max_col, cell.value)
    return made
