import datetime as dt

import numpy as np
import pytest

from xl_smallcap.data.sources.folder import parse
from xl_smallcap.data.sources.tables import NotSeriesError
from xl_smallcap.errors import SourceError


def values(text: str | bytes, file: str = "own.csv") -> dict[str, dict[str, float]]:
    raw = text if isinstance(text, bytes) else text.encode()
    return {
        name: {str(d): float(v) for d, v in zip(data.dates, data.values, strict=True)}
        for name, data in parse(raw, file, dt.date(2026, 6, 30)).items()
    }


READ: dict[str, str | bytes] = {
    "wide": "date,A,B\n2025-01-02,1.5,2\n2025-01-03,,3\n",
    "bom": b"\xef\xbb\xbfdate,A,B\r\n2025-01-02,1.5,2\r\n2025-01-03,,3\r\n",
    "utf16": "date,A,B\n2025-01-02,1.5,2\n2025-01-03,,3\n".encode("utf-16"),
    "semicolons": "date;A;B\n2025-01-02;1.5;2\n2025-01-03;;3\n",
    "decimal commas": "Date;A;B\n2025-01-02;1,5;2\n2025-01-03;;3\n",
    "tabs": "date\tA\tB\n2025-01-02\t1.5\t2\n2025-01-03\t\t3\n",
    "old mac line ends": "date,A,B\r2025-01-02,1.5,2\r2025-01-03,,3\r",
    "fred's header and missing dot": "observation_date,A,B\n2025-01-02,1.5,2\n2025-01-03,.,3\n",
    "every spelling of missing": "date,A,B\n2025-01-02,1.5,2\n2025-01-03,#N/A,3\n2025-01-04,NaN,n/a\n",
    "unsorted": "date,A,B\n2025-01-03,,3\n2025-01-02,1.5,2\n",
    "slashes with the year first": "date,A,B\n2025/01/02,1.5,2\n2025/1/3,,3\n",
    "moments": "date,A,B\n2025-01-02 00:00:00,1.5,2\n2025-01-03T00:00:00,,3\n",
    "exponents and blank lines": "date,A,B\n2025-01-02,15e-1,2\n\n2025-01-03,,3\n,,\n",
    "empty columns at the right": "date,A,B,,\n2025-01-02,1.5,2,,\n2025-01-03,,3,,\n",
    "sep= line": "sep=;\ndate;A;B\n2025-01-02;1.5;2\n2025-01-03;;3\n",
    "quoted": '"date","A","B"\n"2025-01-02","1.5","2"\n"2025-01-03","","3"\n',
}


@pytest.mark.parametrize("name", READ)
def test_reads_what_is_unambiguous(name: str) -> None:
    assert values(READ[name]) == {"A": {"2025-01-02": 1.5}, "B": {"2025-01-02": 2.0, "2025-01-03": 3.0}}


def test_us_and_european_dates_are_read_when_the_file_proves_the_order() -> None:
    us = values("date,A\n12/24/2025,1\n1/2/2026,2\n")
    assert us == {"A": {"2025-12-24": 1.0, "2026-01-02": 2.0}}
    european = values("date;A\n24.12.2025;1\n02.01.2026;2\n")
    assert european == us


# file text, what the sentence must name
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "ambiguous dates": ("date,A\n01/02/2025,1\n01/03/2025,2\n", "line 2, column 'date'"),
    "both orders": ("date,A\n13/02/2025,1\n02/13/2025,2\n", "both orders occur"),
    "impossible date": ("date,A\n2025-02-30,1\n", "line 2, column 'date': '2025-02-30'"),
    "two-digit year": ("date,A\n12/24/25,1\n", "'12/24/25' is not a date"),
    "thousands": ('date,A\n2025-01-02,"1,234.5"\n', "line 2, column 'A': '1,234.5' is not a number (thousands"),
    "thousands or decimals": ("date;A\n2025-01-02;1,234\n", "may be thousands or decimals"),
    "points as thousands": ("date;A\n2025-01-02;998\n2025-01-03;1.002\n", "may be thousands or decimals"),
    "the same vintage twice": ("date,value,available_at\n2025-01-01,1,2025-02-01\n2025-01-01,2,2025-02-01\n", "line 2"),
    "known before its date": ("date,value,available_at\n2025-01-02,1,2025-01-01\n", "lies before its date"),
    "a slip in the year": ("date,A\n2205-01-02,1\n", "2205-01-02 is after today"),
    "no such year": ("date,A\n0001-01-01,1\n", "is before 1800-01-01"),
    "no moment": ("date,value,available_at\n2025-01-01,1,2025-13-45\n", "'2025-13-45' is not a moment"),
    "cut UTF-16": ("date,A\n2025-01-02,1\n".encode("utf-16")[:-1], "cut short"),
    "mixed decimals": ("date;A;B\n2025-01-02;1,5;2.5\n", "decimal comma but other cells have a decimal point"),
    "both signs in one cell": ("date;A\n2025-01-02;1.234,5\n", "'1.234,5' is not a number"),
    "text in a number": ("date,A\n2025-01-02,1\n2025-01-03,n.v.\n", "line 3, column 'A': 'n.v.'"),
    "percent": ("date,A\n2025-01-02,5%\n", "'5%' is not a number"),
    "infinity": ("date,A\n2025-01-02,1\n2025-01-03,1e999\n", "line 3, column 'A': '1e999'"),
    "duplicate date": (
        "date,A\n2025-01-02,1\n2025-01-02,1\n",
        "line 3, column 'date': 2025-01-02 is there already in line 2",
    ),
    "ragged": ("date,A,B\n2025-01-02,1\n", "line 2: 2 cells where the header has 3"),
    "duplicate column": ("date,A,a\n2025-01-02,1,2\n", "column 'a' is there twice"),
    "nameless column": ("date,,B\n2025-01-02,1,2\n", "column 2 has no name"),
    "latin-1": (b"date,A\n2025-01-02,\xe9\n", "line 2: the text is not UTF-8"),
    "mixed delimiters": ("date,A;B\n2025-01-02,1;2\n", "use one delimiter"),
    "open quote": ('date,A\n2025-01-02,"1\n', "line"),
    "no rows": ("date,A\n", "no rows"),
    "value with others": ("date,value,B\n2025-01-02,1,2\n", "holds one series"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_the_rest_naming_file_line_and_column(name: str) -> None:
    text, expected = REFUSED[name]
    with pytest.raises(SourceError) as caught:
        values(text)
    assert "own.csv" in str(caught.value)
    assert expected in str(caught.value)


def test_other_layouts_are_told_apart_from_damaged_files() -> None:
    for text in ("sasdate,A\n1,2\n", "date,code\n2025-01-02,ABC\n", "", "only\n1\n"):
        with pytest.raises(NotSeriesError):
            values(text)


def test_one_file_a_series_with_vintages() -> None:
    raw = b"date,value,available_at\n2025-10-01,1.0,2025-11-05\n2025-10-01,1.1,2025-12-05T08:30\n"
    data = parse(raw, "CFNAI.csv")["CFNAI"]
    assert data.values.tolist() == [1.0, 1.1]
    assert data.available_at.astype(object).tolist() == [dt.datetime(2025, 11, 5), dt.datetime(2025, 12, 5, 8, 30)]
    assert np.all(data.dates == np.datetime64("2025-10-01"))
