"""The shipped workbook: reproducible, whole, and every stored value is the engine's."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.conftest import num
from tests.workbooks.page_of import printed
from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session
from xl_smallcap.workbooks.book import SHEETS, build_workbook, workbook_bytes
from xl_smallcap.workbooks.pitch_sheet import pitch_bytes
from xl_smallcap.workbooks.sheets.inputs import PitchOptions
from xl_smallcap.workbooks.sheets.reference import EXAMPLES

pytestmark = pytest.mark.filterwarnings("ignore:.*xtension is not supported")
"""openpyxl reads what it knows and says so; nothing is written with it."""
SHIPPED = Path(__file__).parents[2] / "workbook" / "xl_smallcap.xlsx"
ARRAYS = {"Thesis", "Data"}
"""Sheets that are one spilled table: LibreOffice calculates arrays when it opens a file, so without the add-in they
show #NAME? there."""


def cells(path: Path) -> dict[str, dict[str, Any]]:
    """Values stored by sheet and address."""
    values = openpyxl.load_workbook(path, data_only=True)
    return {
        sheet.title: {c.coordinate: c.value for row in sheet.iter_rows() for c in row if c.value is not None}
        for sheet in values.worksheets
    }


def formulas(path: Path) -> dict[str, dict[str, str]]:
    by_sheet: dict[str, dict[str, str]] = {}
    for sheet in openpyxl.load_workbook(path).worksheets:
        texts = {c.coordinate: getattr(c.value, "text", c.value) for row in sheet.iter_rows() for c in row}
        by_sheet[sheet.title] = {a: t for a, t in texts.items() if isinstance(t, str) and t.startswith("=")}
    return by_sheet


def test_the_same_inputs_give_the_same_bytes_which_are_those_committed(session: Session, tmp_path: Path) -> None:
    built = build_workbook(tmp_path / "book.xlsx")
    assert workbook_bytes() == built.read_bytes()
    with zipfile.ZipFile(built) as new, zipfile.ZipFile(SHIPPED) as old:
        assert new.namelist() == old.namelist()
        assert "xl/vbaProject.bin" not in old.namelist(), "none of xlwings' code is in our repository"
        assert not any(n.endswith(".vml") for n in old.namelist()), "no button without its macro"
    assert formulas(built) == formulas(SHIPPED), "run xl-smallcap workbook build on the sample"
    one, two = cells(built), cells(SHIPPED)
    assert list(one) == list(two) == list(SHEETS)
    for sheet in one:
        assert one[sheet].keys() == two[sheet].keys()
        for address, value in one[sheet].items():
            other = two[sheet][address]
            if isinstance(value, (int, float)) and isinstance(other, (int, float)):
                # numpy's linear algebra may differ in the last bits between machines
                assert value == pytest.approx(other, rel=1e-6, abs=1e-9), (sheet, address)
            else:
                assert value == other, f"run xl-smallcap workbook build on the sample ({sheet}!{address})"


def test_every_function_has_a_live_example(session: Session) -> None:
    assert set(EXAMPLES) == {f.name for f in FUNCTIONS}
    shown = formulas(SHIPPED)["Functions"]
    assert [shown[f"E{6 + i}"] for i in range(len(FUNCTIONS))] == [EXAMPLES[f.name] for f in FUNCTIONS]


def test_every_number_on_pitch_is_a_formula_and_names_no_stock(session: Session) -> None:
    constants = {
        c.coordinate: c.value
        for row in openpyxl.load_workbook(SHIPPED)["Pitch"].iter_rows()
        for c in row
        if c.value is not None and not (isinstance(c.value, str) and c.value.startswith("="))
    }
    assert all(isinstance(v, str) for v in constants.values()), "no typed number"
    assert "WINNERS" not in str(formulas(SHIPPED)["Pitch"]) + str(formulas(SHIPPED)["Pitch data"])
    assert max(len(t) for t in formulas(SHIPPED)["Pitch"].values()) < 8000, "Excel takes 8,192 characters"


def test_errors_stored_are_only_those_a_table_has(session: Session) -> None:
    """Every stored error stands in a spilled table (a column that does not apply) or in a fan beyond its months."""
    texts = formulas(SHIPPED)
    for sheet, values in cells(SHIPPED).items():
        for address, value in values.items():
            if isinstance(value, str) and value.startswith("#"):
                formula = texts[sheet].get(address, "")
                spilled = formula in ("=#N/A", "")
                assert value == "#N/A", (sheet, address, value)
                # a fan ends with its path; a claim's percentile has no interval
                expected = "NA()" in formula or (sheet == "Pitch data" and "MATCH(BA" in formula)
                assert spilled or expected, (sheet, address, formula)


@pytest.mark.libreoffice
def test_without_the_add_in_it_shows_its_stored_values(office: Office, session: Session, tmp_path: Path) -> None:
    assert office
    path = build_workbook(tmp_path / "book.xlsx")
    stored, texts = cells(path), formulas(path)
    with Office() as bare:
        opened = bare.do("open", str(path))
        seen = 0
        for sheet in set(SHEETS) - ARRAYS - {"Functions"}:
            for address in list(texts[sheet])[:400]:
                value = stored[sheet].get(address)
                if not isinstance(value, float):
                    continue
                shown = bare.do("read", opened, sheet, f"{address}:{address}")[0][0]
                if isinstance(shown, dict):  # in or of a spilled table
                    continue
                assert shown == pytest.approx(value, rel=1e-12), (sheet, address)
                seen += 1
        assert seen > 300
        assert bare.do("read", opened, "Betas", "B12:B12")[0][0] == stored["Betas"]["B12"]


@pytest.mark.libreoffice
def test_stored_values_are_what_a_recalculation_gives(office: Office, session: Session, tmp_path: Path) -> None:
    path = build_workbook(tmp_path / "book.xlsx")
    opened = office.do("open", str(path))
    assert office.do("sheets", opened) == list(SHEETS)
    office.do("recalculate", opened)
    compared = 0
    sizes = {s.title: s.dimensions for s in openpyxl.load_workbook(path).worksheets}
    for sheet, values in cells(path).items():
        shown = office.do("read", opened, sheet, "A1:" + sizes[sheet].split(":")[-1])
        for address, value in values.items():
            column, row = openpyxl.utils.cell.coordinate_from_string(address)
            now = shown[row - 1][openpyxl.utils.cell.column_index_from_string(column) - 1]
            if isinstance(now, dict):
                assert value == now["error"], (sheet, address)
            elif isinstance(now, float) and not isinstance(value, str):
                stored = value if isinstance(value, (int, float)) else openpyxl.utils.datetime.to_excel(value)
                assert now == pytest.approx(float(stored), rel=1e-12, abs=1e-14), (sheet, address)
            else:
                assert (now or None) == (value or None), (sheet, address)
            compared += 1
    assert compared > 4_000
    # a slip in an input is explained; a larger specification and another date fill in
    office.do("type", opened, "Betas", "B5:B5", [["realtive"]])
    assert "Did you mean 'relative'" in office.do("read", opened, "Betas", "A9:A9")[0][0]
    office.do("type", opened, "Inputs", "B5:B5", [["2020-06-30"]])
    office.do("type", opened, "Betas", "B5:B7", [["hedged"], ["104w"], ["full"]])
    assert office.do("read", opened, "Betas", "A9:A9") == [[""]]
    office.do("close", opened)


@pytest.mark.libreoffice
def test_a_shock_changes_everything_that_hangs_on_it(office: Office, session: Session, tmp_path: Path) -> None:
    opened = office.do("open", str(build_workbook(tmp_path / "book.xlsx")))
    office.do("recalculate", opened)
    before = office.do("read", opened, "Scenarios", "G9:G20")
    assert office.do("read", opened, "Scenarios", "A76:B76") == [["month", "mean"]]
    fan = office.do("read", opened, "Scenarios", "B77:G82")
    assert fan[5][0] == pytest.approx(before[0][0], rel=1e-12), "the fan ends at the mean"
    office.do("type", opened, "Scenarios", "B9:B9", [["-6"]])
    after = office.do("read", opened, "Scenarios", "G9:G20")
    assert after[0][0] < 0 < before[0][0]
    moved = office.do("read", opened, "Scenarios", "B77:G82")
    assert all(one != two for one, two in zip(moved, fan, strict=True))
    assert moved[5][0] == pytest.approx(after[0][0], rel=1e-12)
    from xl_smallcap.functions import RUSSELL_PROJECTION

    shocks = [["growth", -6.0, "pct"], ["inflation", -20.0, "bp"], ["easing", 25.0, "bp"]]
    assert after[0][0] == RUSSELL_PROJECTION(shocks, "relative", "mean", 6)
    office.do("type", opened, "Scenarios", "F5:F5", [["full"]])
    full = RUSSELL_PROJECTION(shocks, "relative", "mean", 6, None, spec="full")
    assert office.do("read", opened, "Scenarios", "G9:G9") == [[full]]
    assert full != after[0][0]
    assert office.do("read", opened, "Scenarios", "B82:B82")[0][0] == pytest.approx(full, rel=1e-12)
    wanted = sum(
        num(RUSSELL_PROJECTION(shocks, "relative", f"contribution:{name}", 6, None, spec="full"))
        for name in ("volatility", "credit", "real_yield")
    )
    name, shown = office.do("read", opened, "Scenarios", "A98:B98")[0]
    assert name == "others"
    assert shown == pytest.approx(wanted, rel=1e-12)
    office.do("type", opened, "Scenarios", "A9:A9", [["growht"]])
    assert "not understood" in office.do("read", opened, "Scenarios", "A6:A6")[0][0]
    office.do("close", opened)


def test_no_text_is_written_by_codes_of_a_language(session: Session) -> None:
    """TEXT's codes follow the computer's language: "yyyy" and "0.00" mean something else in a German Excel."""
    for sheet, cells_of in formulas(SHIPPED).items():
        for address, formula in cells_of.items():
            assert not re.search(r"\bTEXT\(", formula), (sheet, address)


@pytest.mark.libreoffice
def test_every_sheet_prints_as_people_read(office: Office, session: Session, tmp_path: Path) -> None:
    """Nothing under eight points, headings in words, no page more than half empty but a long table's last."""
    opened = office.do("open", str(build_workbook(tmp_path / "book.xlsx")))
    office.do("recalculate", opened)
    for sheet in SHEETS:
        made = tmp_path / "sheet.pdf"
        office.do("print_sheet", opened, sheet, str(made))
        data = made.read_bytes()
        least = 7.5 if sheet == "Pitch" else 8.0
        pages = printed(data).pages
        for k in range(pages):
            page = printed(data, k)
            sizes = [round(c.size, 1) for c in page.characters]
            assert min(sizes) >= least, (sheet, k)
            assert page.filled_to >= 0.5 or 0 < k == pages - 1, (sheet, k, page.filled_to)
            words = {w.strip(":;,.()") for w in page.words}
            if sheet not in ("Functions", "Pitch data"):  # those are about names
                assert not words & CODE, (sheet, words & CODE)
            assert "#NAME?" not in words
            assert "#REF!" not in words
    office.do("close", opened)


CODE = {
    "starts_reached", "duration_months", "long_run_share", "horizon_months", "claim_verdict", "last_date", "age_days",
    "contribution_simple", "mean_beta", "prob_outperform", "base_rate", "share_beta", "pvalue_bh", "nobs",
    "brier_persistence", "log_loss", "growth_to", "gap_sigma", "rsquared_oos", "joint_base", "given_window", "tstat",
}  # fmt: skip
"""Names of columns and statistics as formulas have them: no heading a person should have to read."""


def test_opening_calculates_nothing_and_styles_have_names(session: Session, tmp_path: Path) -> None:
    """Excel calculates everything when a file asks for it, or when an older version wrote it."""
    for data in (workbook_bytes(), pitch_bytes(PitchOptions(), None, lambda *_: None)[0]):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            main, styles = archive.read("xl/workbook.xml").decode(), archive.read("xl/styles.xml").decode()
        assert re.findall(r"<calcPr[^>]*>", main) == ['<calcPr calcId="191029"/>']
        book = openpyxl.load_workbook(io.BytesIO(data))
        assert {book["Inputs"][cell].style for cell in ("B5", "B12", "C12")} == {"xl_smallcap input"}
        behind = book["Pitch data"]
        rows = {str(behind.cell(r, 1).value): r for r in range(3, behind.max_row + 1)}
        styled = {
            where: behind[f"{where[0]}{rows[where[2:]]}"].style
            for where in ("A name", "A day", "C day", "B snapshot", "B ratio")
        }
        assert styled == {
            "A name": "xl_smallcap head",
            "A day": "xl_smallcap code",
            "C day": "xl_smallcap note",
            "B snapshot": "xl_smallcap result",
            "B ratio": "xl_smallcap formula on results",
        }
        declared = re.findall(r'<cellStyle name="([^"]+)" xfId="(\d+)"', styles)
        assert len(declared) == len({n for n, _ in declared}) > 8
        bases = re.findall(r'<cellStyleXfs count="(\d+)"', styles)
        assert int(bases[0]) == len(declared)
