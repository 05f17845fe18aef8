"""Cell styles: inputs, formulas and results look different, in colour and in grey print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INK, QUIET, LINE = "#1F2933", "#6B7280", "#9AA5B1"
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#7F7F7F"
"""Okabe and Ito (2008): told apart with any colour vision and, by lightness, in grey print."""
INPUT_FILL, HEAD_FILL = "#FFF4CC", "#E4E7EB"


@dataclass(frozen=True)
class Styles:
    """The formats of one workbook."""

    title: Any
    note: Any
    warning: Any
    label: Any
    input: Any
    input_date: Any
    head: Any
    text: Any
    number: Any
    pvalue: Any
    share: Any
    count: Any
    date: Any
    code: Any
    wrap: Any


def make_styles(book: Any) -> Styles:
    """Register the formats with a workbook.

    Parameters
    ----------
    book : xlsxwriter.Workbook
        The workbook.

    Returns
    -------
    Styles
    """
    base = {"font_name": "Calibri", "font_size": 10, "font_color": INK, "valign": "vcenter"}

    def add(**more: Any) -> Any:
        return book.add_format({**base, **more})

    return Styles(
        title=add(bold=True, font_size=16),
        note=add(font_color=QUIET, italic=True),
        warning=add(bold=True, font_color=ORANGE),
        label=add(font_color=QUIET, align="right"),
        input=add(bg_color=INPUT_FILL, border=1, border_color=LINE, bold=True, align="left", locked=False),
        input_date=add(
            bg_color=INPUT_FILL,
            border=1,
            border_color=LINE,
            bold=True,
            align="left",
            locked=False,
            num_format="yyyy-mm-dd",
        ),
        head=add(bold=True, bg_color=HEAD_FILL, bottom=1, bottom_color=LINE, text_wrap=True, align="center"),
        text=add(),
        number=add(num_format="+0.00;-0.00;0.00"),
        pvalue=add(num_format="0.000"),
        share=add(num_format="0%"),
        count=add(num_format="#,##0"),
        date=add(num_format="yyyy-mm-dd", align="left"),
        code=add(font_name="Consolas", font_color=BLUE),
        wrap=add(text_wrap=True, valign="top"),
    )
