"""The native charts of the workbook."""

from __future__ import annotations

from typing import Any

from xl_smallcap.workbooks.styles import BLUE, GREY, HEAD_FILL, INK, ORANGE


def bar_chart(book: Any, first: int, last: int) -> Any:
    """Bars of the betas with their 90 % intervals.

    Parameters
    ----------
    book : xlsxwriter.Workbook
        The workbook.
    first, last : int
        Rows of the sheet Betas, from zero: factor in A, beta in B, half-width in C, ends in D and E.

    Returns
    -------
    xlsxwriter.chart.Chart
    """
    chart = book.add_chart({"type": "bar"})
    half = f"=Betas!$C${first + 1}:$C${last + 1}"
    chart.add_series(
        {
            "name": "beta",
            "categories": ["Betas", first, 0, last, 0],
            "values": ["Betas", first, 1, last, 1],
            "fill": {"color": BLUE},
            "gap": 60,
            "overlap": 100,
            "y_error_bars": {
                "type": "custom",
                "plus_values": half,
                "minus_values": half,
                "line": {"color": INK, "width": 1.25},
            },
        }
    )
    for column in (3, 4):  # unseen bars to the ends of the intervals, so that the axis reaches them
        chart.add_series(
            {"values": ["Betas", first, column, last, column], "fill": {"none": True}, "line": {"none": True}}
        )
    chart.set_title({"name": "Beta with 90 % interval, % per +1 sd", "name_font": {"size": 11}, "overlay": False})
    chart.set_legend({"none": True})
    chart.set_y_axis({"reverse": True, "label_position": "low", "line": {"color": GREY}})
    chart.set_x_axis({"num_format": "+0.0;-0.0;0", "major_gridlines": {"visible": True, "line": {"color": HEAD_FILL}}})
    chart.set_size({"width": 500, "height": 300})
    return chart


def history_chart(book: Any, sheet: str, rows: int) -> Any:
    """Line of a rolling beta between the ends of its 90 % interval.

    Parameters
    ----------
    book : xlsxwriter.Workbook
        The workbook.
    sheet : str
        The sheet with date, beta, lower, upper in A to D under a header.
    rows : int
        Number of dates.

    Returns
    -------
    xlsxwriter.chart.Chart
    """
    chart = book.add_chart({"type": "line"})
    for column, name, colour, width, dash in (
        (1, "beta to inflation", BLUE, 2.0, "solid"),
        (2, "90 % interval", ORANGE, 0.75, "dash"),
        (3, "", ORANGE, 0.75, "dash"),
    ):
        chart.add_series(
            {
                "name": name,
                "categories": [sheet, 1, 0, rows, 0],
                "values": [sheet, 1, column, rows, column],
                "line": {"color": colour, "width": width, "dash_type": dash},
            }
        )
    chart.set_title({"name": "Beta to inflation at month ends, % per +1 sd", "name_font": {"size": 11}})
    chart.set_legend({"position": "bottom", "delete_series": [2]})
    chart.set_x_axis(
        {
            "date_axis": True,
            "num_format": "mmm yy",
            "major_unit": 12,
            "major_unit_type": "months",
            "label_position": "low",
        }
    )
    chart.set_y_axis({"num_format": "+0.0;-0.0;0", "major_gridlines": {"visible": True, "line": {"color": HEAD_FILL}}})
    chart.set_size({"width": 500, "height": 300})
    return chart
