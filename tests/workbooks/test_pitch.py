"""The pitch sheet: one page, careful, complete for its audience; and what changed since the last one."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import re
import subprocess
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
    RUSSELL_ATTRIBUTION,
    RUSSELL_BETA,
    RUSSELL_CALENDAR,
    RUSSELL_FIT,
    RUSSELL_SCENARIO,
    RUSSELL_SNAPSHOT,
    RUSSELL_THESIS,
    RUSSELL_TIPPING,
)
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks.book import new_draft, prepare
from xl_smallcap.workbooks.foreign.difference import difference
from xl_smallcap.workbooks.pitch_sheet import Prints, make_pitch, pitch_bytes
from xl_smallcap.workbooks.results import Results
from xl_smallcap.workbooks.sheets import pitch
from xl_smallcap.workbooks.sheets.inputs import PitchOptions
from xl_smallcap.workbooks.sheets.pitch_data import CLAIM_NAMES, CLAIMS_SHOWN
from xl_smallcap.workbooks.sheets.pitch_words import PHRASES, SHORT_NAMES, phrase
from xl_smallcap.workbooks.sheets.pitch_words import title as title_of

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


def named(data: bytes) -> dict[str, Any]:
    """The named results behind a page."""
    sheet = openpyxl.load_workbook(io.BytesIO(data), data_only=True)["Pitch data"]
    rows = [(str(r[0]), r[1]) for r in sheet.iter_rows(min_row=4, max_col=2, values_only=True) if r[0] is not None]
    return {name: value for name, value in rows if value is not None}


def test_the_page_says_what_the_functions_say(session: Session) -> None:
    data, _ = pitch_bytes(PitchOptions(), DAY, quiet)
    page = openpyxl.load_workbook(io.BytesIO(data), data_only=True)["Pitch"]
    cells = [str(c.value) for row in page.iter_rows() for c in row if c.value not in (None, "")]
    whole = "\n".join(cells)
    said = []
    for factor in ("growth", "inflation", "easing"):
        beta, low, high, p = (
            num(RUSSELL_BETA(factor, "relative", stat, "104w", DAY)) for stat in ("beta", "lower", "upper", "pvalue_bh")
        )
        said.append((f"{factor} {beta:+.2f} ± {(high - low) / 2:.2f}", p <= 0.10))
    clear = [text.split()[0] for text, yes in said if yes]
    tail = "clear after correction: " + " and ".join(clear) if clear else "none clear after correction"
    assert f"Weekly betas, % per sd (± 90%): {', '.join(text for text, _ in said)}; {tail}." in whole
    odds, base = (num(RUSSELL_SCENARIO("goldman", "relative", s, None, DAY)) for s in ("prob_outperform", "base_rate"))
    other = num(RUSSELL_SCENARIO("jpmorgan", "relative", "prob_outperform", None, DAY))
    assert f"Odds over 6 months: {odds:.0%} (Growth without inflation*), {other:.0%} (Rebound, then pause*)" in whole
    assert f"; base rate {base:.0%}" in whole
    mean, low, high = (num(RUSSELL_SCENARIO("goldman", "relative", s, None, DAY)) for s in ("mean", "p5", "p95"))
    row = cells.index("Growth without inflation*")
    assert cells[row + 1 : row + 5] == [f"{mean:+.1f}%", f"{low:+.0f} to {high:+.0f}%", f"{odds:.0%}", f"{base:.0%}"]
    assert "* written after this day" in whole
    tipping = RUSSELL_TIPPING(None, "goldman", "relative", None, DAY)
    assert isinstance(tipping, list)
    growth = dict(zip(tipping[0], tipping[1], strict=True))
    if growth["lower"] is not None:
        ends = f"({num(growth['lower']):+.1f} to {num(growth['upper']):+.1f})"
        assert f"Growth: even odds if cyclicals move {num(growth['tipping']):+.1f}% {ends}" in whole
    items = {r[0]: num(r[1]) for r in RUSSELL_ATTRIBUTION("2024-12-31", DAY, "relative")[1:]}
    assert f"Small less large since 31 December 2024: {items['total']:+.1f}%" in whole
    results = named(data)
    assert results["why.rest"] == pytest.approx(items["drift"] + items["specific"], abs=1e-12)
    macro = items["total"] - results["why.rest"]
    assert results["why.plug"] == pytest.approx(round(items["total"], 1) - round(macro, 1), abs=1e-9), "it adds up"
    unlike = f"macro said {macro:+.1f}%, small less large made {items['total']:+.1f}%."
    share = num(RUSSELL_FIT("relative", "rsquared", "104w", DAY))
    alike = f"macro explains {share:.0%} of the weekly variance."
    assert (unlike if abs(results["why.plug"]) > abs(round(macro, 1)) else alike) in whole
    calendar = RUSSELL_CALENDAR("easing", "relative", 60, DAY)
    head, first = calendar[0], dict(zip(calendar[0], calendar[1], strict=True))
    assert head[:2] == ["date", "event"]
    assert isinstance(first["date"], dt.date)
    half = (num(first["upper"]) - num(first["lower"])) / 2
    assert f" {first['date'].day} {first['date']:%b} {num(first['beta']):+.2f} ± {half:.2f}" in whole
    for text in (
        "INTERNAL, SAMPLE", "Evidence", "Objection", "Paths", "What would change our mind", "Levels that matter",
        "as of 30 June 2025", f"Snapshot {RUSSELL_SNAPSHOT()}", "xl_smallcap 0.1.0",
        "levels assumed",
        "Hypothetical, before costs", "Not affiliated with FTSE Russell or S&P", "not investment advice",
        "regime data to ",
        "Data: synthetic. ",
    ):  # fmt: skip
        assert text in whole, text
    assert not re.search(r"\b(buy|sell|overweight|underweight|recommend\w*|should)\b", whole, re.IGNORECASE), (
        "no advice"
    )


def test_the_scorecard_is_the_thesis(session: Session) -> None:
    """Verdicts are RUSSELL_THESIS's, decided ones first, at most eight rows; the rest stands on one line."""
    data, _ = pitch_bytes(PitchOptions(), DAY, quiet)
    page = openpyxl.load_workbook(io.BytesIO(data), data_only=True)["Pitch"]
    table = [dict(zip(RUSSELL_THESIS(DAY)[0], r, strict=True)) for r in RUSSELL_THESIS(DAY)[1:]]
    verdicts = {str(r["claim"]): r["claim_verdict"] for r in reversed(table) if r["claim"] in CLAIMS}
    order = {"supported": 0, "contradicted": 0, "unclear": 1, "mixed": 1}
    tested = sorted(
        (c for c in CLAIMS if verdicts[c] in order), key=lambda c: (order[str(verdicts[c])], CLAIMS.index(c))
    )
    top = pitch.LOWER + 7
    rows = [(page.cell(r, 22).value, page.cell(r, 37).value) for r in range(top, top + 8)]
    names = {CLAIM_NAMES[k]: v for k, v in CLAIMS_SHOWN.items()}
    assert rows == [(names.get(c, c), verdicts[c]) for c in tested[:8]]
    assert page.cell(pitch.LOWER + 5, 22).value == f"Scorecard: {len(tested)} of 10 tested"
    line = str(page.cell(pitch.LOWER + 6, 22).value or "")
    for claim in CLAIMS:
        name = next(SHORT_NAMES[k] for k, v in CLAIM_NAMES.items() if v == claim)
        assert (name in line) == (claim not in tested[:8])


def title(projecting: bool, **given: Any) -> str:
    """The title of made-up results."""
    results: dict[str, Any] = {
        "call.lower": -1.0, "call.upper": 1.0, "call.gap": 0.0, "call.least": 0.1, "call.most": -0.1,
        "path.1.label": "No change", "growth.weeks.beta": 1.0, "easing.weeks.beta": 1.0, "inflation.weeks.beta": -1.0,
    }  # fmt: skip
    results |= {f"claim.{name}.claim_verdict": given.pop(name, "mixed") for name in CLAIM_NAMES}
    results |= {name.replace("_", "."): value for name, value in given.items()}
    results |= {f"say.{name}": phrase(name).text(results) for name in CLAIM_NAMES}
    return title_of(projecting).text(results)


def test_the_title_follows_from_its_rules() -> None:
    nothing = "No call on small against large; no claim is decided."
    assert title(True) == nothing
    assert title(True, growth="supported") == "No call on small against large; growth helps."
    both = {"growth": "supported", "inflation": "contradicted"}
    assert title(True, **both) == "No call on small against large; growth helps.", "weeks have another sign"
    two = "No call on small against large; growth helps, inflation helps."
    assert title(True, **both, inflation_weeks_beta=0.5) == two
    assert title(True, positioning="contradicted") == "No call on small against large; positioning is not light."
    edge = {"call_lower": 0.5, "call_upper": 2.0, "call_gap": 0.2}
    assert title(True, **edge) == 'On "No change" odds favour small; no claim is decided.'
    assert title(True, **edge, **both, inflation_weeks_beta=0.5).endswith("; growth helps."), "room for one claim"
    long = {"path_1_label": "A name of five words"}
    assert title(True, **edge, **long) == "On this path odds favour small; no claim is decided."
    assert title(True, **{**edge, "call_gap": 0.05}) == nothing, "the odds are too near the base rate"
    down = {"call_lower": -2.0, "call_upper": -0.5, "call_gap": -0.2}
    assert title(True, **down).startswith('On "No change" odds favour large; ')
    assert title(False, **edge, easing="supported") == "Small against large: easing helps."
    assert title(False) == "Small against large: no claim of the thesis is decided."


def test_no_title_is_longer_than_twelve_words() -> None:
    signs = ("growth", "easing", "inflation")
    for verdicts in itertools.product(("supported", "contradicted", "mixed"), repeat=4):
        given = dict(zip(("growth", "easing", "inflation", "goldilocks"), verdicts, strict=True))
        up = {n: (given[n] == "supported") != (n == "inflation") for n in signs}
        betas = {f"{n}_weeks_beta": 1.0 if up[n] else -1.0 for n in signs}
        named = {"path_1_label": "Rebound, then pause"}
        for edge in ({}, {"call_lower": 0.5, "call_upper": 2.0, "call_gap": 0.2}):
            assert len(title(True, **given, **betas, **edge, **named).split()) <= 12
    for name, (yes, no) in PHRASES.items():
        for verdict, words in (("supported", yes), ("contradicted", no)):
            if name not in signs:
                said = title(True, **{name: verdict})
                assert words in said
                assert len(said.split()) <= 12


def test_every_name_of_a_place_is_found_and_no_number_of_one_is_in_the_code() -> None:
    """Rows and columns of other tables are found by name: no INDEX with numbers is written in the page's modules."""
    folder = Path(pitch.__file__).parent
    for module in ("pitch.py", "pitch_data.py", "pitch_words.py", "inputs.py"):
        code = (folder / module).read_text("utf-8")
        assert not re.search(r"INDEX\([^)]*RUSSELL[^)]*\),\s*\d", code), module
    results = Results(new_draft(io.BytesIO(), "t", "t").page("S"), 2)
    results.add("x", "1")
    with pytest.raises(ValueError, match="there is a result 'x' already"):
        results.add("x", "2")


def test_without_projections_none_is_in_the_file(session: Session) -> None:
    options = PitchOptions(audience="institutional", disclaimer="For professional clients.", approver="A. Nother")
    values, formulas = texts(options), texts(options, values=False)
    whole = "\n".join(values["Pitch"])
    assert "INTERNAL" not in whole
    assert "For professional clients. Approved by A. Nother." in whole
    assert "Not affiliated with FTSE Russell or S&P" in whole
    everything = "\n".join(t for sheet in formulas.values() for t in sheet)
    for name in ("SCENARIO", "FAN", "TIPPING", "NEEDLE", "PROJECTION", "REGIME_PROB", "WINNERS"):
        assert f"RUSSELL_{name}" not in everything, name
    assert "goldilocks" not in "\n".join(t for sheet in values.values() for t in sheet)
    assert "Thesis" not in formulas
    shown = texts(PitchOptions(audience="institutional", projections=True))
    assert "Odds over 6 months" in "\n".join(shown["Pitch"])
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
    make_pitch(PitchOptions(), "2025-06-30", path, Prints(), quiet, freeze=True)
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
    make_pitch(PitchOptions(), "2025-03-31", one, Prints(), quiet)
    make_pitch(PitchOptions(), "2025-06-30", two, Prints(), quiet)
    report = difference(one, two)
    head, *rows = report.table
    columns = {str(n): i for i, n in enumerate(head)}
    ours = [r for r in rows if "RUSSELL_BETA" in str(r[columns["formula"]])]
    assert len(ours) > 40
    assert {r[columns["cause"]] for r in ours} == {"window"}
    growth = next(r for r in rows if r[columns["label"]] == "growth.weeks.beta, value")
    betas = [num(RUSSELL_BETA("growth", "relative", None, "104w", d)) for d in ("2025-03-31", "2025-06-30")]
    assert [growth[columns["old"]], growth[columns["new"]]] == betas
    assert growth[columns["change"]] == betas[1] - betas[0]
    assert difference(one, one).table == [head]
    assert cli.main(["workbook", "diff", str(one), str(two)]) == 0
    said = capsys.readouterr().out
    assert f"growth [{betas[0]:+.2f} -> {betas[1]:+.2f}] ±" in said, "what the first bullet says otherwise"
    assert re.search(r"Pitch!A\d+: .*as of \[31 March -> 30 June\] 2025", said)


def test_other_data_and_another_model_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path))
    store = Store(tmp_path / "store")
    load(store, "sample", lambda *_: None)
    use_session(Session(load_settings(tmp_path)))
    prepare()
    one, two, three = (tmp_path / f"{n}.xlsx" for n in ("one", "two", "three"))
    make_pitch(PitchOptions(), None, one, Prints(), quiet)
    first = store.open().fingerprint
    series = store.open().series("T5YIE")
    moved = series.values.copy()
    moved[-40:] += 0.03 * (-1.0) ** (series.dates[-40:].astype(int) % 2)
    changed(store, {"T5YIE": SeriesData.build(series.dates, moved)}, "sample")
    use_session(Session(load_settings(tmp_path)))
    prepare()
    make_pitch(PitchOptions(), None, two, Prints(), quiet)
    table = difference(one, two).table
    cause = {r[2]: r[-1] for r in table[1:]}
    assert cause["inflation.days.beta, value"] == "data"
    # another model: the same data and day, an interval of 80 % by the settings
    monkeypatch.setenv("XL_SMALLCAP_CONFIDENCE", "0.8")
    use_session(Session(load_settings(tmp_path)))
    make_pitch(PitchOptions(), None, three, Prints(), quiet)
    table = difference(two, three).table
    cause = {r[2]: r[-1] for r in table[1:]}
    assert cause["inflation.days.lower, value"] == "model"
    assert "inflation.days.beta, value" not in cause
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
