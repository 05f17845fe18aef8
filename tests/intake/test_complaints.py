"""Files after public complaints about similar tools, and what comes of them; docs/data-sources.md has the list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.intake.desk import Desk, Rows, one, rows_of, write

LATER = ["2025-12-01", "2025-12-02", "2025-12-03", "2025-12-04"]


def newer(desk: Desk, name: str = "RUT") -> Rows:
    last = desk.last(name)[1]
    return [(d, round(last * (1 + 0.002 * k), 2)) for k, d in enumerate(LATER)]


def text(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content, encoding="utf-8")
    return folder


REFUSED: dict[str, tuple[str, str, Callable[[str, float], str], str]] = {
    "brackets for minus (buckets/application 740)": (
        "NFCI.csv", "date,value\n", lambda d, _: f"{d},(0.53)\n", "line 2, column 'value': '(0.53)' is not a number",
    ),
    "a gap as thousands (moneymanagerex 2785)": (
        "RUT.csv", "date,value\n", lambda d, v: f"{d},2\u202f{v % 1000:.2f}\n", "is not a number",
    ),
    "dates as day numbers (tidyverse/readxl 263)": (
        "RUT.csv", "date,value\n", lambda d, v: f"{45991 + int(d[8:])},{v}\n", "looks like Excel's number of a day",
    ),
    "thousands without quotes (portfolio 5887)": (
        "RUT.csv", "date,value\n", lambda d, v: f"{d},{v:,.2f}\n", "3 cells where the header has 2",
    ),
    "thousands between tabs (helsome/folio 123)": (
        "RUT.csv", "date\tvalue\n", lambda d, v: f"{d}\t{v:,.2f}\n", "thousands separators are not read",
    ),
    "saved again by a spreadsheet (submersion 2152)": (
        "RUT.csv", "date,value\n", lambda d, v: f"{d[8:]}-Dec-25,{v}\n", "'01-Dec-25' is not a date",
    ),
    "one column in two orders (lumina-finance 144)": (
        "RUT.csv", "date,value\n",
        lambda d, v: f"{d[8:]}/12/2025,{v}\n" + (f"14/11/2025,{v}\n11/13/2025,{v}\n" if d == LATER[-1] else ""),
        "both orders occur",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_with_the_line_and_nothing_changed(desk: Desk, tmp_path: Path, name: str) -> None:
    file, head, row, said = REFUSED[name]
    used = desk.snapshot.fingerprint
    folder = text(tmp_path / "a", file, head + "".join(row(d, v) for d, v in newer(desk)))
    assert desk.add(folder) == 1
    assert said in desk.said
    assert file in desk.said
    assert desk.snapshot.fingerprint == used


def test_the_last_day_in_two_rows(desk: Desk, tmp_path: Path) -> None:
    """The close, and the trade of the evening (ranaroussi/yfinance 1070)."""
    rows = newer(desk)
    stamped = [(f"{d} 00:00:00-05:00", v) for d, v in rows] + [("2025-12-04 16:03:00-05:00", rows[-1][1] + 3)]
    assert desk.add(one(tmp_path / "a", "RUT", stamped)) == 1
    assert "line 6" in desk.said
    twice = [*rows, (rows[-1][0], rows[-1][1] + 3)]
    assert desk.add(one(tmp_path / "b", "RUT", twice)) == 1
    assert "2025-12-04 is there already in line 5" in desk.said


def test_points_as_thousands(desk: Desk, tmp_path: Path) -> None:
    """2.350 for 2350 (actualbudget/actual 2374)."""
    before = desk.last("RUT")
    assert desk.add(one(tmp_path / "a", "RUT", [(d, f"{v / 1000:.3f}") for d, v in newer(desk)])) == 1
    assert "a factor near 1000" in desk.said
    assert desk.last("RUT") == before


def test_a_block_a_thousand_times_too_large(desk: Desk, tmp_path: Path) -> None:
    """A month in the currency's thousandth (ranaroussi/yfinance 1937, 2924)."""
    rows = [(d, round(v * (1000 if "2025-09" in d else 1), 2)) for d, v in rows_of("RUT")]
    before = desk.snapshot.fingerprint
    assert desk.add(one(tmp_path / "a", "RUT", rows)) == 1
    assert "a factor near 1000 (2 such steps in all)" in desk.said
    assert desk.snapshot.fingerprint == before


def test_three_rows_of_headers(desk: Desk, tmp_path: Path) -> None:
    """What yfinance's download().to_csv() writes since its columns have two levels."""
    rut, gspc = newer(desk), newer(desk, "GSPC")
    head = "Price,Close,Close,High,High,Volume,Volume\nTicker,^GSPC,^RUT,^GSPC,^RUT,^GSPC,^RUT\nDate,,,,,,\n"
    body = "".join(f"{d},{g},{r},{g + 1},{r + 1},9,9\n" for (d, r), (_, g) in zip(rut, gspc, strict=True))
    assert desk.add(text(tmp_path / "a", "prices.csv", head + body)) == 0, desk.said
    assert desk.last("RUT") == rut[-1]
    assert desk.last("GSPC") == gspc[-1]
    assert "auto_adjust" not in desk.said


def test_an_adjusted_close_beside_the_close_and_alone(desk: Desk, tmp_path: Path) -> None:
    """Close means two things by a default of yfinance that changed; the words tell which is taken."""
    rows = newer(desk, "XLU_ADJ")
    both = "Price,Adj Close,Close\nTicker,XLU,XLU\nDate,,\n" + "".join(f"{d},{v},{v + 1}\n" for d, v in rows)
    assert desk.add(text(tmp_path / "a", "xlu.csv", both)) == 0, desk.said
    assert desk.last("XLU_ADJ") == rows[-1]
    assert desk.last("XLU")[1] == rows[-1][1] + 1
    alone = "Price,Close\nTicker,XLU\nDate,\n" + "".join(f"{d},{v}\n" for d, v in rows)
    assert desk.add(text(tmp_path / "b", "xlu.csv", alone)) == 0, desk.said
    assert "yfinance adjusts 'Close' unless it is told auto_adjust=False; if so, name the column XLU_ADJ" in desk.said


def test_a_site_s_history_with_quotes_and_words(desk: Desk, tmp_path: Path) -> None:
    """investing.com's download: quoted thousands and American dates, a Price for a Close."""
    head = ["Date", "Price", "Open", "High", "Low", "Vol.", "Change %"]
    rows = [[f"{d[5:7]}/{d[8:]}/2025", f"{v:,.2f}", v, v, v, "", "0.1%"] for d, v in newer(desk)]
    place = write(tmp_path / "a" / "RUT Historical Data.csv", head, [["11/28/2025", *rows[0][1:]], *rows]).parent
    assert desk.add(place) == 1
    assert "thousands separators are not read" in desk.said
    plain = [[r[0], r[2], *r[2:]] for r in rows]
    place = write(tmp_path / "b" / "RUT Historical Data.csv", head, [["11/28/2025", *plain[0][1:]], *plain]).parent
    assert desk.add(place) == 0, desk.said
    assert desk.last("RUT")[0] == LATER[-1]


def test_excels_hint_of_the_separator(desk: Desk, tmp_path: Path) -> None:
    body = "sep=;\ndate;value\n" + "".join(f"{d};{v}\n" for d, v in newer(desk))
    assert desk.add(text(tmp_path / "a", "RUT.csv", body)) == 0, desk.said
    assert desk.last("RUT")[0] == LATER[-1]


def test_a_note_below_the_table(desk: Desk, tmp_path: Path) -> None:
    body = "date,value\n" + "".join(f"{d},{v}\n" for d, v in newer(desk)) + "\nSource: the desk\n"
    assert desk.add(text(tmp_path / "a", "RUT.csv", body)) == 1
    assert "line 7: 1 cell where the header has 2" in desk.said
    assert "is it a note below?" in desk.said
