"""What a person reads: every row, every change, and what may have been meant."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import xlsxwriter

from xl_smallcap import cli
from xl_smallcap.config import load_settings
from xl_smallcap.errors import closest
from xl_smallcap.functions import (
    RUSSELL_BETA,
    RUSSELL_BETA_HISTORY,
    RUSSELL_BETAS,
    RUSSELL_DISPERSION,
    RUSSELL_POSITIONING,
    RUSSELL_WHY,
)
from xl_smallcap.functions.levels import OF_LEVELS, OF_STANDING
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import BetaStat, DispersionStat, PositionStat
from xl_smallcap.workbooks.book import SHEETS, workbook_bytes

Capture = pytest.CaptureFixture[str]

# What is asked about: the formula, and the word the sentence offers.

MISTAKES = [
    ('RUSSEL_BETA("inflation")', "RUSSELL_BETA?"),
    ('RUSSELBETA("inflation")', "RUSSELL_BETA?"),
    ('BETA("inflation")', "RUSSELL_BETA?"),
    ("REGIME()", "RUSSELL_REGIME?"),
    ('RUSSELL_BETTA("inflation")', "'RUSSELL_BETA'?"),
    ('RUSSELL_BETA("inflaton")', "'inflation'?"),
    ('RUSSELL_BETA("CPI")', "'inflation'?"),
    ('RUSSELL_BETA("rates")', "'easing'?"),
    ('RUSSELL_BETA("usd")', "'dollar'?"),
    ('RUSSELL_BETA("infl")', "'inflation'?"),
    ('RUSSELL_BETA("inflation",,"t-stat")', "'tstat'?"),
    ('RUSSELL_BETA("inflation",,"std error")', "'se'?"),
    ('RUSSELL_BETA("inflation","SPX")', "'sp500'?"),
    ('RUSSELL_FIT(,"R2")', "'rsquared'?"),
    ('RUSSELL_SCENARIO("goldman",,"odds")', "'prob_outperform'?"),
    ('RUSSELL_SCENARIO("GS")', "'goldman'?"),
    ('RUSSELL_SCENARIO("JP Morgan")', "'jpmorgan'?"),
    ('RUSSELL_POSITIONING("hedge funds")', "'leveraged'?"),
    ('RUSSELL_POSITIONING("real money")', "'asset_manager'?"),
    ('RUSSELL_POSITIONING(,"percentile")', "'percentile5y'?"),
    ('RUSSELL_DISPERSION("R2K")', "'russell'?"),
    ('RUSSELL_DISPERSION("ratio",,"cap-weighted")', "'cap'?"),
    ('RUSSELL_REGIME_PROB("soft landing")', "'goldilocks'?"),
    ('RUSSELL_NEEDLE(,"odds")', "'joint'?"),
    ('RUSSELL_PROJECTION({"oil",5,"percent"})', "'pct'?"),
]


@pytest.mark.parametrize(("formula", "offered"), MISTAKES)
def test_near_misses_are_asked_about(session: Session, capsys: Capture, formula: str, offered: str) -> None:
    assert cli.main(["call", formula]) == 1
    assert f"Did you mean {offered}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "formula", ["RUSSEL_BETA(A1)", '=1+RUSSELL_BTA("oil")', '=RUSSELL_BETA("oil")*RUSSEL_BETA("oil")']
)
def test_why_asks_too(session: Session, formula: str) -> None:
    assert "Did you mean RUSSELL_BETA?" in str(RUSSELL_WHY(formula))


def test_a_word_that_is_like_nothing_is_not_guessed_at() -> None:
    assert closest("zebra", ["inflation", "growth"]) is None
    assert closest("g", ["growth", "gold"]) is None, "one letter is no beginning"
    assert closest("odds", ["inflation", "growth"]) is None, "a word for something that is not asked about here"


@pytest.mark.parametrize(
    ("call", "stats"),
    [
        (lambda s: RUSSELL_BETA("growth", stat=s), set(get_args(BetaStat)) - set(OF_LEVELS)),
        (lambda s: RUSSELL_BETA("growth", stat=s, model="levels"), {*OF_LEVELS, *OF_STANDING, "beta", "rsquared"}),
        (lambda s: RUSSELL_POSITIONING("leveraged", s), set(get_args(PositionStat))),
        (lambda s: RUSSELL_DISPERSION("russell", s), set(get_args(DispersionStat))),
    ],
)
def test_all_is_every_statistic_as_asked_for_alone(
    session: Session, call: Callable[[str], Any], stats: set[str]
) -> None:
    table = {row[0]: row[1] for row in call("All")[1:]}
    for stat in stats:
        assert table[stat] == call(stat), stat
    assert table["source"] == "SAMPLE (synthetic)"


def test_call_shows_every_row_and_says_what_the_data_are(session: Session, capsys: Capture) -> None:
    rows = RUSSELL_BETA_HISTORY("oil", window="60m")
    assert len(rows) > 60
    assert cli.main(["call", 'RUSSELL_BETA_HISTORY("oil",,"60m")']) == 0
    output = capsys.readouterr()
    assert all(str(row[0]) in output.out for row in rows)
    assert "not shown" not in output.out
    assert output.err.startswith("SAMPLE (synthetic): invented data")
    assert cli.main(["call", 'RUSSELL_BETA("oil")']) == 0
    output = capsys.readouterr()
    assert float(output.out) == RUSSELL_BETA("oil")
    assert output.err.startswith("SAMPLE (synthetic): invented data")


def book(path: Path, day: str) -> Path:
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("S")
    sheet.write_string("B1", day)
    made.define_name("in_as_of", "=S!$B$1")
    sheet.write_formula("A2", "=RUSSELL_SNAPSHOT()", None, "")
    sheet.write_formula("A3", '=RUSSELL_BETA("oil",,,,in_as_of)', None, 0)
    sheet.write_dynamic_array_formula("D1", "=RUSSELL_BETAS(,,in_as_of)", None, "")
    made.close()
    assert cli.main(["workbook", "refresh", str(path)]) == 0
    return path


def test_diff_looks_inside_tables_and_lists_what_it_counts(session: Session, capsys: Capture, tmp_path: Path) -> None:
    days = ("2025-06-30", "2025-09-30")
    one, two = (book(tmp_path / f"{d}.xlsx", d) for d in days)
    before, after = (RUSSELL_BETAS(None, None, d) for d in days)
    cells = [(a, b) for x, y in zip(before, after, strict=True) for a, b in zip(x, y, strict=True) if a != b]
    differ = len([1 for a, b in cells if not (isinstance(a, float) and math.isclose(a, float(str(b)), abs_tol=1e-12))])
    capsys.readouterr()
    assert cli.main(["workbook", "diff", str(one), str(two)]) == 0
    said = capsys.readouterr().out
    assert f"{differ + 1} cells they fill show something else, {differ} of them inside tables" in said
    listed = [line for line in said.splitlines() if re.match(r"S\s+[A-Z]+\d+ ", line)]
    assert len(listed) == differ + 1
    inflation = next(line for line in listed if " E3 " in line)
    assert "inflation, beta" in inflation
    assert f"{before[2][1]:.6g}" in inflation
    assert "window" in inflation


def test_a_refresh_names_tables_that_show_their_corner_and_misspelt_functions(
    session: Session, capsys: Capture, tmp_path: Path
) -> None:
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = made.add_worksheet("S")
    for cell, formula in {
        "A1": "=RUSSELL_BETAS()",
        "A2": "=INDEX(RUSSELL_BETAS(),2,2)",
        "A3": '=RUSSELL_BETA("oil",,"all")',
        "A4": '=RUSSELL_BETA("oil")',
        "A5": '=RUSSEL_BETA("oil")',
    }.items():
        sheet.write_formula(cell, formula, None, 7.5)
    sheet.write_dynamic_array_formula("F1", "=RUSSELL_BETAS()", None, "")
    made.close()
    cli.main(["workbook", "refresh", str(tmp_path / "b.xlsx")])
    said = capsys.readouterr().err
    assert "Tables that show only their upper left cell: S!A1, S!A3. Type the formula anew" in said
    assert "Ctrl+Shift+Enter" in said
    assert "S!A5: There is no function RUSSEL_BETA. Did you mean RUSSELL_BETA?" in said


def test_doctor_on_workbooks_that_hold_no_macros(session: Session, capsys: Capture, tmp_path: Path) -> None:
    for name, said in (
        ("b.xlsx", "b.xlsx is an .xlsx and holds no functions of its own"),
        ("b.csv", "b.csv is no Excel workbook"),
        ("gone.xlsm", "there is no"),
    ):
        if name != "gone.xlsm":
            (tmp_path / name).write_bytes(b"x")
        cli.main(["doctor", "--book", str(tmp_path / name)])
        out = capsys.readouterr().out
        assert said in out
        assert "Supported:" not in out, "no library's words"


def test_a_refresh_without_a_network_says_one_line_a_source(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every name is unknown, as on a train."""
    import socket

    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path))
    monkeypatch.setenv("XL_SMALLCAP_SOURCES", "fred,cftc,ishares")
    monkeypatch.setenv("XL_SMALLCAP_RETRY_SECONDS", "0")
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    use_session(Session(load_settings(tmp_path)))
    assert cli.main(["data", "refresh"]) == 1
    output = capsys.readouterr()
    lines = [line for line in output.err.splitlines() if "is there a network?" in line]
    assert [line.split(" (")[0] for line in lines] == ["FRED", "CFTC", "iShares"]
    assert all(re.search(r"\d+ series were asked for\.$", line) for line in lines)
    assert "DGS2" not in output.out + output.err
    use_session(None)


def test_progress_names_every_sheet_while_it_is_calculated(session: Session) -> None:
    seen: list[tuple[str, int, int]] = []
    workbook_bytes(progress=lambda *step: seen.append(step))
    assert {name for name, _, _ in seen} >= set(SHEETS)
    done = [k for _, k, _ in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1][2], "the bar ends full"
