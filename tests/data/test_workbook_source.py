"""A sheet or a range of a workbook read as a source."""

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook.defined_name import DefinedName

from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, SourceError

ROWS: list[list[Any]] = [
    ["Short interest and prices, desk's own", None, None, None],
    [None, None, None, None],
    ["Date", "SHORT_INTEREST", "rut", "note"],
    [dt.datetime(2025, 12, 29), 5.5, 2500, None],
    [dt.datetime(2025, 12, 30), 5.25, "#N/A", None],
    [dt.date(2025, 12, 31), None, 2510.25, None],
]


def book(path: Path, rows: list[list[Any]] = ROWS, sheet: str = "Data") -> Path:
    made = openpyxl.Workbook()
    made.active.title = "Cover"
    made.active["A1"] = "nothing here"
    data = made.create_sheet(sheet)
    for row in rows:
        data.append(row)
    made.defined_names["desk_data"] = DefinedName("desk_data", attr_text=f"'{sheet}'!$A$3:$C$6")
    made.save(path)
    return path


def read(path: Path, **more: Any) -> Any:
    store = Store(path.parent / "store")
    return load(store, str(path), lambda *_: None, **more).snapshot


def test_a_range_and_a_name(tmp_path: Path) -> None:
    path = book(tmp_path / "desk.xlsx")
    for more in ({"sheet": "data", "area": "$A$3:$C$6"}, {"area": "DESK_DATA"}):
        made = read(path, **more)
        assert made.ids == ("RUT", "SHORT_INTEREST"), "RUT in the catalogue's spelling"
        assert made.series("SHORT_INTEREST").values.tolist() == [5.5, 5.25]
        assert [str(d) for d in made.series("RUT").dates] == ["2025-12-29", "2025-12-31"]
        assert made.entries["RUT"].source == "workbook"
        assert made.entries["RUT"].origin == "desk.xlsx!Data"


def test_a_whole_sheet_and_one_series_named_by_it(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["date", "value", "available_at"],
        ["2025-11-30", 1.5, "2025-12-18T08:30"],
        ["2025-12-31", 2, None],
    ]
    made = read(book(tmp_path / "x.xlsm", rows, "PE_RATIO"), sheet="PE_RATIO")
    assert made.ids == ("PE_RATIO",)
    assert str(made.series("PE_RATIO").available_at[0]) == "2025-12-18T08:30"


@pytest.mark.parametrize(
    ("change", "more", "says"),
    [
        ((4, 2, "high"), {"area": "A3:C6"}, r"desk.xlsx!Data, line 4, column 'SHORT_INTEREST': 'high' is not a number"),
        ((4, 1, "soon"), {"area": "A3:C6"}, r"line 4, column 'Date': 'soon' is not a date"),
        ((4, 2, True), {"area": "A3:C6"}, r"cell B4: TRUE or FALSE is not a number"),
        ((3, 3, "SHORT_INTEREST"), {"area": "A3:C6"}, r"row 3: column 'SHORT_INTEREST' is there twice"),
        ((3, 3, None), {"area": "A3:C6"}, r"row 3: column 3 has values but no name"),
        ((4, 1, dt.date(2999, 1, 1)), {"area": "A3:C6"}, r"2999-01-01 is after today"),
        (None, {}, r"row 1: column 2 has values but no name; where is the table"),
        (None, {"sheet": "Dta"}, r"Unknown sheet 'Dta'. Did you mean 'Data'\?"),
        (None, {"area": "desk_dat"}, r"'desk_dat' is neither a range .* Did you mean 'desk_data'\?"),
        (None, {"area": "Cover!A1:B2"}, r"sheet 'Cover', but --sheet says 'Data'"),
        (None, {"sheet": "Cover", "area": "desk_data"}, r"the name is on sheet 'Data', but --sheet says 'Cover'"),
        (None, {"sheet": "Data", "area": "F1:G9"}, r"desk.xlsx!Data is empty"),
    ],
)
def test_what_cannot_be_read_names_its_place(tmp_path: Path, change: Any, more: dict[str, str], says: str) -> None:
    path = book(tmp_path / "desk.xlsx")
    if change:
        opened = openpyxl.load_workbook(path)
        opened["Data"].cell(*change[:2]).value = change[2]
        opened.save(path)
    with pytest.raises(SourceError, match=says):
        read(path, **({"sheet": "Data"} | more))
    assert Store(tmp_path / "store").current() is None


def test_what_is_no_workbook(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no workbook"):
        read(tmp_path / "none.xlsx")
    (tmp_path / "broken.xlsx").write_bytes(b"PK nonsense")
    with pytest.raises(SourceError, match="not a whole .xlsx or .xlsm workbook"):
        read(tmp_path / "broken.xlsx")
    with pytest.raises(BadArgumentError, match="are for a workbook"):
        load(Store(tmp_path / "store"), str(tmp_path), lambda *_: None, sheet="Data")
