"""The native charts: every series is a range of cells, so that charts follow the cells."""

from __future__ import annotations

from typing import Any

from xl_smallcap.workbooks.styles import BLUE, FONT, GREY, HEAD_FILL, INK, ORANGE, SKY
from xl_smallcap.xlsx.references import address

_COLOURS = {"blue": BLUE, "orange": ORANGE, "ink": INK, "grey": GREY, "sky": SKY}
Size = tuple[int, int]
_SMALL: dict[str, Any] = {"size": 9, "name": FONT}
_PAGE: dict[str, Any] = {"size": 8, "name": FONT}
"""On the page, whose size on paper is its own."""
_TITLE: dict[str, Any] = {"size": 10.5, "bold": True, "name": FONT}


def _titled(chart: Any, title: str, size: Size, legend: bool = True) -> Any:
    chart.set_title({"name": title, "name_font": _TITLE, "overlay": False})
    chart.set_legend({"position": "bottom", "font": _SMALL} if legend else {"none": True})
    chart.set_size({"width": size[0], "height": size[1]})
    chart.set_chartarea({"border": {"none": True}})
    return chart


def _grid() -> dict[str, Any]:
    return {"visible": True, "line": {"color": HEAD_FILL}}


def _dates(
    chart: Any, form: str = "mmm yy", every: int = 12, of: str = "months", font: dict[str, Any] = _SMALL
) -> None:
    chart.set_x_axis(
        {"date_axis": True, "num_format": form, "major_unit": every, "major_unit_type": of,
         "label_position": "low", "num_font": font}
    )  # fmt: skip


def bars(
    sheet: str, first: int, last: int, book: Any, column: int = 0, title: str = "", size: Size = (500, 300)
) -> Any:
    """Bars of betas with their 90 % intervals."""
    chart = book.add_chart({"type": "bar"})
    quoted = f"'{sheet}'"
    half = f"={quoted}!{address(first, column + 2, True)}:{address(last, column + 2, True)}"
    chart.add_series(
        {
            "name": "beta",
            "categories": [sheet, first, column, last, column],
            "values": [sheet, first, column + 1, last, column + 1],
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
    for end in (3, 4):  # unseen bars to the ends of the intervals, so that the axis reaches them
        chart.add_series(
            {"values": [sheet, first, column + end, last, column + end], "fill": {"none": True}, "line": {"none": True}}
        )
    _titled(chart, title or "Beta with 90 % interval, % per +1 sd", size, legend=False)
    axis = {"reverse": True, "label_position": "low", "line": {"color": GREY}, "num_font": _SMALL, "crossing": "max"}
    chart.set_y_axis(axis)
    chart.set_x_axis({"num_format": "+0.0;-0.0;0", "major_gridlines": _grid(), "num_font": _SMALL})
    return chart


def plain_line(book: Any, sheet: str, first: int, last: int, column: int, size: Size) -> Any:
    """One line over the days of about a year; the page has its title."""
    chart = book.add_chart({"type": "line"})
    chart.add_series(
        {
            "categories": [sheet, first, column, last, column],
            "values": [sheet, first, column + 1, last, column + 1],
            "line": {"color": INK, "width": 2.0},
        }
    )
    _untitled(chart, size, legend=False)
    _dates(chart, "mmm", 3, font=_PAGE)
    chart.set_y_axis({"num_format": "+0;-0;0", "major_gridlines": _grid(), "num_font": _PAGE, "line": {"none": True}})
    return chart


def paired_bars(book: Any, sheet: str, first: int, last: int, column: int, size: Size) -> Any:
    """Bars with intervals, two a factor: the frequency that leads, strong where it is clear, and the other beside it.

    Columns: label; leading and clear; leading, not clear; the other; half of the interval; its ends.
    """
    chart = book.add_chart({"type": "bar"})
    half = f"='{sheet}'!{address(first, column + 4, True)}:{address(last, column + 4, True)}"
    looks = (("weeks, clear", BLUE), ("weeks, not clear", "#A9CDE4"), ("days", HEAD_FILL))
    for k, (name, colour) in enumerate(looks, 1):
        chart.add_series(
            {
                "name": name,
                "categories": [sheet, first, column, last, column],
                "values": [sheet, first, column + k, last, column + k],
                "fill": {"color": colour},
                "line": {"color": INK, "width": 0.25},
                "gap": 25,
                "overlap": 100,
                "y_error_bars": {
                    "type": "custom", "plus_values": half, "minus_values": half,
                    "line": {"color": INK, "width": 1.25},
                },
            }
        )  # fmt: skip
    for end in (5, 6):  # unseen bars to the ends of the intervals, so that the axis reaches them
        chart.add_series(
            {"values": [sheet, first, column + end, last, column + end], "fill": {"none": True}, "line": {"none": True}}
        )
    _untitled(chart, size, legend=False)
    chart.set_y_axis({"reverse": True, "label_position": "low", "line": {"color": GREY}, "num_font": _PAGE,
                      "interval_unit": 1, "major_tick_mark": "none", "crossing": "max"})  # fmt: skip
    chart.set_x_axis({"num_format": "+0.0;-0.0;0", "major_gridlines": _grid(), "num_font": _PAGE})
    return chart


def _untitled(chart: Any, size: Size, legend: bool = True) -> Any:
    chart.set_title({"none": True})
    chart.set_legend({"position": "bottom", "font": _PAGE} if legend else {"none": True})
    chart.set_size({"width": size[0], "height": size[1]})
    chart.set_chartarea({"border": {"none": True}})
    return chart


def band(book: Any, sheet: str, head: int, last: int, size: Size = (500, 300)) -> Any:
    """Line of a rolling beta between the ends of its 90 % interval."""
    chart = book.add_chart({"type": "line"})
    for column, name, colour, width, dash in (
        (1, "beta", BLUE, 2.0, "solid"),
        (2, "90 % interval", ORANGE, 0.75, "dash"),
        (3, "", ORANGE, 0.75, "dash"),
    ):
        chart.add_series(
            {
                "name": name,
                "categories": [sheet, head + 1, 0, last, 0],
                "values": [sheet, head + 1, column, last, column],
                "line": {"color": colour, "width": width, "dash_type": dash},
            }
        )
    _titled(chart, "Beta at month ends, % per +1 sd, 90 % interval", size)
    chart.set_title({"name": f"={sheet}!$A${head}", "name_font": _TITLE, "overlay": False})
    chart.set_legend({"position": "bottom", "delete_series": [2], "font": _SMALL})
    _dates(chart)
    chart.set_y_axis({"num_format": "+0.0;-0.0;0", "major_gridlines": _grid(), "num_font": _SMALL})
    return chart


def lines(
    book: Any,
    sheet: str,
    first: int,
    last: int,
    dates: int,
    series: tuple[tuple[int, str, str], ...],
    title: str,
    size: Size,
    form: str = "General",
    years: int = 0,
) -> Any:
    """Lines over dates, labelled every year or so many years."""
    chart = book.add_chart({"type": "line"})
    dashes = ("solid", "dash", "round_dot")
    for k, (column, name, colour) in enumerate(series):
        chart.add_series(
            {
                "name": name,
                "categories": [sheet, first, dates, last, dates],
                "values": [sheet, first, column, last, column],
                "line": {"color": _COLOURS[colour], "width": 1.75, "dash_type": dashes[k % 3]},
            }
        )
    _titled(chart, title, size, legend=len(series) > 1)
    chart.show_blanks_as("span")  # else a day without a value is drawn as zero
    _dates(chart, "yyyy", years, "years") if years else _dates(chart)
    chart.set_y_axis({"num_format": form, "major_gridlines": _grid(), "num_font": _SMALL})
    return chart


def areas(
    book: Any, sheet: str, head: int, last: int, dates: int, columns: tuple[int, ...], title: str, size: Size
) -> Any:
    """Stacked areas of the regimes' probabilities."""
    chart = book.add_chart({"type": "area", "subtype": "percent_stacked"})
    looks = ({"color": BLUE}, {"color": "#E69F00"}, {"color": "#D9DDE2"})
    for column, name, fill in zip(columns, ("goldilocks", "reflation", "slowdown"), looks, strict=False):
        chart.add_series(
            {
                "name": name,
                "categories": [sheet, head + 1, dates, last, dates],
                "values": [sheet, head + 1, column, last, column],
                "fill": fill,
                "line": {"color": INK, "width": 0.25},
            }
        )
    _titled(chart, title, size)
    _dates(chart, "mmm yy", 24)  # of month ends "yyyy" alone reads a year early
    chart.set_y_axis({"num_format": "0%", "major_gridlines": _grid(), "num_font": _SMALL, "max": 1})
    return chart


def fan(
    book: Any, sheet: str, first: int, last: int, paths: tuple[tuple[int, str, str], ...], title: str, size: Size
) -> Any:
    """Fans of one or more paths: mean, quartiles and the 5 and 95 % ends over months."""
    chart = book.add_chart({"type": "line"})
    hidden, n = [], 0
    for column, name, colour in paths:
        looks = ((1, name, 2.25, "solid"), (2, "", 1.0, "dash"), (6, "", 1.0, "dash"), (3, "", 0.75, "round_dot"),
                 (5, "", 0.75, "round_dot"))  # fmt: skip
        for offset, label, width, dash in looks:
            if not label:
                hidden.append(n)
            chart.add_series(
                {
                    "name": label,
                    "categories": [sheet, first, column, last, column],
                    "values": [sheet, first, column + offset, last, column + offset],
                    "line": {"color": _COLOURS[colour], "width": width, "dash_type": dash},
                }
            )
            n += 1
    _titled(chart, title, size, legend=False)
    if len(paths) > 1:
        chart.set_legend({"position": "bottom", "delete_series": hidden, "font": _SMALL})
    chart.show_blanks_as("span")
    chart.set_x_axis(
        {
            "name": "months; dashed 5 and 95 %, dotted quartiles",
            "label_position": "low",
            "num_font": _SMALL,
            "name_font": _SMALL,
        }
    )
    chart.set_y_axis({"num_format": "+0;-0;0", "major_gridlines": _grid(), "num_font": _SMALL})
    return chart


def columns(book: Any, sheet: str, first: int, last: int, labels: int, values: int, title: str, size: Size) -> Any:
    """Plain columns."""
    chart = book.add_chart({"type": "column"})
    chart.add_series(
        {
            "categories": [sheet, first, labels, last, labels],
            "values": [sheet, first, values, last, values],
            "fill": {"color": BLUE},
            "gap": 60,
        }
    )
    _titled(chart, title, size, legend=False)
    chart.set_x_axis({"label_position": "low", "num_font": _SMALL})
    chart.set_y_axis({"num_format": "+0.0;-0.0;0", "major_gridlines": _grid(), "num_font": _SMALL})
    return chart


def waterfall(book: Any, sheet: str, first: int, last: int, column: int, title: str, size: Size) -> Any:
    """Waterfall from the helper columns of the sheet Attribution: stacked columns that may cross zero."""
    chart = book.add_chart({"type": "column", "subtype": "stacked"})
    looks = ((4, None), (8, None), (5, BLUE), (9, BLUE), (6, ORANGE), (10, ORANGE), (7, GREY), (11, GREY))
    for offset, colour in looks:
        chart.add_series(
            {
                "name": {BLUE: "adds", ORANGE: "takes away", GREY: "total"}.get(colour or "", ""),
                "categories": [sheet, first, column, last, column],
                "values": [sheet, first, column + offset, last, column + offset],
                "fill": {"color": colour} if colour else {"none": True},
                "line": {"none": True},
                "gap": 40,
            }
        )
    scale: dict[str, Any] = {"num_format": "+0.0;-0.0;0", "major_gridlines": _grid(), "num_font": _SMALL}
    if title:
        _titled(chart, title, size)
        chart.set_legend({"position": "bottom", "delete_series": [0, 1, 3, 5, 7], "font": _SMALL})
    else:  # numbers stand in the labels
        _untitled(chart, size, legend=False)
        scale |= {"num_font": _PAGE, "label_position": "none", "line": {"none": True}, "major_tick_mark": "none"}
    chart.set_x_axis({"label_position": "low", "num_font": _SMALL if title else _PAGE})
    chart.set_y_axis(scale)
    return chart
