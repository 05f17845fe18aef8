"""Charts over several ranges, names, spilled tables and levels of names: their stored values follow."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
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
    made.define_name("alias", "=betas")
    made.define_name("\\back", "=S!$B$1:$B$4")
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
    match = re.search(re.escape(f"<c:f>{formula}</c:f>") + r"<c:\w+Cache>(.*?)</c:\w+Cache>", xml, re.DOTALL)
    assert match is not None
    count = re.search(r'ptCount val="(\d+)"', match[1])
    assert count is not None
    return int(count[1]), re.findall(r"<c:v>(.*?)</c:v>", match[1])


@pytest.mark.parametrize(
    "formula", ["[0]!betas", "S!BETAS", "betas", "[0]!alias", "[0]!\\back", "(S!$B$1:$B$2,S!$B$3:$B$4)", "S!$B$1:$B$4"]
)
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
    path = charted(tmp_path / "b.xlsx", {"S!$B$1:$B$4": "[0]!rows"})
    four = re.compile(r'<c:ptCount val="4"/>(<c:pt idx="\d"><c:v>123.456</c:v></c:pt>){4}')
    replaced(path, lambda x: four.sub('<c:ptCount val="2"/><c:pt idx="0"><c:v>0</c:v></c:pt>', x))
    refresh(path)
    table = [v for row in RUSSELL_FACTORS() for v in row]
    count, shown = cache(path, "[0]!rows")
    assert count == len(table) > 2
    assert len(shown) == sum(v not in (None, "") for v in table)
    k = next(k for k, v in enumerate(table) if isinstance(v, float))
    assert float(shown[k]) == table[k], "texts are zero in a cache of numbers"


def replaced(path: Path, change: Callable[[str], str]) -> Path:
    data = parts(path)
    xml = data[CHART].decode()
    data[CHART] = change(xml).encode()
    assert data[CHART] != xml.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    return path


def levelled(path: Path, formula: str, inner: str, outer: str) -> Path:
    """The categories in two levels: column B inside, column A outside."""
    levels = (
        f'<c:multiLvlStrRef><c:f>{formula}</c:f><c:multiLvlStrCache><c:ptCount val="4"/>'
        f"<c:lvl>{inner}</c:lvl><c:lvl>{outer}</c:lvl></c:multiLvlStrCache></c:multiLvlStrRef>"
    )
    return replaced(path, lambda x: re.sub(r"<c:cat>.*?</c:cat>", f"<c:cat>{levels}</c:cat>", x, flags=re.DOTALL))


def test_levels_of_names(session: Session, tmp_path: Path) -> None:
    path = levelled(
        charted(tmp_path / "b.xlsx", {}),
        "S!$A$1:$C$4",
        '<c:pt idx="1"><c:v>old</c:v></c:pt>',
        '<c:pt idx="0"><c:v>growth</c:v></c:pt>',
    )
    replaced(path, lambda x: x.replace("<c:lvl>", "<c:lvl><c:pt idx='0'><c:v>1 Jan</c:v></c:pt></c:lvl><c:lvl>", 1))
    # C holds a date as typed, B a text that depends on a beta, A names
    made = parts(path)
    sheet = "xl/worksheets/sheet1.xml"
    xml = made[sheet].decode()
    for r in range(1, 5):
        xml = re.sub(
            rf'<c r="B{r}"[^>]*><f>.*?</c>',
            f'<c r="B{r}" t="str"><f>IF(RUSSELL_BETA(A{r})&lt;0,"down","up")</f><v>old</v></c>'
            + ('<c r="C1"><v>45292</v></c>' if r == 1 else ""),
            xml,
        )
    made[sheet] = xml.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in made.items():
            archive.writestr(name, content)
    refresh(path)
    first, inner, outer = re.findall(r"<c:lvl>(.*?)</c:lvl>", parts(path)[CHART].decode())
    assert re.findall(r"<c:v>(.*?)</c:v>", outer) == list(FACTORS)
    assert re.findall(r"<c:v>(.*?)</c:v>", inner) == ["down" if num(RUSSELL_BETA(f)) < 0 else "up" for f in FACTORS]
    assert re.findall(r"<c:v>(.*?)</c:v>", first) == ["1 Jan"], "as it was displayed"


def test_labels_that_are_numbers_and_changed_are_left_to_excel(session: Session, tmp_path: Path) -> None:
    path = levelled(
        charted(tmp_path / "b.xlsx", {}),
        "S!$A$1:$B$4",
        '<c:pt idx="0"><c:v>+123.5 %</c:v></c:pt>',
        '<c:pt idx="0"><c:v>growth</c:v></c:pt>',
    )
    done = refresh(path)
    assert "+123.5 %" in parts(path)[CHART].decode()
    assert any("chart1.xml keeps its old values of S!$A$1:$B$4" in line for line in done.told)


ODD = {
    "selfclosing": lambda x: x.replace('<c:pt idx="3"><c:v>123.456</c:v></c:pt>', '<c:pt idx="3"><c:v/></c:pt>'),
    "nothing": lambda x: re.sub(r'<c:pt idx="\d"><c:v>123.456</c:v></c:pt>', "", x),
    "spaces": lambda x: x.replace("<c:v>123.456</c:v>", '\n <c:v xml:space="preserve">123.456</c:v>\n'),
    "count": lambda x: x.replace('<c:ptCount val="4"/>', '<c:ptCount val="4"></c:ptCount>'),
    "extension": lambda x: x.replace("</c:numCache>", "<c:extLst><c:ext/></c:extLst></c:numCache>"),
    "whole column": lambda x: x.replace("S!$B$1:$B$4", "S!$B:$B").replace('val="4"/>', 'val="1048576"/>'),
}


@pytest.mark.parametrize("odd", ODD)
def test_other_spellings(session: Session, tmp_path: Path, odd: str) -> None:
    path = replaced(charted(tmp_path / "b.xlsx", {}), ODD[odd])
    done = refresh(path)
    assert done.charts == 1
    count, shown = cache(path, "S!$B:$B" if odd == "whole column" else "S!$B$1:$B$4")
    assert count == (1_048_576 if odd == "whole column" else 4)
    assert [float(v) for v in shown] == [num(RUSSELL_BETA(f)) for f in FACTORS]
    xml = parts(path)[CHART].decode()
    assert ("<c:extLst><c:ext/></c:extLst></c:numCache>" in xml) == (odd == "extension")
    assert [int(k) for k in re.findall(r'<c:pt idx="(\d+)"', xml)] == [0, 1, 2, 3, 0, 1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.replace("<c:v>123.456</c:v>", "<c:v><!-- a comment -->123.456</c:v>"),
        lambda x: x.replace('<c:pt idx="0"><c:v>123', '<!-- a comment --><c:pt idx="0"><c:v>123'),
        lambda x: x.replace('val="4"/><c:pt idx="0"><c:v>123', 'val="3"/><c:pt idx="0"><c:v>123'),
    ],
)
def test_what_is_not_understood_keeps_its_bytes_and_is_named(
    session: Session, tmp_path: Path, change: Callable[[str], str]
) -> None:
    path = replaced(charted(tmp_path / "b.xlsx", {}), change)
    before = parts(path)[CHART]
    done = refresh(path)
    assert parts(path)[CHART] == before
    assert any("chart1.xml keeps its old values of S!$B$1:$B$4" in line for line in done.told)
    assert refresh(path).told == [], "once nothing moves there is nothing to say"


def test_a_chart_in_another_encoding_is_named(session: Session, tmp_path: Path) -> None:
    path = charted(tmp_path / "b.xlsx", {})
    data = parts(path)
    head = data[CHART].replace(b'encoding="UTF-8"', b'encoding="ISO-8859-1"').replace(b"growth", b"gr\xf6wth")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**data, CHART: head}.items():
            archive.writestr(name, content)
    done = refresh(path)
    assert parts(path)[CHART] == head
    assert any("is not written in UTF-8" in line for line in done.told)


def test_a_spelling_that_says_the_same_stays(session: Session, tmp_path: Path) -> None:
    """Constants as Excel writes them, with seventeen digits and an exponent."""
    path = charted(tmp_path / "b.xlsx", {"S!$B$1:$B$4": "S!$H$1:$H$4"})
    data = parts(path)
    sheet = "xl/worksheets/sheet1.xml"
    text = data[sheet].decode()
    for r in range(1, 5):
        text = re.sub(
            rf'(<row r="{r}".*?)</row>', rf'\1<c r="H{r}"><v>5.0000000000000001E-3</v></c></row>', text, count=1
        )
    data[sheet] = text.encode()
    data[CHART] = data[CHART].replace(b"123.456", b"5.0000000000000001E-3")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    assert refresh(path).charts == 0
    assert parts(path)[CHART] == data[CHART]


@pytest.mark.parametrize("formula", ["[0]!moving", "[1]!betas", "[1]S!$B$1:$B$4", "Nowhere!betas"])
def test_what_only_excel_can_follow_is_named(session: Session, tmp_path: Path, formula: str) -> None:
    path = charted(tmp_path / "b.xlsx", {"S!$B$1:$B$4": formula})
    done = refresh(path)
    assert cache(path, formula) == (4, ["123.456"] * 4)
    if not formula.startswith("[1]S"):
        assert f"chart1.xml keeps its old values of {formula}, which only Excel can follow" in " ".join(done.told)
