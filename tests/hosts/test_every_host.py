"""The table of cases through Python, command line, the real xlwings code and LibreOffice: the same bits."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from tests.hosts.cases import CASES, ERRORS, TABLES, VALUES, Case, Error
from tests.hosts.conftest import Excel
from xl_smallcap import cli
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.cells import day_number, evaluate
from xl_smallcap.functions.formula import parse_call
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session

IDS = [c.formula for c in CASES]
DATES = (
    "last_date",
    "first_date",
    "first",
    "last",
    "date",
    "published",
    "month",
    "growth_to",
    "inflation_to",
    "dated",
    "start",
)


def plain(value: Any, dates: bool = False) -> Any:
    """One form for all hosts: floats by their bits, dates as day numbers, errors by code."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {"error": value["error"]} if "error" in value else plain(value["date"])
    if isinstance(value, dt.date):
        value = day_number(value)
    if isinstance(value, bool) or value is None:
        return {"error": "#N/A"} if value is None else float(value).hex()
    return float(value).hex() if isinstance(value, (int, float)) else value


def by_python(case: Case) -> Any:
    call = parse_call(case.formula)
    try:
        required = [None] * (sum(not p.optional for p in BY_NAME[call.name].parameters) - len(call.arguments))
        return plain(BY_NAME[call.name].call(*call.arguments, *required))
    except XlSmallcapError as exc:
        return {"error": exc.code}


@pytest.fixture(scope="module")
def expected(sample_home: Path) -> dict[str, Any]:
    from xl_smallcap.config import load_settings
    from xl_smallcap.session import use_session

    use_session(Session(load_settings(sample_home)))
    try:
        return {c.formula: by_python(c) for c in CASES}
    finally:
        use_session(None)


def test_the_table_is_whole() -> None:
    assert len(CASES) >= 40
    assert len(set(IDS)) == len(IDS)
    named = {parse_call(c.formula).name for c in CASES}
    assert named == set(BY_NAME), "every function has a case"


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_python(session: Session, case: Case) -> None:
    result = by_python(case)
    wanted = case.expected() if callable(case.expected) else case.expected
    if isinstance(wanted, Error):
        assert result == {"error": wanted.code}
        call = parse_call(case.formula)
        answer = evaluate(call.name, call.arguments)
        assert answer.message is not None
        assert wanted.says in answer.message
        assert answer.message.endswith("."), "an error is a sentence"
        assert session.errors[-1].sentence == answer.message
    elif isinstance(wanted, tuple):
        assert (len(result), len(result[0])) == wanted
    elif isinstance(wanted, str):
        assert result.startswith(wanted)
    elif isinstance(wanted, dt.date):
        assert result == day_number(wanted).hex()
    else:
        assert float.fromhex(result) == pytest.approx(wanted, rel=1e-9, abs=case.within)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_command_line(
    session: Session, case: Case, expected: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["call", case.formula, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert len(answer) == 1
    assert code == (1 if "error" in answer else 0)

    def back(value: Any, is_date: bool) -> Any:
        return plain(dt.date.fromisoformat(value)) if is_date and value is not None else plain(value)

    if "error" in answer:
        result: Any = {"error": answer["error"]["code"]}
        assert answer["error"]["message"]
    elif "table" in answer:
        head = answer["table"][0]
        is_dates = [h in DATES for h in head]
        if head[:2] == ["stat", "value"]:
            rows = [[n, back(v, n in DATES), *map(plain, more)] for n, v, *more in answer["table"][1:]]
        else:
            rows = [[back(v, d) for v, d in zip(row, is_dates, strict=True)] for row in answer["table"][1:]]
        result = [[plain(h) for h in head], *rows]
    else:
        result = back(answer["value"], isinstance(case.expected, dt.date))
    assert result == expected[case.formula]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_xlwings(excel: Excel, case: Case, expected: dict[str, Any]) -> None:
    call = parse_call(case.formula)
    answer = excel.ask(
        call.name, [*call.arguments, *[-2147352572] * (len(BY_NAME[call.name].parameters) - len(call.arguments))]
    )

    def cell(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("\x01"):
            return {"error": value[1:]}
        assert value is not None, "nothing would show as 0"
        return plain(value)

    wanted = expected[case.formula]
    assert ([[cell(v) for v in row] for row in answer] if isinstance(wanted, list) else cell(answer)) == wanted


@pytest.mark.libreoffice
def test_libreoffice_typed_recalculated_saved(office: Office, tmp_path: Path, expected: dict[str, Any]) -> None:
    scalars = [*VALUES, *ERRORS]
    sheet = office.do("new")
    block = f"A1:A{len(scalars)}"
    office.do("type", sheet, 0, block, [[f"={c.formula}".replace("TRUE", "TRUE()")] for c in scalars])
    office.do("recalculate", sheet)
    results = {c.formula: plain(row[0]) for c, row in zip(scalars, office.do("read", sheet, 0, block), strict=True)}
    assert results == {c.formula: expected[c.formula] for c in scalars}
    path = tmp_path / "typed.xlsx"
    office.do("save", sheet, str(path), "xlsx")
    office.do("close", sheet)
    formulas = openpyxl.load_workbook(path).worksheets[0]
    values = openpyxl.load_workbook(path, data_only=True).worksheets[0]
    for i, c in enumerate(scalars, 1):
        assert str(formulas.cell(i, 1).value).replace("TRUE()", "TRUE") == f"={c.formula}"
        stored, wanted = values.cell(i, 1).value, expected[c.formula]
        if isinstance(wanted, dict):
            assert stored == wanted["error"]
        elif isinstance(stored, (int, float)):
            assert stored == pytest.approx(float.fromhex(wanted), rel=1e-14)
        else:
            assert stored == wanted
    again = office.do("open", str(path))
    office.do("recalculate", again)
    reread = {c.formula: plain(row[0]) for c, row in zip(scalars, office.do("read", again, 0, block), strict=True)}
    office.do("close", again)
    assert reread == results


@pytest.mark.libreoffice
@pytest.mark.parametrize("case", TABLES, ids=[c.formula for c in TABLES])
def test_libreoffice_tables(office: Office, case: Case, expected: dict[str, Any]) -> None:
    wanted = expected[case.formula]
    sheet = office.do("new")
    block = f"A1:{get_column_letter(len(wanted[0]))}{len(wanted)}"
    office.do("type_array", sheet, 0, block, f"={case.formula}")
    table = [[plain(v) for v in row] for row in office.do("read", sheet, 0, block)]
    office.do("close", sheet)
    assert table == wanted


@pytest.mark.libreoffice
def test_libreoffice_cells_as_arguments(office: Office, expected: dict[str, Any]) -> None:
    """Blank cells mean the default, dates come as numbers, a range is no word, an error passes through."""
    sheet = office.do("new")
    office.do("type", sheet, 0, "A1:A6", [["inflation"], [""], ["43922"], ["=NA()"], ["relative"], ["250"]])
    formulas = {
        "=RUSSELL_BETA(A1,A2,A2,A2,A2)": expected['RUSSELL_BETA("inflation")'],
        "=RUSSELL_BETA(A1,A5,,A6,A3)": expected['RUSSELL_BETA("inflation","relative","beta",250,43922)'],
        "=RUSSELL_BETA(A1:A2)": {"error": "#VALUE!"},
        "=RUSSELL_BETA(A4)": {"error": "#N/A"},
        "=ISNA(RUSSELL_BETA(A1,,,60000))": (1.0).hex(),
        '=IFERROR(RUSSELL_BETA("inflaton"),-1)': (-1.0).hex(),
        "=RUSSELL_BETA(A1)*2": (2 * float.fromhex(expected['RUSSELL_BETA("inflation")'])).hex(),
        "=INDEX(RUSSELL_BETAS(),3,2)": expected['RUSSELL_BETA("inflation")'],
        '=ISNUMBER(SEARCH("a range of 2 x 1 cells",RUSSELL_WHY(FORMULA(B3))))': (1.0).hex(),
    }
    block = f"B1:B{len(formulas)}"
    office.do("type", sheet, 0, block, [[f] for f in formulas])
    office.do("recalculate", sheet)
    results = [plain(row[0]) for row in office.do("read", sheet, 0, block)]
    office.do("close", sheet)
    assert dict(zip(formulas, results, strict=True)) == formulas


@pytest.mark.libreoffice
def test_libreoffice_a_range_of_cells_is_a_path(office: Office, expected: dict[str, Any]) -> None:
    sheet = office.do("new")
    rows = [["factor", "shock", "unit"], ["inflation", "25", "bp"], ["", "", ""], ["growth", "1", "sd"]]
    office.do("type", sheet, 0, "A1:C4", rows)
    office.do("type", sheet, 0, "E1:G1", [["growth", "", "pct"]])
    formulas = ["=RUSSELL_PROJECTION(A1:C4)", "=RUSSELL_PROJECTION(E1:G1)", "=RUSSELL_WHY(FORMULA(I2))"]
    office.do("type", sheet, 0, "I1:I3", [[f] for f in formulas])
    office.do("recalculate", sheet)
    results = [plain(row[0]) for row in office.do("read", sheet, 0, "I1:I3")]
    office.do("close", sheet)
    assert results[0] == expected['RUSSELL_PROJECTION({"inflation",25,"bp";"growth",1,"sd"})']
    assert results[1] == {"error": "#VALUE!"}, "an empty shock is not zero"


def test_xlwings_dates_ranges_and_its_own_import(excel: Excel, expected: dict[str, Any]) -> None:
    dated = excel.ask("RUSSELL_BETA", ["inflation", "relative", "beta", 250.0, {"date": "2020-04-01"}])
    assert plain(dated) == expected['RUSSELL_BETA("inflation","relative","beta",250,43922)']
    shocks = [["inflation", 25.0, "bp"], [None, None, None], ["growth", 1.0, "sd"]]
    path = excel.ask("RUSSELL_PROJECTION", [shocks])
    assert plain(path) == expected['RUSSELL_PROJECTION({"inflation",25,"bp";"growth",1,"sd"})']
    assert excel.ask("RUSSELL_PROJECTION", [[["growth", None, "pct"]]]) == "\x01#VALUE!"
    ranged = excel.ask("RUSSELL_BETA", [[["inflation", "oil"], ["x", None]]])
    assert ranged == "\x01#VALUE!"
    imported = excel.ask("import_udfs", [])
    for name in BY_NAME:
        assert f"Function {name}(" in imported["vba"]
    options = {o["name"].rpartition("!")[2].strip("'"): o for o in imported["options"]}
    assert options["RUSSELL_BETA"]["Description"] == BY_NAME["RUSSELL_BETA"].help
    assert options["RUSSELL_BETA"]["Category"] == "Russell 2000"
