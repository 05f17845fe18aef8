"""A sentence said in Python is the one its formula gives: in our calculator, in LibreOffice, with decimal commas."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import started_office
from tests.workbooks.test_formulas import Sheet
from xl_smallcap.analyses.sentence import short
from xl_smallcap.formulas.calculator import Calculator, ask_engine
from xl_smallcap.formulas.values import serial
from xl_smallcap.office.office import Office
from xl_smallcap.sentences import All, Is, Known, Say, Short, Value, either, first_of, iso, say

EVERY = [
    say("beta {a:+2}, {a:2}, {a:0}, {big:,1}; odds {share:%}; {word}"),
    say("on {day:date}, {day:month}, {day:day}, {day:iso}"),
    either(Is("a", "<=", 0.1), "low", "high"),
    either(Is("word", "=", "clear"), "it is clear", "it is not"),
    either(Is("a", ">", "{share}"), "more", "less"),
    either(Known("none"), "there", "not there"),
    either(Is("none", ">", 0), "there", "not there"),
    first_of([(Is("a", ">", 5), "large"), (Is("a", ">", 0), "some {a:1}")], "none"),
    either(All((Short("label", 4), Known("a"))), "{label}", "the path"),
    say('a "quoted" word, ' + "long " * 60),
]
NAMES = ("a", "big", "share", "word", "day", "none", "label")


def cells(results: dict[str, Value]) -> dict[str, Any]:
    values = {n: results.get(n) for n in NAMES}
    return {f"A{i}": serial(v) if isinstance(v, dt.date) else v for i, v in enumerate(values.values(), 1)}


PLACES = {name: f"A{i}" for i, name in enumerate(NAMES, 1)}


@given(
    st.floats(-20, 20).filter(lambda x: abs(x * 1000 % 1 - 0.5) > 1e-6),
    st.floats(0, 1),
    st.dates(dt.date(1990, 1, 1), dt.date(2060, 1, 1)),
    st.sampled_from(["clear", "not clear"]),
    st.sampled_from(["No change", "Growth, and inflation follows; easing two sd"]),
)
def test_python_and_the_calculator_say_the_same(a: float, share: float, day: dt.date, word: str, label: str) -> None:
    results: dict[str, Value] = {
        "a": a, "big": a * 1e5, "share": share, "word": word, "day": day, "label": label,
    }  # fmt: skip
    calculator = Calculator(Sheet(cells(results)), ask_engine())
    for one in EVERY:
        assert calculator.calculate("=" + one.formula(PLACES), "S") == one.text(results)


RESULTS: dict[str, Value] = {
    "a": -0.004, "big": 2541.16, "share": 0.585, "word": "clear", "day": dt.date(2025, 12, 24), "label": "No change",
}  # fmt: skip


def said_by(office: Office, tmp_path: Path) -> list[str]:
    book = xlsxwriter.Workbook(str(tmp_path / "said.xlsx"))
    sheet = book.add_worksheet("S")
    for i, value in enumerate(cells(RESULTS).values()):
        if value is not None:
            sheet.write(i, 0, value)
    for i, one in enumerate(EVERY):
        sheet.write_formula(i, 3, "=" + one.formula(PLACES))
    book.close()
    opened = office.do("open", str(tmp_path / "said.xlsx"))
    office.do("recalculate", opened)
    said = [row[0] for row in office.do("read", opened, "S", f"D1:D{len(EVERY)}")]
    office.do("close", opened)
    return said


@pytest.mark.libreoffice
def test_libreoffice_says_the_same(office: Office, tmp_path: Path) -> None:
    assert said_by(office, tmp_path) == [one.text(RESULTS) for one in EVERY]


@pytest.mark.libreoffice
def test_a_locale_with_decimal_commas_changes_the_commas_alone(book_home: Path, tmp_path: Path) -> None:
    with started_office(book_home, LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8") as german:
        first, second, *_ = said_by(german, tmp_path)
    assert first == "beta 0,00, 0,00, 0, 2.541,2; odds 59%; clear"
    assert second == "on 24 December 2025, December 2025, 24 Dec, 2025-12-24"


def test_a_factor_in_at_most_25_words() -> None:
    results: dict[str, Value] = {}
    for name in ("weeks", "days", "months"):
        results |= {f"inflation.{name}.beta": -0.47, f"inflation.{name}.half": 0.51, f"inflation.{name}.p": 0.4}
    one = short("inflation")
    assert one.text(results) == (
        "Inflation: not clear on weeks (-0.47 ± 0.51 % per sd), days (-0.47 ± 0.51) or months (-0.47 ± 0.51)"
    )
    results["inflation.weeks.p"] = 0.02
    said = one.text(results)
    assert said == (
        "Inflation: negative on weeks (-0.47 ± 0.51 % per sd), not clear on days (-0.47 ± 0.51), not clear on months "
        "(-0.47 ± 0.51)"
    )
    assert len(said.split()) <= 25
    del results["inflation.months.beta"], results["inflation.months.p"]
    assert one.text(results) == (
        "Inflation: negative on weeks (-0.47 ± 0.51 % per sd), not clear on days (-0.47 ± 0.51)"
    )
    assert (
        short("inflation", intervals=False).text(results)
        == "Inflation: negative on weeks (-0.47), not clear on days (-0.47)"
    )
    del results["inflation.weeks.beta"], results["inflation.weeks.p"]
    assert one.text(results) == "Inflation: none on weeks, not clear on days (-0.47 ± 0.51)"


def test_a_form_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'\+2'"):
        say("{a:0.00}").text({"a": 1.0})
    assert isinstance(say("x") + say("y"), Say)
    assert iso("A1").startswith("YEAR(A1)")
