"""Charts over several ranges, names, spilled tables and levels of names: their stored values follow."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from tests.conftest import num
from tests.workbooks.test_refresh import parts, refresh
from xl_smallcap.functions import RUSSELL_BETA, RUSSELL_FACTORS
from xl_smallcap.session import Session

FACTORS = ("growth", "inflation", "easing", "dollar")
CHART = "xl/charts/chart1.xml"


def charted(path: Path, formulas: dict[str, str]) -> Path:
    """Betas of four factors in B1:B4, a table of factors that spills at D1, and a chart of B1:B4 with a formula put in.

    `formulas`: what stands in the chart's XML instead of its ranges of names (A) and values (B).
    """
    made = xlsxwriter.Workbook(str(path))
    sheet, other = made.add_worksheet("S"), made.add_worksheet("My own")
    for k, name in enumerate(FACTORS):
        sheet.write(k, 0, name)
        sheet.write_formula(k, 1, f'=RUSSELL_BETA("{name}")', None, 123.456)
    sheet.write_dynamic_array_formula("D1:D2", "=RUSSELL_FACTORS()", None, "stale")
    sheet.write("D2", "stale")
    other.write_formula("A1", '=RUSSELL_BETA("oil")', None, 123.456)
    made.define_name("betas", "=S!$B$1:$B$4")
    made.define_name("'My own'!betas", "='My own'!$A$1")
    made.define_name("rows", "=_xlfn.ANCHORARRAY(S!$D$1)")
    made.define_name("moving", "=OFFSET(S!$B$1,0,0,4,1)")
    chart = made.add_chart({"type": "bar"})
    chart.add_series({"categories": "=S!$A$1:$A$4", "values": "=S!$B$1:$B$4"})
    sheet.insert_chart("F2", chart)
    made.close()
    data = parts(path)
    xml = data[CHART].decode()
    for old, new in formulas.items():
        assert old in xml
        xml = xml.replace(old, new)
    data[CHART] = xml.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    return path


def cache(path: Path, formula: str) -> tuple[int, list[str]]:
    xml = parts(path)[CHART].decode()
    found = re.search(re.escape(f"<c:f>{formula}</c:f>") + r"<c:\w+Cache>(.*?)</c:\w+Cache>", xml, re.DOTALL)
    assert found is not None
    count = re.search(r'ptCount val="(\d+)"', found[1])
    assert count is not None
    return int(count[1]), re.findall(r"<c:v>(.*?)</c:v>", found[1])


@pytest.mark.parametrize("formula", ["[0]!betas", "S!BETAS", "betas", "(S!$B$1:$B$2,S!$B$3:$B$4)", "S!$B$1:$B$4"])
def test_names_and_several_ranges(session: Session, tmp_path: Path, formula: str) -> None:
    path = charted(tmp_path / "b.xlsx", {"S!$B$1:$B$4": formula})
    done = refresh(path)
    assert done.charts == 1
    count, shown = cache(path, formula)
    assert (count, [float(v) for v in shown]) == (4, [num(RUSSELL_BETA(f)) for f in FACTORS])
    again = path.read_bytes()
    assert refresh(path).charts == 0
    assert path.read_bytes() == again


def test_a_name_of_a_sheet_of_its_own(session: Session, tmp_path: Path) -> None:
    formula = "'My own'!betas"
    path = charted(tmp_path / "b.xlsx", {"S!$B$1:$B$4": formula})
    xml = parts(path)[CHART].decode()
    assert "ptCount" in xml
    data = parts(path)
    first, rest = '<c:ptCount val="4"/>', re.compile(r'<c:pt idx="[123]"><c:v>123.456</c:v></c:pt>')
    before, _, after = xml.rpartition(first)
    data[CHART] = (before + first.replace("4", "1") + rest.sub("", after)).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    refresh(path)
    assert cache(path, formula) == (1, [repr(num(RUSSELL_BETA("oil")))])


def test_a_table_that_grew(session: Session, tmp_path: Path) -> None:
    """The stored table had two cells; the chart's names follow it to the size it has now."""
    path = charted(tmp_path / "b.xlsx", {"S!$A$1:$A$4": "[0]!rows"})
    data = parts(path)
    xml = data[CHART].decode()
    four = re.search(r'<c:ptCount val="4"/>(<c:pt idx="\d"><c:v>\w+</c:v></c:pt>){4}', xml)
    assert four is not None
    two = '<c:ptCount val="2"/>' + "".join(f'<c:pt idx="{k}"><c:v>stale</c:v></c:pt>' for k in range(2))
    data[CHART] = xml.replace(four[0], two).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    refresh(path)
    table = [v for row in RUSSELL_FACTORS() for v in row]
    count, shown = cache(path, "[0]!rows")
    assert count == len(table) > 2
    assert shown[0] == table[0]
    assert len(shown) == sum(v not in (None, "") for v in table)


def test_levels_of_names(session: Session, tmp_path: Path) -> None:
    levels = (
        '<c:multiLvlStrRef><c:f>S!$A$1:$B$4</c:f><c:multiLvlStrCache><c:ptCount val="4"/>'
        '<c:lvl><c:pt idx="0"><c:v>123.456</c:v></c:pt></c:lvl>'
        '<c:lvl><c:pt idx="0"><c:v>growth</c:v></c:pt></c:lvl></c:multiLvlStrCache></c:multiLvlStrRef>'
    )
    path = charted(tmp_path / "b.xlsx", {})
    data = parts(path)
    xml = data[CHART].decode()
    data[CHART] = re.sub(r"<c:cat>.*?</c:cat>", f"<c:cat>{levels}</c:cat>", xml, flags=re.DOTALL).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    refresh(path)
    inner, outer = re.findall(r"<c:lvl>(.*?)</c:lvl>", parts(path)[CHART].decode())
    assert re.findall(r"<c:v>(.*?)</c:v>", outer) == list(FACTORS)
    shown = re.findall(r"<c:v>(.*?)</c:v>", inner)
    assert [float(v) for v in shown] == pytest.approx([num(RUSSELL_BETA(f)) for f in FACTORS], rel=1e-14)


@pytest.mark.parametrize("formula", ["[0]!moving", "[1]!betas", "[1]S!$B$1:$B$4", "Nowhere!betas"])
def test_what_only_excel_can_follow_is_named(session: Session, tmp_path: Path, formula: str) -> None:
    path = charted(tmp_path / "b.xlsx", {"S!$B$1:$B$4": formula})
    done = refresh(path)
    assert cache(path, formula) == (4, ["123.456"] * 4)
    if not formula.startswith("[1]S"):
        assert f"chart1.xml keeps its old values of {formula}, which only Excel can follow" in " ".join(done.told)
