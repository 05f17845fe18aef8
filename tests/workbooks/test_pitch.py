"""The pitch sheet: one page, careful, complete for its audience; and what changed since the last one."""

from __future__ import annotations

import datetime as dt
import io
import re
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.formula import ArrayFormula

from tests.conftest import num
from xl_smallcap import cli
from xl_smallcap.analyses.thesis import CLAIMS
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import (
    RUSSELL_BETA,
    RUSSELL_FACTOR,
    RUSSELL_FAIR_VALUE,
    RUSSELL_REGIME_RETURNS,
    RUSSELL_REGIMES,
    RUSSELL_SCENARIO,
    RUSSELL_SCENARIO_SCORE,
    RUSSELL_SNAPSHOT,
    RUSSELL_THESIS,
    RUSSELL_TIPPING,
)
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks.book import prepare
from xl_smallcap.workbooks.foreign.difference import difference
from xl_smallcap.workbooks.pitch_sheet import make_pitch, pitch_bytes
from xl_smallcap.workbooks.sheets.pitch import PitchOptions

pytestmark = pytest.mark.filterwarnings("ignore:.*xtension is not supported")
DAY = dt.date(2025, 6, 30)


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def changed(store: Store, series: dict[str, SeriesData], source: str) -> str:
    """The current snapshot with some series of other values or from another source, now CURRENT."""
    old = store.open()
    kept = {n: e for n, e in old.entries.items() if n not in series}
    made = store.add(
        series,
        source=source,
        kept=kept,
        synthetic=old.synthetic,
        holdings=old.holdings_entries,
        prices=old.prices_entry,
    )
    store.use(made.fingerprint)
    return made.fingerprint


def texts(options: PitchOptions, as_of: dt.date | None = None, values: bool = True) -> dict[str, list[str]]:
    data, _ = pitch_bytes(options, as_of, quiet)
    book = openpyxl.load_workbook(io.BytesIO(data), data_only=values)
    return {
        s.title: [str(getattr(c.value, "text", c.value)) for row in s.iter_rows() for c in row if c.value is not None]
        for s in book.worksheets
    }


def test_the_page_says_what_it_must(session: Session) -> None:
    page = texts(PitchOptions(), DAY)["Pitch"]
    whole = "\n".join(page)
    beta = num(RUSSELL_BETA("growth", "relative", None, 250, DAY))
    mean = num(RUSSELL_SCENARIO("goldman", "relative", None, None, DAY))
    assert f"growth {beta:+.2f} %" in page[page.index("rebound_then_pause") + 2]
    for factor in ("growth", "inflation", "easing"):
        size, p = (num(RUSSELL_BETA(factor, "relative", stat, 250, DAY)) for stat in ("beta", "pvalue_bh"))
        word = "clear" if p <= 0.10 else "not clear"
        assert f"{factor} {size:+.2f} % ({word})" in whole, "clear only after correction, as RUSSELL_SENTENCE has it"
    later = "(written 2025-12-24, later than this page)"
    assert f"growth low inflation {later} the mean over 6 months is {mean:+.1f} log % (odds" in whole
    for said in (
        "Internal - not for distribution", "SAMPLE: synthetic data, not a market", "The case against",
        "What would change our mind", "as of 2025-06-30", f"Snapshot {RUSSELL_SNAPSHOT()}", "xl_smallcap 0.1.0",
        "levels are the user's assumption, not a forecast by the firm named", "hypothetical", "before costs",
        "not affiliated with or endorsed by FTSE Russell", "not investment advice", "conditional on", "base rate",
        "Sources: SAMPLE (synthetic) (CFTC; CME; ", "Federal Reserve Bank of Chicago",
        "(growth known to 20", "by weekly betas", "four models from",
    ):  # fmt: skip
        assert said in whole, said
    conflict = RUSSELL_SCENARIO("goldman", "relative", "frequency_conflict", None, DAY)
    phrase = "do not clearly differ in sign" if conflict == "none" else f"betas to {conflict} have opposite signs"
    assert any(cell.startswith("Daily and weekly betas") and phrase in cell for cell in page)
    tipping = RUSSELL_TIPPING(None, "goldman", "relative", None, DAY)
    assert isinstance(tipping, list)
    assert tipping[2][0] == "inflation"
    now = num(RUSSELL_FACTOR("inflation", "level", DAY))
    if tipping[2][3] is not None:
        ends = " to ".join(f"{now + num(v) / 100:.2f}" for v in tipping[2][3:5])
        assert f"(90 %: {ends})" in whole
    beaten = 1.0 - num(RUSSELL_FAIR_VALUE("relative", "noise_percentile", 250, DAY, "levels"))
    assert f"is beaten by {beaten:.0%} of random walks" in whole
    after = RUSSELL_REGIME_RETURNS("relative", DAY)[4]
    assert after[:2] == ["goldilocks", "next month"]
    assert f"made {num(after[4]):+.2f} % ({num(after[2]):.0f} months, hypothetical): {after[12]}." in whole
    score = [num(row[6]) for row in RUSSELL_SCENARIO_SCORE("relative", 1, DAY)[3:5]]
    assert f"score {score[0]:.3f} (Brier), the base rate {score[1]:.3f}: no skill" in whole
    for claim in CLAIMS:
        assert any(cell.startswith(f"{claim} (") for cell in page)
    assert not re.search(r"\b(buy|sell|overweight|underweight|recommend\w*|should)\b", whole, re.IGNORECASE), (
        "no advice"
    )
    assert not any(cell.startswith("#") for cell in page), "no error on the page"


def test_rows_and_columns_the_page_finds_by_number_hold_what_it_takes_them_for(session: Session) -> None:
    from xl_smallcap.functions import RUSSELL_BETAS
    from xl_smallcap.workbooks.sheets.pitch_words import _HORIZON_ROW, _SOURCE_ROW

    for path in session.scenarios.paths:
        table = RUSSELL_SCENARIO(path, "relative", "all", None, DAY)
        assert isinstance(table, list)
        assert table[_HORIZON_ROW - 1][0] == "horizon_months"
        assert table[_SOURCE_ROW - 1][0] == "path_from"
    assert RUSSELL_BETAS("relative", 250, DAY)[0][25] == "source"
    assert [row[0] for row in RUSSELL_SCENARIO_SCORE("relative", 1, DAY)[3:5]] == ["none", "base_rate"]
    assert RUSSELL_SCENARIO_SCORE("relative", 1, DAY)[0][6] == "brier"
    assert [RUSSELL_THESIS(DAY)[0][k] for k in (8, 10)] == ["verdict", "last_date"]
    assert RUSSELL_REGIMES(3, DAY)[0][9] == "growth_to"
    tipping = RUSSELL_TIPPING(None, "goldman", "relative", None, DAY)
    assert isinstance(tipping, list)
    assert tipping[0][2:5] == ["call_fails", "lower", "upper"]


def test_the_watermark_lets_the_page_through(session: Session) -> None:
    data, _ = pitch_bytes(PitchOptions(), DAY, quiet)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        drawing = archive.read("xl/drawings/drawing1.xml").decode()
    assert '<a:alpha val="22000"/>' in drawing
    assert "Internal - not for distribution" in drawing


def test_without_projections_none_is_in_the_file(session: Session) -> None:
    options = PitchOptions(audience="institutional", disclaimer="For professional clients.", approver="A. Nother")
    values, formulas = texts(options), texts(options, values=False)
    whole = "\n".join(values["Pitch"])
    assert "Internal" not in whole
    assert "For professional clients. Approved by A. Nother." in whole
    assert "Projections are not shown to this audience" in whole
    assert "not affiliated with or endorsed by FTSE Russell" in whole
    everything = "\n".join(t for sheet in formulas.values() for t in sheet)
    for name in ("SCENARIO", "FAN", "TIPPING", "NEEDLE", "PROJECTION", "REGIME_PROB", "WINNERS"):
        assert f"RUSSELL_{name}" not in everything, name
    assert "goldilocks_in_3m" not in "\n".join(t for sheet in values.values() for t in sheet)
    assert "Thesis" not in formulas
    shown = texts(PitchOptions(audience="institutional", projections=True))
    assert "conditional on" in "\n".join(shown["Pitch"])
    with pytest.raises(BadArgumentError, match="Did you mean 'institutional'"):
        pitch_bytes(PitchOptions(audience="institutionel"), None, quiet)
    with pytest.raises(BadArgumentError, match="Did you mean"):
        pitch_bytes(PitchOptions(path="goldmann"), None, quiet)


def test_what_came_from_a_terminal_does_not_leave_the_house(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    load(store, "sample", lambda *_: None)
    changed(store, {"DGS2": store.open().series("DGS2")}, "bloomberg")
    use_session(Session(load_settings(tmp_path)))
    try:
        with pytest.raises(BadArgumentError, match="DGS2 came from a Terminal"):
            pitch_bytes(PitchOptions(audience="institutional"), None, quiet)
        assert pitch_bytes(PitchOptions(), None, quiet)
    finally:
        use_session(None)


def test_frozen_values_stand_beside_their_formulas(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "p.xlsx"
    make_pitch(PitchOptions(), "2025-06-30", path, None, quiet, freeze=True)
    book = openpyxl.load_workbook(path)
    frozen = {(r[0].value, r[1].value): (r[2].value, r[3].value) for r in book["Frozen"].iter_rows(min_row=2)}
    live = openpyxl.load_workbook(path, data_only=True)
    assert len(frozen) > 800
    for sheet in live.worksheets:  # every cell that is calculated, the spilled ones too, by what it shows
        for row in sheet.iter_rows() if sheet.title != "Frozen" else ():
            for cell in row:
                if isinstance(book[sheet.title][cell.coordinate].value, ArrayFormula):
                    assert (sheet.title, cell.coordinate) in frozen
    table = RUSSELL_THESIS("2025-06-30")
    anchor = next(ref for (sheet, ref), (text, _) in frozen.items() if sheet == "Thesis" and "RUSSELL_THESIS" in text)
    column, top = anchor[0], int(anchor[1:])
    assert [frozen["Thesis", f"{column}{top + i}"][1] for i in range(len(table))] == [r[0] for r in table]
    seen = 0
    for (sheet, cell), (text, value) in frozen.items():
        formula = book[sheet][cell].value
        assert text.startswith("of ") or getattr(formula, "text", formula) == text
        stored = live[sheet][cell].value
        if isinstance(value, (int, float)) and not hasattr(stored, "year"):
            assert value == pytest.approx(stored, rel=1e-15)  # sixteen digits are written
            seen += 1
    assert seen > 600


@pytest.mark.libreoffice
def test_one_page_and_the_stored_values_are_what_libreoffice_calculates(
    office: Office,
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(session.settings.home))
    out = tmp_path / "pitch.xlsx"
    assert cli.main(["pitch", "--as-of", "2025-06-30", "--scenario", "goldman", "--out", str(out), "--pdf"]) == 0
    assert "and" in capsys.readouterr().out
    info = subprocess.run(["pdfinfo", str(tmp_path / "pitch.pdf")], capture_output=True, text=True, check=True).stdout
    assert "Pages:           1" in info
    size = next(line for line in info.splitlines() if line.startswith("Page size"))
    width, height = (float(x) for x in size.split(":")[1].split("pts")[0].split("x"))
    assert width > height, "landscape"
    opened = office.do("open", str(out))
    office.do("recalculate", opened)
    stored = openpyxl.load_workbook(out, data_only=True)
    compared = 0
    for sheet, blocks in office.do("results", opened).items():
        for top, left, rows in blocks:
            for i, row in enumerate(rows):
                for j, shown in enumerate(row):
                    value: Any = stored[sheet].cell(top + i + 1, left + j + 1).value
                    if isinstance(shown, dict):
                        assert value == shown["error"]
                    elif isinstance(shown, str):
                        assert (value or "") == shown, (sheet, top + i, left + j)
                    elif not hasattr(value, "year"):
                        assert float(value) == pytest.approx(shown, rel=1e-12, abs=1e-14)
                    compared += 1
    office.do("close", opened)
    assert compared > 1_000


def test_a_later_day_is_the_window(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "one.xlsx", tmp_path / "two.xlsx"
    make_pitch(PitchOptions(), "2025-03-31", one, None, quiet)
    make_pitch(PitchOptions(), "2025-06-30", two, None, quiet)
    report = difference(one, two)
    head, *rows = report.table
    columns = {str(n): i for i, n in enumerate(head)}
    ours = [r for r in rows if "RUSSELL_BETA" in str(r[columns["formula"]])]
    assert len(ours) > 150
    assert {r[columns["cause"]] for r in ours} == {"window"}
    growth = next(r for r in rows if (r[0], r[1]) == ("Pitch data", "B3"))
    betas = [num(RUSSELL_BETA("growth", "relative", None, 250, d)) for d in ("2025-03-31", "2025-06-30")]
    assert [growth[columns["old"]], growth[columns["new"]]] == betas
    assert growth[columns["label"]] == "growth, beta"
    assert growth[columns["change"]] == betas[1] - betas[0]
    assert difference(one, one).table == [head]
    assert cli.main(["workbook", "diff", str(one), str(two)]) == 0
    said = capsys.readouterr().out
    assert f"growth [{betas[0]:+.2f} -> {betas[1]:+.2f}] %" in said, "what the headline says otherwise"
    assert re.search(r"Pitch!A\d+: .*as of \[2025-03-31, -> 2025-06-30,\]", said)


def test_other_data_and_another_model_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path))
    store = Store(tmp_path / "store")
    load(store, "sample", lambda *_: None)
    use_session(Session(load_settings(tmp_path)))
    prepare()
    one, two, three = (tmp_path / f"{n}.xlsx" for n in ("one", "two", "three"))
    make_pitch(PitchOptions(), None, one, None, quiet)
    first = store.open().fingerprint
    series = store.open().series("T5YIE")
    moved = series.values.copy()
    moved[-40:] += 0.03 * (-1.0) ** (series.dates[-40:].astype(int) % 2)
    changed(store, {"T5YIE": SeriesData.build(series.dates, moved)}, "sample")
    use_session(Session(load_settings(tmp_path)))
    prepare()
    make_pitch(PitchOptions(), None, two, None, quiet)
    table = difference(one, two).table
    cause = {(r[0], r[1]): r[-1] for r in table[1:]}
    assert cause["Pitch data", "B4"] == "data"
    # another model: the same data and day, an interval of 80 % by the settings
    monkeypatch.setenv("XL_SMALLCAP_CONFIDENCE", "0.8")
    use_session(Session(load_settings(tmp_path)))
    make_pitch(PitchOptions(), None, three, None, quiet)
    table = difference(two, three).table
    cause = {(r[0], r[1]): r[-1] for r in table[1:]}
    assert cause["Pitch data", "D4"] == "model"
    assert ("Pitch data", "B4") not in cause
    assert cli.main(["workbook", "diff", str(one), str(three)]) == 0
    said = capsys.readouterr().out
    assert "Causes: " in said
    assert "data" in said
    # the old snapshot is gone: said, not guessed
    use_session(None)
    store.manifest(first).unlink()
    use_session(Session(load_settings(tmp_path)))
    report = difference(one, three)
    use_session(None)
    assert any("Causes are not known" in line for line in report.told)
    assert {r[-1] for r in report.table[1:] if "RUSSELL_" in str(r[3])} == {"not known"}


def test_licences_of_everything_behind_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the default regressors alone: gauges, regimes, other constructions and constituents are on it too."""
    for series in ("PE_ALL", "SHORT_INTEREST", "CFNAI", "CU_SHFE_CNY"):
        home = tmp_path / series
        store = Store(home / "store")
        load(store, "sample", lambda *_: None)
        (home / "catalogue.toml").write_text(f'[series.{series}]\nlicence = "terminal"\n', "utf-8")
        use_session(Session(load_settings(home)))
        try:
            with pytest.raises(BadArgumentError, match=f"{series} came from a Terminal"):
                pitch_bytes(PitchOptions(audience="institutional"), None, quiet)
        finally:
            use_session(None)


def test_constituents_count_among_what_leaves_the_house(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    load(store, "sample", lambda *_: None)
    old = store.open()
    assert old.prices_entry is not None
    parts = tuple(replace(part, source="bloomberg") for part in old.prices_entry.parts)
    prices = replace(old.prices_entry, parts=parts)
    made = store.add(
        {}, source="sample", kept=old.entries, synthetic=True, holdings=old.holdings_entries, prices=prices
    )
    store.use(made.fingerprint)
    use_session(Session(load_settings(tmp_path)))
    try:
        with pytest.raises(BadArgumentError, match="constituents' prices came from a Terminal"):
            pitch_bytes(PitchOptions(audience="institutional"), None, quiet)
    finally:
        use_session(None)


def test_the_fan_is_as_long_as_the_longest_path(tmp_path: Path) -> None:
    load(Store(tmp_path / "store"), "sample", lambda *_: None)
    (tmp_path / "scenarios.toml").write_text(
        'schema = 1\n[paths.long]\nlabel = "A year"\ndated = 2025-12-31\nsource = "ours"\nmonths = 12\n'
        '[paths.long.shocks]\ngrowth = { unit = "pct", shock = 6 }\n',
        "utf-8",
    )
    use_session(Session(load_settings(tmp_path)))
    try:
        data, _ = pitch_bytes(PitchOptions(path="long"), None, quiet)
    finally:
        use_session(None)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        charts = "".join(archive.read(n).decode() for n in archive.namelist() if "/charts/chart" in n)
    assert "'Pitch data'!$H$50:$H$61" in charts
    book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)["Pitch data"]
    assert isinstance(book["H61"].value, float)
    assert book["P61"].value == "#N/A", "the other path has six months"
