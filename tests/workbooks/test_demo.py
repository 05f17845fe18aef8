"""The demo opens anywhere: with stored values where our functions are missing, alive where they are."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest

from xl_smallcap.office.office import Office
from xl_smallcap.session import Session
from xl_smallcap.workbooks.book import SHEETS, build_workbook

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, book_home: Path) -> Path:
    """What the command writes, on the sample."""
    from xl_smallcap.config import load_settings
    from xl_smallcap.session import use_session

    use_session(Session(load_settings(book_home)))
    path = build_workbook(tmp_path_factory.mktemp("demo") / "demo.xlsx", cell_by_cell=True)
    use_session(None)
    return path


def stored(path: Path) -> dict[tuple[str, int, int], object]:
    sheets = openpyxl.load_workbook(path, data_only=True).worksheets
    return {(s.title, c.row, c.column): c.value for s in sheets for r in s for c in r if c.value not in (None, "")}


@pytest.mark.libreoffice
def test_without_the_add_in_every_cell_shows_its_stored_value(office: Office, demo: Path) -> None:
    """A fresh office without our extension; arrays, which it calculates when opening, would show #NAME?."""
    assert office
    values = stored(demo)
    formulas = sum(str(c.value).startswith("=") for s in openpyxl.load_workbook(demo) for r in s for c in r)
    assert formulas > 5_000
    with Office() as bare:
        opened = bare.do("open", str(demo))
        seen = 0
        for sheet in SHEETS:
            size = max(r for s, r, _ in values if s == sheet), max(c for s, _, c in values if s == sheet)
            shown = bare.do("read", opened, sheet, f"A1:{openpyxl.utils.get_column_letter(size[1])}{size[0]}")
            for (name, row, column), value in values.items():
                if name != sheet:
                    continue
                cell = shown[row - 1][column - 1]
                assert cell != {"error": "#NAME?"}, (sheet, row, column)
                if isinstance(value, float):
                    assert cell == pytest.approx(value, rel=1e-12), (sheet, row, column)
                    seen += 1
        assert seen > 4_000


def test_gnumeric_shows_no_name_error(demo: Path, tmp_path: Path) -> None:
    program = shutil.which("ssconvert")
    if program is None:
        if os.environ.get("XL_SMALLCAP_REQUIRE_HOSTS") == "1":
            pytest.fail("XL_SMALLCAP_REQUIRE_HOSTS is set, but Gnumeric (ssconvert) is not installed")
        pytest.skip("Gnumeric (ssconvert) is not installed")
    result = subprocess.run(
        [program, "-S", str(demo), str(tmp_path / "%s.csv")], capture_output=True, timeout=120, check=True
    )
    assert result.returncode == 0
    files = sorted(tmp_path.glob("*.csv"))
    assert len(files) == len(SHEETS)
    cells = [c for f in files for row in csv.reader(f.read_text("utf-8").splitlines()) for c in row if c]
    assert "#NAME?" not in cells
    assert len(cells) > 6_000


@pytest.mark.libreoffice
def test_with_the_add_in_it_is_alive(office: Office, demo: Path) -> None:
    opened = office.do("open", str(demo))
    before = office.do("read", opened, "Betas", "O12:O16")
    assert [row[0] for row in before] == pytest.approx([stored(demo)["Betas", 12 + i, 15] for i in range(5)], rel=1e-12)
    office.do("type", opened, "Betas", "B5:B5", [["sp500"]])
    after = office.do("read", opened, "Betas", "O12:O16")
    assert all(a[0] != b[0] for a, b in zip(after, before, strict=True)), "the table follows its input"
    scalars = office.do("read", opened, "Betas", "B12:B16")
    assert [r[0] for r in after] == pytest.approx([r[0] for r in scalars]), "and agrees with the scalars beside it"
    office.do("close", opened)
